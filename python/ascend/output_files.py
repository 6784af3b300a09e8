"""What ais_bench wrote for a set -> one vector for each input, every one accounted for."""

import hashlib
import io
import math
import os
from pathlib import Path

import numpy as np

from ascend.ais_bench import Job
from ascend.summary import Part
from common.errors import ChainError, reason
from common.files import replacing

FORMATS = ("NPY", "BIN", "TXT")
# The network ends in a division by the length; fp16 leaves about 1e-3 of error in it.
_LENGTH_TOLERANCE = 0.05


def names_of(stems: list[str], outfmt: str) -> list[str]:
    """Return the names of the outputs for the inputs ``stems``: ``<stem>_0.<npy|bin|txt>``."""
    return [f"{stem}_0.{outfmt.lower()}" for stem in stems]


def keep(parts: list[Part], stems: list[str], job: Job, dimension: int, folder: Path) -> str:
    """Move the outputs of ``job`` for the inputs ``stems`` into ``folder``, as all that it holds.

    They are of ``dimension`` numbers each. Returns their checksum. Raises ``ChainError``, and
    leaves ``folder`` as it was, where one is missing, extra or doubled, where the number of
    executions shows another batch size, or for what ``load`` refuses.
    """
    where: dict[str, Path] = {}
    for part in parts:
        written = {p.name for p in part.folder.iterdir()} if part.folder.is_dir() else set()
        if odd := set(part.outputs) ^ written:
            raise ChainError(
                f"the outputs of device {part.device} and its summary disagree about {min(odd)}; "
                "run make again."
            )
        for name in part.outputs:
            if name in where:
                raise ChainError(
                    f"ais_bench wrote {name} twice; run make again, if need be with one DEVICE=."
                )
            where[name] = part.folder / name
    names = names_of(stems, job.outfmt)
    missing, extra = set(names) - set(where), set(where) - set(names)
    if missing or extra:
        what = f"lacks {min(missing)}" if missing else f"has {min(extra)}, which belongs to nothing"
        raise ChainError(
            f"ais_bench wrote {len(where)} outputs for {len(names)} inputs and {what}; "
            "run make again."
        )
    for part in parts:
        executions = math.ceil(len(part.outputs) / job.batch_size)
        if len(part.times_ms) != executions:
            raise ChainError(
                f"ais_bench ran {len(part.times_ms)} batches on device {part.device} for "
                f"{len(part.outputs)} inputs, not {executions}: the model's batch size is not "
                f"{job.batch_size}; remove the .om and run make again."
            )
    mask = os.umask(0)
    os.umask(mask)
    with replacing(folder) as temporary:
        temporary.mkdir()
        for name, path in where.items():
            # What ais_bench made is private.
            path.chmod(0o666 & ~mask)
            path.rename(temporary / name)
        return load(temporary, stems, job.outfmt, dimension)[1]


def load(folder: Path, stems: list[str], outfmt: str, dimension: int) -> tuple[np.ndarray, str]:
    """Return the outputs for the inputs ``stems`` in their order, and a checksum of all of them.

    float32 (len(stems), dimension); the SHA-256 is of the files' contents in that order. Raises
    ``ChainError`` where ``folder`` holds other files, or one of the wrong size or type, not
    finite or not of unit length.
    """
    names = names_of(stems, outfmt)
    found = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    if odd := found ^ set(names):
        how = "lacks" if min(odd) not in found else "holds the foreign file"
        raise ChainError(f"{folder} {how} {min(odd)}; remove it and run make infer again.")
    result = np.empty((len(names), dimension), np.float32)
    digest = hashlib.sha256()
    for row, name in zip(result, names, strict=True):
        content = (folder / name).read_bytes()
        digest.update(content)
        row[:] = parse(name, content, dimension)
    lengths = np.linalg.norm(result, axis=1)
    bad = ~(np.abs(lengths - 1) < _LENGTH_TOLERANCE)
    if bad.any():
        index = int(bad.argmax())
        how = "not finite" if not np.isfinite(lengths[index]) else f"of length {lengths[index]:.3f}"
        raise ChainError(
            f"the NPU's output for input {stems[index]} is {how} instead of 1 "
            f"({int(bad.sum())} of {len(bad)} are wrong); check the weights and PRECISION."
        )
    return result, digest.hexdigest()


def parse(name: str, content: bytes, dimension: int) -> np.ndarray:
    """Return the vector in the file ``name``, float32 (dimension,).

    It is .npy, .txt, or .bin of raw float32. Text has six decimals, so that a value is off by up
    to 5e-7. Raises ``ChainError`` where ``content`` has another size or type.
    """
    try:
        if name.endswith(".npy"):
            values = np.load(io.BytesIO(content), allow_pickle=False)
            shown = f"{values.dtype} {values.shape}"
        elif name.endswith(".txt"):
            values = np.array(content.decode("ascii").split(), np.float32)
            shown = f"{len(values)} numbers"
        else:
            values = np.frombuffer(content[: len(content) // 4 * 4], np.float32)
            shown = f"{len(content)} bytes"
    except (ValueError, EOFError, MemoryError) as error:
        raise ChainError(
            f"the output {name} is not an array ({reason(error)}); run make again."
        ) from None
    # Some converters leave the output in fp16; .npy says so, the others could not.
    if values.dtype not in (np.float32, np.float16) or values.size != dimension:
        raise ChainError(
            f"the output {name} holds {shown} instead of {dimension} float32; rebuild the .om."
        )
    return values.reshape(dimension)

"""What ais_bench wrote for a set -> one vector for each input, every one accounted for."""

import math
from pathlib import Path

import numpy as np

from ascend.ais_bench import Part
from common.errors import ChainError
from common.shapes import DIMENSION

# The network ends in a division by the length; fp16 leaves about 1e-3 of error in it.
_LENGTH_TOLERANCE = 0.05


def collect(parts: list[Part], stems: list[str], outfmt: str, batch_size: int) -> np.ndarray:
    """Return the outputs for the inputs ``stems`` in their order, float32 (len(stems), 512).

    Raises ``ChainError`` where one is missing, extra, doubled, of the wrong size, not finite
    or not of unit length, or where the number of executions shows another batch size.
    """
    suffix = outfmt.lower()
    where: dict[str, Path] = {}
    for part in parts:
        listed = sorted(part.outputs)
        written = sorted(p.name for p in part.folder.iterdir()) if part.folder.is_dir() else []
        if listed != written:
            odd = min(set(listed) ^ set(written), default="a file twice")
            raise ChainError(f"{part.folder} and its summary disagree about {odd}; run make again.")
        executions = math.ceil(len(listed) / batch_size)
        if len(part.times_ms) != executions:
            raise ChainError(
                f"ais_bench ran {len(part.times_ms)} batches on device {part.device} for "
                f"{len(listed)} inputs, not {executions}: the model's batch size is not "
                f"{batch_size}; remove the .om and run make again."
            )
        for name in listed:
            if name in where:
                raise ChainError(f"ais_bench wrote {name} on two devices; run with one DEVICE=.")
            where[name] = part.folder / name
    names = [f"{stem}_0.{suffix}" for stem in stems]
    missing, extra = set(names) - set(where), set(where) - set(names)
    if missing or extra:
        what = f"lacks {min(missing)}" if missing else f"has {min(extra)}, which belongs to nothing"
        raise ChainError(
            f"ais_bench wrote {len(where)} outputs for {len(names)} inputs and {what}; "
            "run make again."
        )
    result = np.empty((len(names), DIMENSION), np.float32)
    for row, name in zip(result, names, strict=True):
        row[:] = read(where[name])
    lengths = np.linalg.norm(result, axis=1)
    bad = ~(np.abs(lengths - 1) < _LENGTH_TOLERANCE)
    if bad.any():
        index = int(bad.argmax())
        how = "not finite" if not np.isfinite(lengths[index]) else f"of length {lengths[index]:.3f}"
        raise ChainError(
            f"the NPU's output for input {stems[index]} is {how} instead of 1 "
            f"({int(bad.sum())} of {len(bad)} are wrong); check the weights and PRECISION."
        )
    return result


def read(path: Path) -> np.ndarray:
    """Return the vector in ``path``, float32 (512,): .npy, or .bin of raw float32.

    Raises ``ChainError`` where it has another size or type.
    """
    if path.suffix == ".npy":
        try:
            values = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ChainError(f"{path} is not an array ({error}); run make again.") from None
        shown = f"{values.dtype} {values.shape}"
    else:
        data = path.read_bytes()
        values = np.frombuffer(data[: len(data) // 4 * 4], np.float32)
        shown = f"{len(data)} bytes"
    # Some converters leave the output in fp16; .npy says so, .bin could not.
    if values.dtype not in (np.float32, np.float16) or values.size != DIMENSION:
        raise ChainError(f"{path} holds {shown} instead of {DIMENSION} float32; rebuild the .om.")
    return values.reshape(DIMENSION)

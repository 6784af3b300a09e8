"""What a processor must have for a precision to be more than emulated; standard library only.

The doctor asks this where no runtime is installed. Once one is, its engine's ``check`` decides.
"""

from __future__ import annotations

from engines import declared

# By engine and precision the CPU features, as Linux names them, of which one must be there. What is
# not named needs none.
NEEDS = {
    # OpenVINO's CPU plugin counts BF16 among its capabilities with these.
    ("openvino", "bf16"): {"avx512_bf16", "avx_ne_convert"},
    # PyTorch takes seconds for an image without.
    ("torch", "fp16"): {"avx512_fp16", "amx_fp16", "asimdhp"},
    # Only a provider for an NPU has it.
    ("onnxruntime", "fp16"): set(),
}


def precisions(engine: str, flags: set[str]) -> list[str]:
    """Return the precisions of ``engine`` that a processor with the features ``flags`` has."""
    return [
        precision
        for precision in declared()[engine].precisions
        if (engine, precision) not in NEEDS or NEEDS[engine, precision] & flags
    ]

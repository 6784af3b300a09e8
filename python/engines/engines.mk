# What each engine is, a line each: its precisions, the default first; "arrays" where it runs in
# this process, "files" where another program runs files; the variables that it alone takes.
# Make includes this file, engines/__init__.py and scripts/setup.sh read it.

ENGINE.ascend      := fp16 fp32       files   AIPP AIS_PYTHON ATC_FLAGS CHIP DEVICE OUTFMT
ENGINE.ncnn        := fp32 bf16       arrays  STREAMS THREADS
ENGINE.onnxruntime := fp32 fp16       arrays  DEVICE EP THREADS
ENGINE.openvino    := fp32 bf16 int8  arrays  CALIB STREAMS THREADS
ENGINE.torch       := fp32 fp16 bf16  arrays  THREADS TORCH_DEVICE TORCH_MODE

# The least glibc that an engine's wheel needs on a machine (uname -m) where others need less.
GLIBC.openvino.aarch64 := 2.35

# The fastest exact engine on a CPU, for networks whose name begins so; openvino for all others.
# Measured by bench-peers, fp32, images a second: docs/benchmarks.md. 94 of the 98 3x3 convolutions
# of an IR network have stride 1, where Winograd's takes less than half of the multiplications.
FASTEST.ir := ncnn

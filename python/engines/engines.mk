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

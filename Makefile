# From an ArcFace checkpoint to measured accuracy and throughput. `make help` explains.

ifneq ($(filter 3.% 4.0% 4.1% 4.2%,$(MAKE_VERSION)),)
$(error GNU Make $(MAKE_VERSION) is too old; install 4.3 or newer)
endif

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules --warn-undefined-variables
.SUFFIXES:
.DEFAULT_GOAL := help
# A recipe that fails must not leave a target that looks made.
.DELETE_ON_ERROR:

##@ What to run

## Network: a file in python/networks/
NET ?= ir_se100
## Verification set; its file name is the data set's name
DATA ?= data/lfw.bin
## Several sets in data/ for accuracy, by name (lfw cfp_fp ...), instead of DATA
DATASETS ?=
## PyTorch checkpoint of NET
WEIGHTS ?= model/model_$(NET).pth
## Batch size
BS ?= 16
## Batch sizes of the -all targets
BATCHES ?= 1 4 8 16 32 64
## Engine: ascend, or a file in python/engines/; default: ascend where there is an NPU, else openvino
ENGINE ?= $(DETECTED_ENGINE)
## Arithmetic of the engine; default: fp16 on an NPU, else fp32
PRECISION ?= $(if $(filter ascend,$(ENGINE))$(EP_DEVICE),fp16,fp32)

##@ How to run it

## 1 makes accuracy fail where it is not the expected one
CHECK ?=
## CPU threads; empty: what make tune found, else the engine's choice
THREADS ?=
## Batches that are worked on at a time in throughput mode; empty: likewise
STREAMS ?=
## 1 rewrites the simplified graph so that fewer nodes remain, exactly; 0 runs it as it is
FUSE ?= 1
## Set that PRECISION=int8 is calibrated on; empty: a sample of DATA
CALIB ?=
## Execution provider of ENGINE=onnxruntime; empty: CPUExecutionProvider
EP ?=
## Device of ENGINE=torch, cuda or cpu; empty: cuda where there is one
TORCH_DEVICE ?=
## Way of ENGINE=torch: compile, graph (CUDA graphs) or eager; empty: compile on cuda, else eager
TORCH_MODE ?=
## Timed runs of perf; empty: at least 100, and at least ten seconds of them
LOOP ?=
## Untimed runs before those
WARMUP ?= 5
## 1 runs each different image of a set once; 0 runs every entry
UNIQUE ?= 1
## ONNX operator set
OPSET ?= 11
## Class to export: builtin, or reference (the public implementation's, by `make patch`)
BACKBONE ?= builtin
## Python environment to make and use; empty: use PYTHON as it is
VENV ?= .venv
## Interpreter
PYTHON ?= python3
## 1 shows the commands
V ?=

include scripts/ascend_knobs.mk
include scripts/names.mk

##@ Results

.PHONY: demo accuracy accuracy-all perf perf-all

DEMO_WEIGHTS := model/demo_$(NET).pth
DEMO := DATA=data/demo.bin WEIGHTS=$(DEMO_WEIGHTS) LOOP=$(if $(LOOP),$(LOOP),10)
demo: data/demo.bin $(DEMO_WEIGHTS) ## The whole chain on made-up data: needs no download
	@+$(MAKE) --no-print-directory accuracy perf $(DEMO)
	@$(PYTHON_RUN) python/show.py --demo $(RUN:result/$(NET)_$(DATASET)_%=result/$(NET)_demo_%)_bs$(BS)

accuracy: $(if $(DATASETS),,$(RUN)_bs$(BS)/accuracy.json) ## Accuracy on DATA, or on each of DATASETS, at batch size BS
	@+$(ACCURACY_RUN)
	@$(ACCURACY_SHOW)

accuracy-all: $(BATCHES:%=$(RUN)_bs%/accuracy.json) ## Accuracy at each of BATCHES
	@$(PYTHON_RUN) python/show.py $^

perf: $(RUN)_bs$(BS)/perf.json ## Throughput and latency at batch size BS, pure inference
	@$(PYTHON_RUN) python/show.py $^

perf-all: $(BATCHES:%=$(RUN)_bs%/perf.json) ## The same at each of BATCHES, and the table
	@$(PYTHON_RUN) python/$(if $(filter ascend,$(ENGINE)),ascend_table,table).py $(^D)

include scripts/report.mk
include scripts/onnx.mk
include scripts/engines.mk
include scripts/speed.mk
include scripts/ascend.mk
include scripts/inputs.mk
include scripts/reference.mk
include scripts/bench.mk
include scripts/project.mk

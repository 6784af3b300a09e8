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

## CPU threads; empty: the engine's choice
THREADS ?=
## Execution provider of ENGINE=onnxruntime; empty: CPUExecutionProvider
EP ?=
## Timed runs of perf; empty: at least 100, and at least ten seconds of them
LOOP ?=
## Untimed runs before those
WARMUP ?= 5
## 1 runs each different image of a set once; 0 runs every entry
UNIQUE ?= 1
## ONNX operator set
OPSET ?= 11
## Python environment to make and use; empty: use PYTHON as it is
VENV ?= .venv
## Interpreter
PYTHON ?= python3
## 1 shows the commands
V ?=

include scripts/ascend_knobs.mk

# ---- Allowed values. A new network or engine is a file, and an engine's precisions a line.

NETS := $(patsubst python/networks/%.py,%,$(sort $(wildcard python/networks/[a-z]*.py)))
ENGINES := $(patsubst python/engines/%.py,%,$(sort $(wildcard python/engines/[a-z]*.py))) ascend
PRECISIONS_ascend := fp16 fp32
PRECISIONS_onnxruntime := fp32 $(if $(EP_DEVICE),fp16)
PRECISIONS_openvino := fp32

quote = '$(subst ','\'',$(1))'
problem := $(shell scripts/check.sh \
	one-of NET $(call quote,$(NET)) $(NETS) -- \
	one-of ENGINE $(call quote,$(ENGINE)) $(ENGINES) -- \
	one-of PRECISION $(call quote,$(PRECISION)) $(if $(filter $(ENGINE),$(ENGINES)),$(PRECISIONS_$(ENGINE))) -- \
	number BS $(call quote,$(BS)) -- numbers BATCHES $(call quote,$(BATCHES)) -- \
	maybe THREADS $(call quote,$(THREADS)) -- maybe LOOP $(call quote,$(LOOP)) -- \
	word EP $(call quote,$(EP)) -- one-of UNIQUE $(call quote,$(UNIQUE)) 0 1 -- \
	number WARMUP $(call quote,$(WARMUP)) -- number OPSET $(call quote,$(OPSET)) -- \
	path DATA $(call quote,$(DATA)) -- path WEIGHTS $(call quote,$(WEIGHTS)))
$(if $(problem),$(error $(problem)))

# ---- Names

DATASET := $(basename $(notdir $(DATA)))
CROPS := data/$(DATASET)
FIRSTS := data/$(DATASET)_first.npy
LABELS := data/$(DATASET)_list.npy
MODEL := model/model_$(NET)
# The weights of every stage; the name carries a hash, so any will do.
WEIGHT_DATA := $(firstword $(wildcard $(MODEL)_*.data) $(MODEL)_missing.data)
# The last stage of the ONNX chain, the one that engines run.
STAGE := sim
RUN := result/$(NET)_$(DATASET)_$(ENGINE)_$(PRECISION)
SIZES := $(sort $(BS) $(BATCHES))

PY := $(if $(VENV),$(VENV)/bin/python,$(PYTHON))
ENVIRONMENT := $(if $(VENV),$(VENV)/.installed)
PYTHON_RUN := PY=$(call quote,$(PY)) scripts/python.sh
STEP := @PY=$(call quote,$(PY)) V=$(call quote,$(V)) scripts/step.sh
# Inside a STEP, which has set PY.
MODULE := scripts/python.sh

# $(call modules,NAME...): the files that a step is made by, besides its data.
modules = $(patsubst %,python/%.py,$(1) atomic errors) requirements-lock.txt

# A step with several products has one target, the product it writes last (grouped targets
# mislead make -n). $(call beside,FILES) makes that target stale when one of FILES is gone.
beside = $(if $(filter-out $(wildcard $(1)),$(1)),FORCE)

# ---- Stamps: a stamp is newer than what was made with other knobs than today's.

.PHONY: FORCE
same = $(if $(subst x$(1)x,,x$(2)x)$(subst x$(2)x,,x$(1)x),,yes)
# $(call stamp,STAMP,KNOBS,FILES): STAMP holds KNOBS and the size and time of each of FILES.
define stamp
$(1): $(3) $(if $(call same,$(file <$(1)),$(shell scripts/stamp.sh $(call quote,$(2)) $(3))),,FORCE)
	@scripts/stamp.sh --write $$@ $(call quote,$(2)) $(3)
endef
DATA_STAMP := data/.stamp/$(DATASET)
WEIGHTS_STAMP := model/.stamp/$(NET)
RUN_STAMP := $(RUN:result/%=result/.stamp/%_run)
PERF_STAMP := $(RUN:result/%=result/.stamp/%_perf)
$(eval $(call stamp,$(DATA_STAMP),DATA=$(DATA),$(DATA)))
$(eval $(call stamp,$(WEIGHTS_STAMP),WEIGHTS=$(WEIGHTS) OPSET=$(OPSET),$(WEIGHTS)))
$(eval $(call stamp,$(RUN_STAMP),EP=$(EP) $(EP_DEVICE) THREADS=$(THREADS) UNIQUE=$(UNIQUE),))
$(eval $(call stamp,$(PERF_STAMP),LOOP=$(LOOP) WARMUP=$(WARMUP),))

##@ Results

.PHONY: demo accuracy accuracy-all perf perf-all

DEMO_WEIGHTS := model/demo_$(NET).pth
DEMO := DATA=data/demo.bin WEIGHTS=$(DEMO_WEIGHTS) LOOP=$(if $(LOOP),$(LOOP),10)
demo: data/demo.bin $(DEMO_WEIGHTS) ## The whole chain on made-up data: needs no download
	@+$(MAKE) --no-print-directory accuracy perf $(DEMO)
	@$(PYTHON_RUN) python/show.py --demo $(RUN:result/$(NET)_$(DATASET)_%=result/$(NET)_demo_%)_bs$(BS)

accuracy: $(RUN)_bs$(BS)/accuracy.json ## Accuracy on DATA at batch size BS
	@$(PYTHON_RUN) python/show.py $^

accuracy-all: $(BATCHES:%=$(RUN)_bs%/accuracy.json) ## Accuracy at each of BATCHES
	@$(PYTHON_RUN) python/show.py $^

perf: $(RUN)_bs$(BS)/perf.json ## Throughput and latency at batch size BS, pure inference
	@$(PYTHON_RUN) python/show.py $^

perf-all: $(BATCHES:%=$(RUN)_bs%/perf.json) ## The same at each of BATCHES, and the table
	@$(PYTHON_RUN) python/$(if $(filter ascend,$(ENGINE)),ascend_table,table).py $(^D)

##@ Single steps

.PHONY: preprocess onnx onnx-all sim sim-all

preprocess: $(LABELS) ## DATA -> decoded crops and labels in data/

$(LABELS): $(DATA) $(DATA_STAMP) $(call beside,$(CROPS)/__attrs__ $(FIRSTS)) \
		$(call modules,preprocess verification_bin decode checksum machine progress) | $(ENVIRONMENT)
	$(STEP) preprocess $(CROPS) $(MODULE) python/preprocess.py \
		--bin $(DATA) --crops $(CROPS) --firsts $(FIRSTS) --labels $(LABELS)

onnx: $(MODEL)_bs$(BS).onnx ## WEIGHTS -> ONNX of batch size BS
onnx-all: $(BATCHES:%=$(MODEL)_bs%.onnx) ## The same for each of BATCHES

$(MODEL).onnx: $(WEIGHTS) $(WEIGHTS_STAMP) $(call beside,$(MODEL)_reference.npy $(WEIGHT_DATA)) \
		python/networks/__init__.py python/networks/$(NET).py $(wildcard python/networks/_*.py) \
		$(call modules,export_onnx onnx_store parity crops decode checkpoint checksum) | $(ENVIRONMENT)
	$(STEP) export $(MODEL).onnx $(MODULE) python/export_onnx.py --net $(NET) \
		--weights $(WEIGHTS) --opset $(OPSET) --onnx $(MODEL).onnx --reference $(MODEL)_reference.npy

$(SIZES:%=$(MODEL)_bs%.onnx): $(MODEL)_bs%.onnx: $(MODEL).onnx $(call modules,fix_batch onnx_store)
	$(STEP) fix-batch $@ $(MODULE) python/fix_batch.py --onnx $< --batch-size $* --out $@

sim: $(MODEL)_bs$(BS)_sim.onnx ## ONNX -> onnxsim -> parity gate
sim-all: $(BATCHES:%=$(MODEL)_bs%_sim.onnx) ## The same for each of BATCHES

$(SIZES:%=$(MODEL)_bs%_sim.onnx): $(MODEL)_bs%_sim.onnx: $(MODEL)_bs%.onnx \
		$(call modules,simplify_onnx onnx_store parity crops decode)
	$(STEP) simplify $@ $(MODULE) python/simplify_onnx.py --onnx $< \
		--reference $(MODEL)_reference.npy --weights-name $(notdir $(MODEL)) \
		--out $@ --parity $(MODEL)_bs$*_parity.json

ENGINE_FILES := python/engines/__init__.py python/engines/$(ENGINE).py \
	$(call modules,configuration machine npu onnx_store crops decode checksum progress)
CONFIGURATION = --crops $(CROPS) --engine $(ENGINE) --precision $(PRECISION) --batch-size $* \
	$(if $(EP),--provider $(call quote,$(EP))) $(if $(THREADS),--threads $(THREADS)) \
	$(if $(EP_DEVICE),--device $(DEVICE))

$(SIZES:%=$(RUN)_bs%/accuracy.json): $(RUN)_bs%/accuracy.json: $(RUN)_bs%/embeddings.npy \
		$(call modules,score evaluate machine)
	$(STEP) score $@ $(MODULE) python/score.py --embeddings $< --run $(@D)/run.json \
		--labels $(LABELS) --out $@

# ais_bench runs files, not arrays in this process: its two rules are in scripts/ascend.mk.
ifneq ($(ENGINE),ascend)
$(SIZES:%=$(RUN)_bs%/embeddings.npy): $(RUN)_bs%/embeddings.npy: $(MODEL)_bs%_$(STAGE).onnx \
		$(LABELS) $(RUN_STAMP) python/embed.py $(ENGINE_FILES)
	$(STEP) --alone embed $@ $(MODULE) python/embed.py --model $< $(CONFIGURATION) \
		$(if $(filter 1,$(UNIQUE)),--firsts $(FIRSTS)) --out $@ --run $(@D)/run.json

$(SIZES:%=$(RUN)_bs%/perf.json): $(RUN)_bs%/perf.json: $(MODEL)_bs%_$(STAGE).onnx \
		$(LABELS) $(RUN_STAMP) $(PERF_STAMP) python/benchmark.py $(ENGINE_FILES)
	$(STEP) --alone benchmark $@ $(MODULE) python/benchmark.py --model $< $(CONFIGURATION) \
		--warmup $(WARMUP) $(if $(LOOP),--loop $(LOOP)) --out $@
endif

include scripts/inputs.mk
include scripts/project.mk
include scripts/ascend.mk

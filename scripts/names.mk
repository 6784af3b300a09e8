# Allowed values, the names of products, and how a step is run and found stale.

# ---- Allowed values. A new network or engine is a file, and an engine's precisions a line.

NETS := $(patsubst python/networks/%.py,%,$(sort $(wildcard python/networks/[a-z]*.py)))
ENGINES := $(patsubst python/engines/%.py,%,$(sort $(wildcard python/engines/[a-z]*.py))) ascend
PRECISIONS_ascend := fp16 fp32
PRECISIONS_onnxruntime := fp32 $(if $(EP_DEVICE),fp16)
PRECISIONS_openvino := fp32 bf16 int8
PRECISIONS_torch := fp32 fp16 bf16

quote = '$(subst ','\'',$(1))'
problem := $(shell scripts/check.sh \
	one-of NET $(call quote,$(NET)) $(NETS) -- \
	one-of ENGINE $(call quote,$(ENGINE)) $(ENGINES) -- \
	one-of PRECISION $(call quote,$(PRECISION)) $(if $(filter $(ENGINE),$(ENGINES)),$(PRECISIONS_$(ENGINE))) -- \
	one-of TORCH_DEVICE $(call quote,$(TORCH_DEVICE)) cuda cpu '' -- \
	one-of TORCH_MODE $(call quote,$(TORCH_MODE)) compile graph eager '' -- \
	number BS $(call quote,$(BS)) -- numbers BATCHES $(call quote,$(BATCHES)) -- \
	maybe THREADS $(call quote,$(THREADS)) -- maybe STREAMS $(call quote,$(STREAMS)) -- \
	one-of FUSE $(call quote,$(FUSE)) 0 1 -- maybe LOOP $(call quote,$(LOOP)) -- \
	one-of BACKBONE $(call quote,$(BACKBONE)) builtin reference -- \
	word EP $(call quote,$(EP)) -- one-of UNIQUE $(call quote,$(UNIQUE)) 0 1 -- \
	number WARMUP $(call quote,$(WARMUP)) -- number OPSET $(call quote,$(OPSET)) -- \
	path DATA $(call quote,$(DATA)) -- path WEIGHTS $(call quote,$(WEIGHTS)) $(if $(CALIB),-- \
	path CALIB $(call quote,$(CALIB))))
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
STAGE := $(if $(filter 1,$(FUSE)),fused,sim)
RUN := result/$(NET)_$(DATASET)_$(ENGINE)_$(PRECISION)
BACKBONE_REFERENCE := $(if $(filter reference,$(BACKBONE)),LResNet/.patched)
SIZES := $(sort 1 $(BS) $(BATCHES))
# What the engine runs: a file for each batch size, or one for all.
QUANTISED := $(MODEL)_$(DATASET)_int8
RUN_MODEL := $(if $(filter int8,$(PRECISION)),$(QUANTISED)/model.xml,$(MODEL)_bs%_$(STAGE).onnx)

PY := $(if $(VENV),$(VENV)/bin/python,$(PYTHON))
ENVIRONMENT := $(if $(VENV),$(VENV)/.installed)
PYTHON_RUN := PY=$(call quote,$(PY)) scripts/python.sh
STEP := @PY=$(call quote,$(PY)) V=$(call quote,$(V)) scripts/step.sh
# Inside a STEP, which has set PY.
MODULE := scripts/python.sh

# $(call modules,NAME...): the files that a step is made by, besides its data.
modules = $(patsubst %,python/%.py,$(1) $(if $(filter decode,$(1)),image_header) \
	$(if $(filter verification_bin,$(1)),inert_pickle pickle_machine) atomic errors) requirements-lock.txt

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
$(eval $(call stamp,$(DATA_STAMP),DATA=$(DATA),$(DATA)))
$(eval $(call stamp,$(WEIGHTS_STAMP),WEIGHTS=$(WEIGHTS) OPSET=$(OPSET) BACKBONE=$(BACKBONE),$(WEIGHTS)))

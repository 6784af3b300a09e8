# From an ArcFace checkpoint to measured accuracy and throughput, in the order in which data flow.
# scripts/variables.mk has the variables, scripts/rules.mk how rules work, scripts/extras.mk what
# is not the chain. `make help` explains.

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

include scripts/variables.mk
include scripts/rules.mk

# ---- Names: of the set's file, the checkpoint's file, and what they are run with

SET := $(basename $(notdir $(DATA)))
# Not data/<set>: that may be the folder of photographs that the set was made of.
CROPS := data/$(SET)_crops
LABELS := data/$(SET)_list.npy
UNIQUE_INDEX := data/$(SET)_unique.npy

# A checkpoint, or a network in ONNX that somebody else made of one.
MODEL_SOURCE := $(or $(ONNX),$(WEIGHTS))
STEM := $(basename $(notdir $(MODEL_SOURCE)))
MODEL := model/$(STEM)
SIZES := $(sort 1 $(BS) $(BATCHES))
STAGE := $(if $(filter 0,$(FUSE)),sim,fused)
# An NPU gets the guide's own graph unless asked otherwise; its figures stand beside the guide's.
# A model for one is named by what it is besides that.
OM_STAGE := $(if $(filter 1,$(FUSE)),fused,sim)
AIPP_NAME := $(if $(filter 1,$(AIPP)),_aipp)
OM_VARIANT := $(filter _fused,_$(OM_STAGE))$(AIPP_NAME)

FILES_ENGINE := $(filter files,$(value ENGINE.$(ENGINE)))
run_on = result/$(patsubst model_%,%,$(STEM))_$(1)_$(ENGINE)_$(PRECISION)$(if $(FILES_ENGINE),$(OM_VARIANT))
RUN := $(call run_on,$(SET))

##@ Results

.PHONY: demo accuracy accuracy-all perf perf-all

# ---- Files that a person brings, or that are downloaded; the demo makes its own

DEMO_DATA := data/demo.bin
DEMO_WEIGHTS := model/demo_$(NET).pth
YUNET := $(or $(DETECTOR),model/yunet_n_dynamic.onnx)
BROUGHT := $(DATA) $(MODEL_SOURCE) $(CALIB) $(DATASETS:%=data/%.bin) $(YUNET)
DOWNLOADABLE := $(patsubst "%":,%,$(filter "data/%": "model/%":,$(file <scripts/downloads.json)))

# Without prerequisites to be older than: a file that is there is never downloaded again.
$(sort $(filter-out $(DEMO_DATA) $(DEMO_WEIGHTS),$(BROUGHT))):
	@PY=$(call quote,$(PY)) V=$(call quote,$(V)) scripts/bring.sh $@ $(DATA) $(call quote,$(DATA_URL)) \
		$(WEIGHTS) $(call quote,$(WEIGHTS_URL)) $(YUNET)
$(DOWNLOADABLE) $(DATA_URL:%=$(DATA)) $(WEIGHTS_URL:%=$(WEIGHTS)): | $(call needs,download)

$(DEMO_DATA): $(call by,make_demo_bin)
	$(STEP) demo-faces $@ python/make_demo_bin.py --out $@

$(DEMO_WEIGHTS): $(DEMO_DATA) $(call by,make_demo_checkpoint networks/$(NET))
	$(STEP) demo-weights $@ python/make_demo_checkpoint.py --net $(NET) --bin $< --out $@

# ---- Verification set -> decoded crops, labels, unique index

DATA_STAMP := data/.stamp/$(SET)
$(eval $(call stamp,$(DATA_STAMP),DATA=$(DATA),$(DATA)))

$(LABELS): $(DATA) $(DATA_STAMP) $(call beside,$(CROPS)/__attrs__ $(UNIQUE_INDEX)) $(call by,preprocess)
	$(STEP) preprocess $(CROPS) python/preprocess.py --bin $(DATA) --crops $(CROPS) \
		--unique-index $(UNIQUE_INDEX) --labels $(LABELS)

# ---- Checkpoint -> ONNX with a symbolic batch -> one file a batch size -> simplified -> fused

# What the network expects of its input: a record of the model from here on.
NET_COLOUR := $(if $(findstring COLOUR = "rgb",$(file <python/networks/$(NET).py)),rgb,bgr)
PREPROCESSING := --colour $(or $(COLOUR),$(NET_COLOUR)) --mean=$(or $(MEAN),127.5) --scale=$(or $(SCALE),127.5)
WEIGHTS_STAMP := model/.stamp/$(STEM)
$(eval $(call stamp,$(WEIGHTS_STAMP),$(if $(ONNX),ONNX=$(ONNX) OUTPUT=$(OUTPUT),NET=$(NET) WEIGHTS=$(WEIGHTS) \
	OPSET=$(OPSET) BACKBONE=$(BACKBONE)) $(PREPROCESSING),$(MODEL_SOURCE)))
# The weights of every stage; the name carries a hash, so any will do.
WEIGHT_DATA := $(firstword $(wildcard $(MODEL)_????????????????.data) $(MODEL)_missing.data)
REFERENCE_builtin :=
REFERENCE_reference := LResNet

EXPORTED := --weights-name $(STEM) --onnx $(MODEL)_dynamic.onnx --baseline $(MODEL)_baseline.npy
$(MODEL)_dynamic.onnx: $(MODEL_SOURCE) $(WEIGHTS_STAMP) $(call beside,$(MODEL)_baseline.npy $(WEIGHT_DATA))
ifdef ONNX
# Weights beside the graph, as exporters name them.
$(MODEL)_dynamic.onnx: $(wildcard $(ONNX)?data) $(call by,adopt_onnx)
	$(STEP) adopt $@ python/adopt_onnx.py --source $(ONNX) $(OUTPUT:%=--output %) $(PREPROCESSING) $(EXPORTED)
else
$(MODEL)_dynamic.onnx: $(REFERENCE_$(BACKBONE):%=%/.patched) $(call by,export_onnx networks/$(NET))
	$(STEP) export $@ python/export_onnx.py --net $(NET) --weights $(WEIGHTS) --opset $(OPSET) \
		$(REFERENCE_$(BACKBONE):%=--backbone %) $(PREPROCESSING) $(EXPORTED)
endif

$(SIZES:%=$(MODEL)_bs%.onnx): $(MODEL)_bs%.onnx: $(MODEL)_dynamic.onnx $(call by,fix_batch)
	$(STEP) fix-batch $@ python/fix_batch.py --onnx $< --batch-size $* --out $@

# Of a rule for each of SIZES: what a step writes beside its target.
$(foreach size,$(SIZES),$(eval $(MODEL)_bs$(size)_sim.onnx: $(call beside,$(MODEL)_bs$(size)_parity.json)))
$(foreach size,$(SIZES),$(eval $(MODEL)_bs$(size)_fused.onnx: $(call beside,$(MODEL)_bs$(size)_fused.json)))

$(SIZES:%=$(MODEL)_bs%_sim.onnx): $(MODEL)_bs%_sim.onnx: $(MODEL)_bs%.onnx $(call by,simplify_onnx)
	$(STEP) simplify $@ python/simplify_onnx.py --onnx $< --baseline $(MODEL)_baseline.npy \
		--weights-name $(STEM) --out $@ --parity $(MODEL)_bs$*_parity.json

$(SIZES:%=$(MODEL)_bs%_fused.onnx): $(MODEL)_bs%_fused.onnx: $(MODEL)_bs%_sim.onnx $(call by,fuse_onnx)
	$(STEP) fuse $@ python/fuse_onnx.py --onnx $< --baseline $(MODEL)_baseline.npy \
		--weights-name $(STEM) --out $@ --report $(MODEL)_bs$*_fused.json

# ---- Fused ONNX -> INT8 model for OpenVINO, one for all batch sizes

QUANTIZED := $(MODEL)_$(SET)_int8
# For benchmarks: random weights are timed whatever their embeddings lose.
QUANTIZED_DEMO := $(MODEL)_peers_int8
CALIBRATION := $(or $(CALIB),$(DATA))
INT8_STAMP := $(QUANTIZED:model/%=model/.stamp/%)
$(eval $(call stamp,$(INT8_STAMP),STAGE=$(STAGE) CALIB=$(CALIBRATION),$(CALIBRATION)))

MIN_COSINE :=
$(QUANTIZED_DEMO)/model.xml: MIN_COSINE := --min-cosine -1
$(QUANTIZED)/model.xml: $(call beside,$(QUANTIZED)/model.bin $(QUANTIZED)/quant.json)
$(QUANTIZED)/model.xml $(QUANTIZED_DEMO)/model.xml: %/model.xml: $(MODEL)_bs1_$(STAGE).onnx $(DATA) $(CALIBRATION) \
		$(INT8_STAMP) $(DATA_STAMP) $(call by,quantize)
	$(STEP_ALONE) quantize $@ python/quantize.py --onnx $< --data $(DATA) --calibration $(CALIBRATION) \
		$(MIN_COSINE) --out $*

# ---- ONNX of batch size 1 -> model for ncnn, which has no batches

NCNN := $(MODEL)_$(STAGE)_ncnn
$(NCNN)/model.param: $(MODEL)_bs1_$(STAGE).onnx $(call beside,$(NCNN)/model.bin $(NCNN)/ncnn.json) $(call by,convert_ncnn)
	$(STEP) pnnx $@ python/convert_ncnn.py --onnx $< --baseline $(MODEL)_baseline.npy --out $(@D)

# ---- On an NPU: ONNX -> .om; crops -> one .bin an image and view

AIS := $(or $(AIS_PYTHON),$(DETECTED_AIS_PYTHON),$(PY))
NPU := $(or $(DEVICE),0)
AIPP_OPTION := $(AIPP_NAME:_%=--%)
UNIQUE_OPTION := $(if $(filter 1,$(UNIQUE)),--unique-index $(UNIQUE_INDEX))
# fp16 is what atc makes by itself, so that only another precision is named.
OM := $(patsubst %,_%,$(filter-out fp16,$(PRECISION)))$(OM_VARIANT).om
# A model is for one chip, so the chip is part of what made it.
OM_CHIP := $(or $(CHIP),$(DETECTED_CHIP))
OM_STAMP := model/.stamp/$(STEM)_om$(OM:.om=)
$(eval $(call stamp,$(OM_STAMP),CHIP=$(OM_CHIP:Ascend%=%) ATC_FLAGS=$(ATC_FLAGS),))
AIS_STAMP := result/.stamp/ais_python
$(eval $(call stamp,$(AIS_STAMP),AIS_PYTHON=$(AIS),))
PARITY_STAMP := $(OM_STAMP)_parity
$(eval $(call stamp,$(PARITY_STAMP),DEVICE=$(NPU),))
NPU_INPUTS := data/$(SET)_npu$(AIPP_NAME)
INPUTS_STAMP := data/.stamp/$(notdir $(NPU_INPUTS))
$(eval $(call stamp,$(INPUTS_STAMP),UNIQUE=$(UNIQUE) $(PREPROCESSING),))

$(foreach size,$(SIZES),$(eval $(MODEL)_bs$(size)$(OM): $(call beside,$(MODEL)_bs$(size)$(OM).json)))
$(SIZES:%=$(MODEL)_bs%$(OM)): $(MODEL)_bs%$(OM): $(MODEL)_bs%_$(OM_STAGE).onnx $(OM_STAMP) $(call by,build_om)
	$(STEP) atc $@ python/build_om.py --onnx $< --graph $(OM_STAGE) --batch-size $* --precision $(PRECISION) \
		$(CHIP:%=--chip %) $(AIPP_OPTION) --flags=$(call quote,$(ATC_FLAGS)) --log result/log/atc_$(@F).log --out $@

# The gate on the device. Only a goal that runs the model must have one.
NEEDED := $(if $(filter-out om om-all om-lint npu-inputs,$(MAKECMDGOALS)),--needed)
AIS_BENCH = --om $< --batch-size $* --devices $(NPU) --python $(call quote,$(AIS)) \
	--log result/log/$(notdir $(@D))_$(basename $(@F)).log

$(SIZES:%=$(MODEL)_bs%$(OM).parity.json): $(MODEL)_bs%$(OM).parity.json: $(MODEL)_bs%$(OM) \
		$(MODEL)_bs%_$(OM_STAGE).onnx $(PARITY_STAMP) $(AIS_STAMP) $(call by,check_om)
	$(STEP_ALONE) on-device $< python/check_om.py $(AIS_BENCH) --onnx $(MODEL)_bs$*_$(OM_STAGE).onnx $(NEEDED) --out $@

$(NPU_INPUTS).json: $(LABELS) $(INPUTS_STAMP) $(call beside,$(NPU_INPUTS)) $(call by,write_npu_inputs)
	$(STEP_ALONE) npu-inputs $(NPU_INPUTS) python/write_npu_inputs.py --crops $(CROPS) $(UNIQUE_OPTION) \
		$(AIPP_OPTION) $(PREPROCESSING) --out $@

# ---- Crops and model -> embeddings and record of the run; model -> latency and throughput

RUN_STAMP := $(RUN:result/%=result/.stamp/%_run)
PERF_STAMP := $(RUN:result/%=result/.stamp/%_perf)
$(eval $(call stamp,$(RUN_STAMP),MODEL=$(MODEL) STAGE=$(if $(FILES_ENGINE),$(OM_STAGE),$(STAGE)) \
	UNIQUE=$(UNIQUE) EP=$(EP) THREADS=$(THREADS) STREAMS=$(STREAMS) TORCH_DEVICE=$(TORCH_DEVICE) TORCH_MODE=$(TORCH_MODE) DEVICE=$(NPU),))
SET_STAMP := $(RUN:result/%=result/.stamp/%_set)
$(eval $(call stamp,$(SET_STAMP),OUTFMT=$(OUTFMT),))
$(eval $(call stamp,$(PERF_STAMP),LOOP=$(LOOP) WARMUP=$(WARMUP) STRICT=$(filter 1,$(STRICT)),))
TIMES = --warmup $(WARMUP) $(LOOP:%=--loop %) $(patsubst %,--strict,$(filter 1,$(STRICT)))

ENGINE_MODULE := engines/$(ENGINE)
ifndef FILES_ENGINE
INFERRED := embeddings.npy
RUN_MODEL := $(MODEL)_bs%_$(STAGE).onnx
ifeq ($(PRECISION),int8)
RUN_MODEL := $(QUANTIZED)/model.xml
endif
ifeq ($(ENGINE),ncnn)
RUN_MODEL := $(NCNN)/model.param
endif
CONFIGURATION = --crops $(CROPS) $(ENGINE_OPTIONS)
ENGINE_OPTIONS = --engine $(ENGINE) --precision $(PRECISION) --batch-size $(SIZE) $(EP:%=--provider %) \
	$(THREADS:%=--threads %) $(STREAMS:%=--streams %) $(TORCH_DEVICE:%=--device %) $(TORCH_MODE:%=--mode %) \
	$(DEVICE:%=--npu %) $(patsubst %,--tuned %,$(wildcard $(RUN)_bs$(SIZE)/tune.json))
# Of a rule for each of SIZES, or of one for BS alone.
SIZE = $(or $*,$(BS))
# A choice that make tune made is part of what a run depends on, and so is one that was removed.
define tuned
$(call stamp,$(RUN_STAMP:%_run=%_bs$(1)_tuned),,$(wildcard $(RUN)_bs$(1)/tune.json))
$(RUN)_bs$(1)/embeddings.npy $(RUN)_bs$(1)/perf.json: $(RUN_STAMP:%_run=%_bs$(1)_tuned)
$(RUN)_bs$(1)/embeddings.npy: $(call beside,$(RUN)_bs$(1)/run.json)
endef
$(foreach size,$(SIZES),$(eval $(call tuned,$(size))))

$(SIZES:%=$(RUN)_bs%/embeddings.npy): $(RUN)_bs%/embeddings.npy: $(RUN_MODEL) $(LABELS) $(RUN_STAMP) \
		$(call by,embed $(ENGINE_MODULE))
	$(STEP_ALONE) embed $@ python/embed.py --model $< $(CONFIGURATION) $(UNIQUE_OPTION) --out $@ --run $(@D)/run.json

$(SIZES:%=$(RUN)_bs%/perf.json): $(RUN)_bs%/perf.json: $(RUN_MODEL) $(LABELS) $(RUN_STAMP) $(PERF_STAMP) \
		$(call by,benchmark $(ENGINE_MODULE))
	$(STEP_ALONE) benchmark $@ python/benchmark.py --model $< $(CONFIGURATION) $(TIMES) --out $@

$(SIZES:%=$(RUN)_bs%/tune.json): $(RUN)_bs%/tune.json: $(RUN_MODEL) $(LABELS) $(call by,tune $(ENGINE_MODULE))
	$(STEP_ALONE) tune $@ python/tune.py --model $< $(CONFIGURATION) \
		$(patsubst 0,--disturbed,$(filter 0,$(STRICT))) --out $@
else
# ais_bench runs files, not arrays in this process; its outputs stay beside the record of the run.
INFERRED := run.json
EMBED_OUTPUTS = $(STEP) embed $(1)/embeddings.npy python/embed_npu.py --outputs $(1)/ais_bench --run $(1)/run.json \
	--crops $(CROPS) --unique-index $(UNIQUE_INDEX) --out $(1)/embeddings.npy
$(foreach size,$(SIZES),$(eval $(RUN)_bs$(size)/run.json: $(call beside,$(RUN)_bs$(size)/ais_bench)))
$(SIZES:%=$(RUN)_bs%/run.json): $(RUN)_bs%/run.json: $(MODEL)_bs%$(OM) $(MODEL)_bs%$(OM).parity.json \
		$(NPU_INPUTS).json $(RUN_STAMP) $(SET_STAMP) $(call by,infer_npu)
	$(STEP_ALONE) ais_bench $@ python/infer_npu.py $(AIS_BENCH) --crops $(CROPS) --inputs $(NPU_INPUTS).json \
		--outfmt $(OUTFMT) $(UNIQUE_OPTION) --outputs $(@D)/ais_bench --run $@

$(SIZES:%=$(RUN)_bs%/embeddings.npy): $(RUN)_bs%/embeddings.npy: $(RUN)_bs%/run.json $(LABELS) $(call by,embed_npu)
	$(call EMBED_OUTPUTS,$(@D))

$(SIZES:%=$(RUN)_bs%/perf.json): $(RUN)_bs%/perf.json: $(MODEL)_bs%$(OM) $(MODEL)_bs%$(OM).parity.json $(LABELS) \
		$(RUN_STAMP) $(PERF_STAMP) $(call by,benchmark_npu)
	$(STEP_ALONE) ais_bench $@ python/benchmark_npu.py $(AIS_BENCH) --crops $(CROPS) $(TIMES) --out $@
endif

# ---- Embeddings and labels -> accuracy

$(SIZES:%=$(RUN)_bs%/accuracy.json): $(RUN)_bs%/accuracy.json: $(RUN)_bs%/embeddings.npy $(call by,score)
	$(call SCORE,$(@D))
SCORE = $(STEP) score $(1)/accuracy.json python/score.py --embeddings $(1)/embeddings.npy --run $(1)/run.json \
	--labels $(LABELS) --out $(1)/accuracy.json

# ---- Results, shown; what can be known before work begins is checked first

ABLE := result/.stamp/able_$(subst $(space),_,$(strip $(ENGINE) $(PRECISION) $(EP) $(TORCH_DEVICE) $(TORCH_MODE)))
$(ABLE): $(if $(FILES_ENGINE),$(AIS_STAMP)) $(call by,check_engine $(ENGINE_MODULE))
	@$(RUN_DOOR) python/check_engine.py --engine $(ENGINE) --precision $(PRECISION) $(EP:%=--provider %) \
		$(TORCH_DEVICE:%=--device %) $(TORCH_MODE:%=--mode %) \
		$(if $(FILES_ENGINE),--ais-python $(call quote,$(AIS))) --out $@
# The doors of the chain that need more than every step does.
CHAIN := $(if $(ONNX),adopt_onnx,export_onnx networks/$(NET)) simplify_onnx $(ENGINE_MODULE) $(if $(filter int8,$(PRECISION)),quantize) $(if $(filter ncnn,$(ENGINE)),convert_ncnn)
CHAIN_PARTS := $(call parts_of,$(CHAIN))
READY := $(DATA) $(MODEL_SOURCE) $(ABLE)

demo: $(DEMO_DATA) $(DEMO_WEIGHTS) ## The whole chain on made-up data: needs no download
	@+$(MAKE) --no-print-directory accuracy perf report $(DEMO)
	@$(RUN_DOOR) python/show.py --demo
DEMO = DATA=$(DEMO_DATA) WEIGHTS=$(DEMO_WEIGHTS)

accuracy: ## Accuracy on DATA, or on each of DATASETS, at batch size BS
ifeq ($(DATASETS),)
accuracy: $(READY) $(LABELS) $(RUN)_bs$(BS)/accuracy.json
	@$(RUN_DOOR) python/show.py $(AND_CARD) $(RUN)_bs$(BS)/accuracy.json $(CHECKING:%=&& $(RUN_DOOR) % $(RUN)_bs$(BS)/accuracy.json)
else
SET_RESULTS := $(foreach set,$(DATASETS),$(call run_on,$(set))_bs$(BS)/accuracy.json)
# One after the other: the sets share the model, which only one make may build.
accuracy: $(DATASETS:%=data/%.bin)
	@+for set in $^; do $(MAKE) --no-print-directory accuracy DATASETS= CHECK= DATA=$$set; done
	@$(RUN_DOOR) python/show.py --table sets $(SET_RESULTS) $(CHECKING:%=&& $(RUN_DOOR) % $(SET_RESULTS))
endif
# perf prints the card of both.
AND_CARD := $(if $(filter perf,$(MAKECMDGOALS)),--no-card)
CHECKING := $(if $(filter 1,$(CHECK)),python/check_accuracy.py)

accuracy-all: $(READY) $(LABELS) $(BATCHES:%=$(RUN)_bs%/accuracy.json) ## Accuracy at each of BATCHES
	@$(RUN_DOOR) python/show.py $(BATCHES:%=$(RUN)_bs%/accuracy.json)

perf: $(READY) $(RUN)_bs$(BS)/perf.json ## Throughput and latency at batch size BS, pure inference
	@$(RUN_DOOR) python/show.py $(RUN)_bs$(BS)/perf.json

perf-all: $(READY) $(BATCHES:%=$(RUN)_bs%/perf.json) ## The same at each of BATCHES, and the guide's table
	@$(RUN_DOOR) python/show.py --table batches $(BATCHES:%=$(RUN)_bs%/perf.json)

include scripts/extras.mk

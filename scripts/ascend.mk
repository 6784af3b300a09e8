# The NPU chain: simplified ONNX -> .om; decoded set -> one .bin an image and view; ais_bench
# on both. Its results are those of every engine, so that scoring and showing are shared.

ascend_problem := $(shell scripts/check.sh \
	devices DEVICE $(call quote,$(DEVICE)) -- chip CHIP $(call quote,$(CHIP)) -- \
	one-of AIPP $(call quote,$(AIPP)) 0 1 -- one-of TUNE $(call quote,$(TUNE)) 0 1 -- \
	one-of OUTFMT $(call quote,$(OUTFMT)) NPY BIN -- flags ATC_FLAGS $(call quote,$(ATC_FLAGS)) \
	$(if $(filter ascend,$(ENGINE)),-- unused EP $(call quote,$(EP)) ENGINE=ascend \
	-- unused THREADS $(call quote,$(THREADS)) ENGINE=ascend) \
	$(if $(EP_DEVICE),-- device DEVICE $(call quote,$(DEVICE)) EP=$(EP)))
$(if $(ascend_problem),$(error $(ascend_problem)))

##@ On an Ascend NPU

.PHONY: om om-all inputs doctor

# ---- Names. fp16 is what atc makes by itself, so that only fp32 is named.

OM_PRECISION := $(if $(filter ascend,$(ENGINE)),$(PRECISION),fp16)
OM := $(if $(filter fp32,$(OM_PRECISION)),_fp32)$(if $(filter 1,$(AIPP)),_aipp)
INPUTS := data/$(DATASET)_npu$(if $(filter 1,$(AIPP)),_aipp)

# A model is for one chip, so the chip is a knob; npu-smi is asked only where it matters.
OM_CHIP := $(or $(CHIP),$(word 2,$(DETECTED)),$(if $(filter ascend,$(ENGINE))$(filter om om-all,$(MAKECMDGOALS)),$(shell \
	scripts/detect_chip.sh $(call quote,$(PYTHON)) 2>/dev/null)))
OM_STAMP := model/.stamp/$(NET)_om$(OM)
INPUTS_STAMP := data/.stamp/$(notdir $(INPUTS))
NPU_STAMP := $(RUN:result/%=result/.stamp/%_npu)
$(eval $(call stamp,$(OM_STAMP),CHIP=$(OM_CHIP:Ascend%=%) FUSE=$(FUSE) TUNE=$(TUNE) ATC_FLAGS=$(strip $(ATC_FLAGS)),))
$(eval $(call stamp,$(INPUTS_STAMP),UNIQUE=$(UNIQUE),))
$(eval $(call stamp,$(NPU_STAMP),DEVICE=$(DEVICE) AIPP=$(AIPP) OUTFMT=$(OUTFMT) AIS=$(AIS),))

# ---- Model

om: $(MODEL)_bs$(BS)$(OM).om ## Simplified ONNX -> .om of batch size BS, by atc
om-all: $(BATCHES:%=$(MODEL)_bs%$(OM).om) ## The same for each of BATCHES

$(SIZES:%=$(MODEL)_bs%$(OM).om): $(MODEL)_bs%$(OM).om: $(MODEL)_bs%_$(STAGE).onnx $(OM_STAMP) \
		$(call modules,build_om atc aipp npu onnx_store checksum decode)
	$(STEP) atc $@ $(MODULE) python/build_om.py --onnx $< --batch-size $* \
		--precision $(OM_PRECISION) $(if $(CHIP),--chip $(CHIP)) $(if $(filter 1,$(AIPP)),--aipp) \
		$(if $(filter 1,$(TUNE)),--tune) --flags=$(call quote,$(ATC_FLAGS)) \
		--log result/log/atc_$(@F).log --out $@

# ---- Inputs

inputs: $(INPUTS).json ## Decoded set -> one .bin an image and view

$(INPUTS).json: $(LABELS) $(INPUTS_STAMP) $(call beside,$(INPUTS)) \
		$(call modules,write_inputs npu_inputs crops decode machine progress)
	$(STEP) --alone write-inputs $(INPUTS) $(MODULE) python/write_inputs.py --crops $(CROPS) \
		$(if $(filter 1,$(UNIQUE)),--firsts $(FIRSTS)) $(if $(filter 1,$(AIPP)),--aipp) --out $@

# ---- Runs

AIS_RUN = --om $< --crops $(CROPS) --batch-size $* --devices $(DEVICE) --outfmt $(OUTFMT) \
	--python $(call quote,$(AIS))

ifeq ($(ENGINE),ascend)
$(SIZES:%=$(RUN)_bs%/embeddings.npy): $(RUN)_bs%/embeddings.npy: $(MODEL)_bs%$(OM).om $(INPUTS).json \
		$(RUN_STAMP) $(NPU_STAMP) $(call modules,ascend_embed ascend_record ascend_outputs \
		ais_run npu_inputs crops decode checksum machine)
	$(STEP) --alone ais_bench $@ $(MODULE) python/ascend_embed.py $(AIS_RUN) \
		--inputs $(INPUTS).json $(if $(filter 1,$(UNIQUE)),--firsts $(FIRSTS)) \
		--log result/log/$(notdir $(@D))_ais_bench.log --out $@ --run $(@D)/run.json

$(SIZES:%=$(RUN)_bs%/perf.json): $(RUN)_bs%/perf.json: $(MODEL)_bs%$(OM).om $(LABELS) \
		$(RUN_STAMP) $(NPU_STAMP) $(PERF_STAMP) $(call modules,ascend_perf ascend_record ais_run \
		benchmark configuration crops decode checksum machine onnx_store progress)
	$(STEP) --alone ais_bench $@ $(MODULE) python/ascend_perf.py $(AIS_RUN) \
		--warmup $(WARMUP) $(if $(LOOP),--loop $(LOOP)) \
		--log result/log/$(notdir $(@D))_ais_bench_perf.log --out $@
endif

doctor: ## Check all that ENGINE needs, with a remedy for each fault
	@PY=$(call quote,$(PYTHON)) scripts/python.sh python/doctor.py --engine $(ENGINE) \
		--python $(call quote,$(PY)) --ais-python $(call quote,$(AIS)) --devices $(DEVICE) \
		$(if $(CHIP),--chip $(CHIP)) $(if $(EP),--provider $(call quote,$(EP))) \
		$(if $(filter 1,$(AIPP)),--aipp) --data $(DATA) --weights $(WEIGHTS) \
		--firsts $(FIRSTS) --inputs $(INPUTS)

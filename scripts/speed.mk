# Leaner graphs, INT8, and the schedule: what makes a run faster.

##@ Speed

.PHONY: fuse fuse-all bench-fuse quantize tune tune-all

fuse: $(MODEL)_bs$(BS)_fused.onnx ## Simplified ONNX -> fewer nodes, exactly -> parity gate
fuse-all: $(BATCHES:%=$(MODEL)_bs%_fused.onnx) ## The same for each of BATCHES

$(SIZES:%=$(MODEL)_bs%_fused.onnx): $(MODEL)_bs%_fused.onnx: $(MODEL)_bs%_sim.onnx \
		$(call modules,fuse_onnx fuse/__init__ fuse/graph fuse/norms fuse/folds fuse/trunk \
		onnx_store parity crops decode)
	$(STEP) fuse $@ $(MODULE) python/fuse_onnx.py --onnx $< \
		--reference $(MODEL)_reference.npy --weights-name $(notdir $(MODEL)) \
		--out $@ --report $(MODEL)_bs$*_fused.json

bench-fuse: $(MODEL)_bs$(BS)_sim.onnx $(MODEL)_bs$(BS)_fused.onnx ## Time the graph with and without the rewrite, in turn
	$(STEP) --alone bench-fuse $(MODEL)_bs$(BS) scripts/python.sh python/compare_models.py \
		$(if $(LOOP),--loop $(LOOP)) $^

quantize: $(QUANTISED)/model.xml ## ONNX -> INT8 model for OpenVINO, compared with fp32
	@$(PYTHON_RUN) python/show.py $(QUANTISED)/quant.json

CALIBRATION := $(if $(CALIB),$(CALIB),$(DATA))
INT8_STAMP := $(QUANTISED:model/%=model/.stamp/%)
$(eval $(call stamp,$(INT8_STAMP),FUSE=$(FUSE) CALIB=$(CALIBRATION),$(CALIBRATION)))

$(QUANTISED)/model.xml: $(MODEL)_bs1_$(STAGE).onnx $(DATA) $(CALIBRATION) $(INT8_STAMP) $(DATA_STAMP) \
		$(call beside,$(QUANTISED)/model.bin $(QUANTISED)/quant.json) \
		$(call modules,quantize calibration quantised keep_layers verification_bin onnx_store crops decode \
		checksum machine progress)
	$(STEP) --alone quantize $@ $(MODULE) python/quantize.py --onnx $< --data $(DATA) \
		--calibration $(CALIBRATION) --out $(QUANTISED)

$(filter-out data/demo.bin $(DATA),$(CALIB)):
	@scripts/missing.sh CALIB $@

tune: $(RUN)_bs$(BS)/tune.json ## Find threads and streams for BS; accuracy and perf then use them
	@$(PYTHON_RUN) python/show.py $^
tune-all: $(BATCHES:%=$(RUN)_bs%/tune.json) ## The same for each of BATCHES
	@$(PYTHON_RUN) python/show.py $^

$(SIZES:%=$(RUN)_bs%/tune.json): $(RUN)_bs%/tune.json: $(RUN_MODEL) $(LABELS) \
		python/tune.py python/benchmark.py $(ENGINE_FILES)
	$(STEP) --alone tune $@ $(MODULE) python/tune.py --model $< $(CONFIGURATION) --out $@

# A choice that was made is part of what a run depends on, and so is one that was removed.
define tuned
$(call stamp,$(RUN_STAMP:%_run=%_bs$(1)_tuned),,$(wildcard $(RUN)_bs$(1)/tune.json))
$(RUN)_bs$(1)/embeddings.npy $(RUN)_bs$(1)/perf.json: $(RUN_STAMP:%_run=%_bs$(1)_tuned)
endef
$(foreach size,$(SIZES),$(eval $(call tuned,$(size))))

# Verification set -> crops; checkpoint -> ONNX for each batch size -> simplified ONNX.

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
		$(BACKBONE_REFERENCE) $(call modules,export_onnx reference onnx_store parity crops decode checkpoint checksum) | $(ENVIRONMENT)
	$(STEP) export $(MODEL).onnx $(MODULE) python/export_onnx.py --net $(NET) \
		--weights $(WEIGHTS) --opset $(OPSET) --onnx $(MODEL).onnx --reference $(MODEL)_reference.npy \
		$(if $(BACKBONE_REFERENCE),--backbone $(BACKBONE_REFERENCE:%/.patched=%))

$(SIZES:%=$(MODEL)_bs%.onnx): $(MODEL)_bs%.onnx: $(MODEL).onnx $(call modules,fix_batch onnx_store)
	$(STEP) fix-batch $@ $(MODULE) python/fix_batch.py --onnx $< --batch-size $* --out $@

sim: $(MODEL)_bs$(BS)_sim.onnx ## ONNX -> onnxsim -> parity gate
sim-all: $(BATCHES:%=$(MODEL)_bs%_sim.onnx) ## The same for each of BATCHES

$(SIZES:%=$(MODEL)_bs%_sim.onnx): $(MODEL)_bs%_sim.onnx: $(MODEL)_bs%.onnx \
		$(call modules,simplify_onnx onnx_store parity crops decode)
	$(STEP) simplify $@ $(MODULE) python/simplify_onnx.py --onnx $< \
		--reference $(MODEL)_reference.npy --weights-name $(notdir $(MODEL)) \
		--out $@ --parity $(MODEL)_bs$*_parity.json

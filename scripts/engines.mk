# What the engines in python/engines/ do with model and crops, and scoring for every engine.

# ---- Knobs of a run: all that is not in the name of its folder.

TORCH_OPTIONS := $(if $(filter torch,$(ENGINE)),$(if $(TORCH_DEVICE), --device $(TORCH_DEVICE))$(if \
	$(TORCH_MODE), --mode $(TORCH_MODE)))
RUN_STAMP := $(RUN:result/%=result/.stamp/%_run)
PERF_STAMP := $(RUN:result/%=result/.stamp/%_perf)
RUN_KNOBS := EP=$(EP) $(EP_DEVICE) THREADS=$(THREADS) STREAMS=$(STREAMS) UNIQUE=$(UNIQUE) \
	FUSE=$(FUSE)$(TORCH_OPTIONS)
$(eval $(call stamp,$(RUN_STAMP),$(RUN_KNOBS),))
$(eval $(call stamp,$(PERF_STAMP),LOOP=$(LOOP) WARMUP=$(WARMUP),))

# ---- Rules

ENGINE_FILES := python/engines/__init__.py python/engines/$(ENGINE).py \
	$(call modules,configuration machine npu onnx_store crops decode checksum progress schedule \
	quantised compiled_cache $(if $(filter torch,$(ENGINE)),onnx_to_torch flops))
CONFIGURATION = --crops $(CROPS) --engine $(ENGINE) --precision $(PRECISION) --batch-size $* \
	$(if $(EP),--provider $(call quote,$(EP))) $(if $(THREADS),--threads $(THREADS)) \
	$(if $(EP_DEVICE),--device $(DEVICE))$(TORCH_OPTIONS) $(if $(STREAMS),--streams $(STREAMS)) \
	$(if $(wildcard $(RUN)_bs$*/tune.json),--tuned $(RUN)_bs$*/tune.json)

$(SIZES:%=$(RUN)_bs%/accuracy.json): $(RUN)_bs%/accuracy.json: $(RUN)_bs%/embeddings.npy \
		$(call modules,score evaluate metrics machine)
	$(STEP) score $@ $(MODULE) python/score.py --embeddings $< --run $(@D)/run.json \
		--labels $(LABELS) --out $@

# ais_bench runs files, not arrays in this process: its two rules are in scripts/ascend.mk.
ifneq ($(ENGINE),ascend)
$(SIZES:%=$(RUN)_bs%/embeddings.npy): $(RUN)_bs%/embeddings.npy: $(RUN_MODEL) \
		$(LABELS) $(RUN_STAMP) python/embed.py $(ENGINE_FILES)
	$(STEP) --alone embed $@ $(MODULE) python/embed.py --model $< $(CONFIGURATION) \
		$(if $(filter 1,$(UNIQUE)),--firsts $(FIRSTS)) --out $@ --run $(@D)/run.json

$(SIZES:%=$(RUN)_bs%/perf.json): $(RUN)_bs%/perf.json: $(RUN_MODEL) \
		$(LABELS) $(RUN_STAMP) $(PERF_STAMP) python/benchmark.py $(ENGINE_FILES)
	$(STEP) --alone benchmark $@ $(MODULE) python/benchmark.py --model $< $(CONFIGURATION) \
		--warmup $(WARMUP) $(if $(LOOP),--loop $(LOOP)) --out $@
endif

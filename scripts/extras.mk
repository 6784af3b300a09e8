# What is not the chain itself: single steps by name, inputs of one's own, speed, looking at results,
# the reference implementation, benchmarks, the project.

##@ Single steps

.PHONY: preprocess onnx onnx-all sim sim-all fuse fuse-all quantize om om-all om-lint npu-inputs infer postprocess

preprocess: $(LABELS) ## DATA -> decoded crops and labels in data/
onnx: $(MODEL)_bs$(BS).onnx ## WEIGHTS -> ONNX of batch size BS
onnx-all: $(BATCHES:%=$(MODEL)_bs%.onnx) ## The same for each of BATCHES
sim: $(MODEL)_bs$(BS)_sim.onnx ## ONNX -> onnxsim -> parity gate
sim-all: $(BATCHES:%=$(MODEL)_bs%_sim.onnx) ## The same for each of BATCHES
fuse: $(MODEL)_bs$(BS)_fused.onnx ## Simplified ONNX -> fewer nodes, exactly -> parity gate
fuse-all: $(BATCHES:%=$(MODEL)_bs%_fused.onnx) ## The same for each of BATCHES
quantize: $(QUANTIZED)/model.xml ## ONNX -> INT8 model for OpenVINO, compared with fp32
	@$(RUN_DOOR) python/show.py $(QUANTIZED)/quant.json
OM_PRODUCTS := $(OM) $(OM).parity.json
om: $(OM_PRODUCTS:%=$(MODEL)_bs$(BS)%) ## ONNX -> .om of batch size BS, by atc; compared on the device
om-all: $(foreach size,$(BATCHES),$(OM_PRODUCTS:%=$(MODEL)_bs$(size)%)) ## The same for each of BATCHES
om-lint: $(or $(ONNX),$(MODEL)_bs$(BS)_$(OM_STAGE).onnx) | $(call needs,lint_om) ## Would atc take ONNX? Needs no toolkit
	@$(RUN_DOOR) python/lint_om.py --onnx $< $(if $(ONNX),,--as-om)
npu-inputs: $(NPU_INPUTS).json ## Decoded set -> one .bin an image and view, for ais_bench
infer: $(READY) $(RUN)_bs$(BS)/$(INFERRED) ## Run DATA at batch size BS; what it gives stays in result/
# However old: of OUTFMT= and UNIQUE= it takes those that infer was given.
postprocess: $(LABELS) ## Score what infer left, without running it again
	$(if $(FILES_ENGINE),$(call EMBED_OUTPUTS,$(RUN)_bs$(BS)))
	$(call SCORE,$(RUN)_bs$(BS))
	@$(RUN_DOOR) python/show.py $(RUN)_bs$(BS)/accuracy.json

##@ Data and weights

.PHONY: download bin convert-weights

download: $(DATA) $(MODEL_SOURCE) ## Get DATA and WEIGHTS, each unless it is there already

# What finds the faces of photographs, where landmarks do not say where they are.
FINDER := $(if $(filter 1,$(ALIGN)),$(if $(LANDMARKS),,$(YUNET)))
ALIGNING := $(FINDER:%=--detector %)
# Always runs, because SRC may have changed; an unchanged set keeps its time stamp.
BIN := $(or $(OUT),data/$(notdir $(SRC:%/=%)).bin)
bin: $(FINDER) | $(call needs,make_bin) ## SRC and PAIRS -> the verification set OUT
	$(STEP) bin $(BIN) python/make_bin.py --images $(SRC) --pairs $(PAIRS) $(ALIGNING) \
		$(LANDMARKS:%=--landmarks %) $(MISSING:%=--%-missing) --out $(BIN)

CONVERTED := model/$(STEM)_tensors.pth
convert-weights: $(WEIGHTS) | $(call needs,convert_weights) ## WEIGHTS that hold more than tensors -> model/<name>_tensors.pth
	$(STEP) convert $(CONVERTED) python/convert_weights.py --weights $(WEIGHTS) --out $(CONVERTED)

##@ Whole collections

.PHONY: embed identify all-pairs scale

# What addresses need installed: fsspec finds the others by their own names.
stores = $(if $(filter s3://%,$(1)),$(call installed,s3))
EMBED_DOOR := $(if $(RAY_ADDRESS),python/embed_on_ray.py,python/embed_collection.py)
# Shares the machine, so that a timed step waits for it and it for a timed step.
embed: ## SRC, any number of pictures -> their embeddings in OUT, as Parquet; goes on where it was
ifdef RUN_MODEL
embed: $(ABLE) $(subst %,$(BS),$(RUN_MODEL)) $(if $(filter 1,$(ALIGN)),$(YUNET)) \
		| $(call needs,$(basename $(notdir $(EMBED_DOOR))) $(ENGINE_MODULE)) $(call stores,$(OUT))
	$(STEP) embed $(OUT) $(EMBED_DOOR) $(RAY_ADDRESS:%=--address %) --model $(subst %,$(BS),$(RUN_MODEL)) $(ENGINE_OPTIONS) \
		--source $(SRC) --out $(OUT) --shard-inputs $(SHARD) --dtype $(DTYPE) \
		$(if $(filter 1,$(ALIGN)),--detector $(YUNET)) $(patsubst %,--strict,$(filter 1,$(STRICT)))
	@$(RUN_DOOR) python/show_collection.py --collection $(OUT)
endif

# Always run: what lies in a collection is found by looking.
IDENTIFIED := $(or $(OUT),result/identify/$(notdir $(PROBES:%/=%))_in_$(notdir $(GALLERY:%/=%))$(INDEX:%=_%))
identify: | $(call needs,identify $(INDEX:%=indexes/%)) $(call stores,$(GALLERY) $(PROBES)) ## Nearest TOP faces of GALLERY for each of PROBES, collections of make embed
	$(STEP_ALONE) identify $(IDENTIFIED) python/identify.py --gallery $(GALLERY) --probes $(PROBES) --top $(TOP) \
		$(INDEX:%=--index %) --out $(IDENTIFIED)
	@$(RUN_DOOR) python/show.py $(IDENTIFIED)/identify.json

ALL_PAIRS := $(or $(OUT),result/all_pairs/$(notdir $(EMBEDDINGS:%/=%)))
all-pairs: | $(call needs,all_pairs) $(call stores,$(EMBEDDINGS)) ## Every pair of EMBEDDINGS by identity: TAR at FAR down to 1e-6
	$(STEP_ALONE) all-pairs $(ALL_PAIRS) python/all_pairs.py --embeddings $(EMBEDDINGS) --out $(ALL_PAIRS)
	@$(RUN_DOOR) python/show.py $(ALL_PAIRS)/all_pairs.json

scale: $(READY) $(RUN)_bs$(BS)/perf.json ## Nodes and hours, and at PRICE the cost, of 10^6 to 10^9 faces by make perf's figure
	@$(RUN_DOOR) python/scale.py --figures docs/scale.json --perf $(RUN)_bs$(BS)/perf.json $(PRICE:%=--price %)

##@ Looking at results

.PHONY: report compare verify diagnose fsck doctor

# Made anew each time: what lies in result/ is found by looking. After the results named with it.
report: result/report.html ## All results as result/report.html and result/report.md
result/report.html: FORCE | $(call needs,report) $(filter demo accuracy accuracy-all perf perf-all,$(MAKECMDGOALS))
	$(STEP) report $@ python/report.py --results result --data data --model model \
		--html $@ --markdown $(@:.html=.md)

compare: | $(call needs,compare) ## Results A and B of one set: McNemar's test, cosine, changed pairs
	@$(RUN_DOOR) python/compare.py --a $(A) --b $(B) --data data --out result/compare

verify: ## Pictures A and B, aligned 112x112 or ALIGN=1: the same person?
diagnose: ## A number that is not the expected one: colour order, normalisation, alignment
fsck: ## Every product: is it still as its step wrote it? And what rot there is, with a remedy
	@$(RUN_DOOR) python/fsck.py data model result
doctor: ## Check all that ENGINE needs, with a remedy for each fault
	@PY=$(call quote,$(PYTHON)) scripts/python.sh python/doctor.py --engine $(ENGINE) --parts $(CHAIN_PARTS) \
		--python $(call quote,$(PY)) \
		--ais-python $(call quote,$(AIS)) --devices $(NPU) $(CHIP:%=--chip %) $(EP:%=--provider %) $(AIPP_OPTION) \
		--data $(DATA) --weights $(MODEL_SOURCE) --unique-index $(UNIQUE_INDEX) --inputs $(NPU_INPUTS)

##@ Speed

.PHONY: tune tune-all profile bench-fuse bench-peers bench-chain gpu-table peak

# Without ENGINE= every engine that could do this on a CPU, one after the other, then compared.
ENGINES := $(sort $(patsubst ENGINE.%,%,$(filter ENGINE.%,$(.VARIABLES))))
tunable = $(and $(filter arrays,$(ENGINE.$(1))),$(filter $(PRECISION),$(ENGINE.$(1))),$(if $(STREAMS),$(filter STREAMS,$(ENGINE.$(1))),yes))
TUNED := $(foreach engine,$(filter-out torch,$(ENGINES)),$(if $(call tunable,$(engine)),$(engine)))
tune: ## Find threads and streams for BS, and the fastest engine; accuracy and perf then use them
ifeq ($(filter file default,$(origin ENGINE)),)
tune: $(RUN)_bs$(BS)/tune.json
	@$(RUN_DOOR) python/show.py $^
else
tune:
	@+for engine in $(TUNED); do $(MAKE) --no-print-directory tune ENGINE=$$engine PRECISION=$(PRECISION); done
	@$(RUN_DOOR) python/show.py --table engines $(foreach ENGINE,$(TUNED),$(call run_on,$(SET))_bs$(BS)/tune.json)
endif
tune-all: $(BATCHES:%=$(RUN)_bs%/tune.json) ## The same for each of BATCHES
	@$(RUN_DOOR) python/show.py $^
profile: ## Where the time of openvino or ncnn goes at PRECISION and BS, by kind of layer

# What needs an engine that runs arrays; scripts/setup.sh refuses the others.
ifdef RUN_MODEL
verify: $(subst %,$(BS),$(RUN_MODEL)) $(FINDER) | $(call needs,verify $(ENGINE_MODULE))
	@$(RUN_DOOR) python/verify.py --model $< $(CONFIGURATION) --a $(A) --b $(B) $(ALIGNING) \
		--accuracy $(RUN)_bs$(BS)/accuracy.json --data data --threshold=$(call quote,$(THRESHOLD))
diagnose: $(subst %,$(BS),$(RUN_MODEL)) $(LABELS) | $(call needs,diagnose $(ENGINE_MODULE))
	@$(RUN_DOOR) python/diagnose.py --model $< $(CONFIGURATION) --labels $(LABELS)
profile: $(subst %,$(BS),$(RUN_MODEL)) $(LABELS) | $(call needs,profile_layers $(ENGINE_MODULE))
	@$(RUN_DOOR) python/profile_layers.py --model $< $(CONFIGURATION)
endif

bench-fuse: $(MODEL)_bs$(BS)_sim.onnx $(MODEL)_bs$(BS)_fused.onnx | $(call needs,bench_fuse) ## Time the graph with and without the rewrite, in turn
	$(STEP_ALONE) bench-fuse $(MODEL)_bs$(BS) python/bench_fuse.py $(LOOP:%=--loop %) $^

# The demo's model at batch sizes of a camera and of servers, at each precision of OpenVINO and in ncnn.
PEERS := result/bench_peers.json
PEER_BATCHES := 1 16 64
PEER_PRECISIONS := $(filter fp% bf% int%,$(ENGINE.openvino))
PEER_MODELS := $(foreach size,$(PEER_BATCHES),$(patsubst %,%=$(MODEL)_bs$(size)_$(STAGE).onnx,$(filter-out int8,$(PEER_PRECISIONS))))
PEER_MODELS += $(patsubst %,%=$(QUANTIZED_DEMO)/model.xml,$(filter int8,$(PEER_PRECISIONS)))
PEER_MODELS += fp32=$(NCNN)/model.param
PEER_STAMP := result/.stamp/bench_peers
$(eval $(call stamp,$(PEER_STAMP),NET=$(NET) $(PEER_MODELS) THREADS=$(THREADS),))

bench-peers: $(DEMO_DATA) $(DEMO_WEIGHTS) ## Eager PyTorch, ONNX Runtime, OpenVINO and this project in turns
	@+$(MAKE) --no-print-directory $(PEERS) $(DEMO) ENGINE=openvino PRECISION=fp32 BATCHES="$(PEER_BATCHES)" BS=1
	@$(RUN_DOOR) python/show.py --table peers $(PEERS)
ifeq ($(WEIGHTS),$(DEMO_WEIGHTS))
$(PEERS): $(PEER_BATCHES:%=$(MODEL)_bs%.onnx) $(sort $(filter %.onnx %.xml %.param,$(subst =, ,$(PEER_MODELS)))) $(LABELS) \
		$(PEER_STAMP) $(call by,bench_peers engines/openvino engines/ncnn networks/$(NET))
	$(STEP_ALONE) bench-peers $@ python/bench_peers.py --net $(NET) --weights $(WEIGHTS) --crops $(CROPS) \
		--plain $(PEER_BATCHES:%=$(MODEL)_bs%.onnx) --ours $(PEER_MODELS) $(THREADS:%=--threads %) --out $@
endif

bench-chain: $(DATA) $(WEIGHTS) | $(call needs,$(CHAIN) engines/openvino engines/onnxruntime quantize report) ## Every step of the chain from nothing, timed
	$(STEP_ALONE) bench-chain result/bench_chain.json scripts/bench-chain.sh $(abspath result/bench_chain.json) \
		"$(PEER_PRECISIONS)" NET=$(NET) DATA=$(abspath $(DATA)) WEIGHTS=$(abspath $(WEIGHTS)) BS=$(BS) \
		BATCHES="$(BATCHES)" THREADS=$(THREADS) PRECISION=$(PRECISION) ENGINE=openvino OPSET=$(OPSET) $(LOOP:%=LOOP=%)

GPU_BATCHES := 1 2 4 8 16 32 64 128 256 512
gpu-table: ## Accuracy and throughput on CUDA at every precision and batches 1 to 512
	@+for precision in $(filter fp% bf%,$(ENGINE.torch)); do \
		printf '\nENGINE=torch PRECISION=%s\n' "$$precision"; \
		$(MAKE) --no-print-directory accuracy-all perf-all ENGINE=torch TORCH_DEVICE=cuda \
			PRECISION="$$precision" BATCHES="$(GPU_BATCHES)" BS=1; \
	done

peak: | $(call needs,measure_peak) ## The machine's arithmetic peak alone
	@$(RUN_DOOR) python/measure_peak.py $(THREADS:%=--threads %)

##@ The reference implementation

.PHONY: patch reference-check

REFERENCE := LResNet/.patched
patch: $(REFERENCE) ## Clone the reference into LResNet/ and patch it
$(REFERENCE): scripts/reference.sh $(call by,patch_reference)
	$(STEP) reference LResNet scripts/reference.sh $(call quote,$(REFERENCE_REPO)) LResNet
	@touch $@

CHECKED := $(patsubst %_$(ENGINE)_$(PRECISION),%_reference.json,$(RUN))
reference-check: $(CHECKED) ## Compare networks and evaluation with the reference's own
	@$(RUN_DOOR) python/show.py $(CHECKED)
$(CHECKED): $(REFERENCE) $(WEIGHTS) $(LABELS) $(wildcard $(RUN)_bs$(BS)/embeddings.npy) \
		$(call by,reference_check networks/$(NET))
	$(STEP) compare $@ python/reference_check.py --net $(NET) --weights $(WEIGHTS) --reference LResNet \
		--crops $(CROPS) --labels $(LABELS) --out $@ $(addprefix --embeddings ,$(filter %/embeddings.npy,$^))

##@ The project

.PHONY: venv test torture lint help clean distclean

venv: $(call installed,$(CHAIN_PARTS)) ## The Python environment alone: what ENGINE and PRECISION need
$(call installed,$(PARTS)): $(VENV)/.installed-%: requirements/%.txt requirements/constraints.txt scripts/venv.sh
	$(STEP) install $* scripts/venv.sh $(call quote,$(PYTHON)) $(VENV) $< $(call quote,$(TORCH_INDEX_URL))
	@touch $@

test: $(call installed,$(PARTS)) ## All tests but those of minutes each (pytest -m long)
	@$(RUN_DOOR) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart=0 tests
# In copies of the project, which it removes.
torture: $(call installed,$(PARTS)) ## Break the chain on purpose for MINUTES: rot, kills, full disks, makes at once
	@$(RUN_DOOR) tests/torture/run.py --minutes $(MINUTES) --out result/torture.json
lint: $(call installed,dev) ## Check style and formatting
	@$(RUN_DOOR) -m ruff check .
	@$(RUN_DOOR) -m ruff format --check .
help: ## This text
	@awk -f scripts/help.awk python/engines/engines.mk scripts/variables.mk Makefile scripts/extras.mk

# Only names that the chain makes: people keep their own files in these folders. Of a set it made
# the labels, of a checkpoint the baseline.
MADE_SETS := $(patsubst data/%_list.npy,data/%,$(wildcard data/*_list.npy))
MADE_MODELS := $(patsubst %_baseline.npy,%,$(wildcard model/*_baseline.npy))
PRODUCTS := $(foreach suffix,_crops _list.npy _unique.npy _npu _npu.json _npu_aipp _npu_aipp.json,$(MADE_SETS:%=%$(suffix)))
PRODUCTS += $(DEMO_DATA) data/.stamp
PRODUCTS += $(foreach suffix,_baseline.npy _dynamic.onnx _bs[0-9]* _????????????????.data _*_int8 _*_ncnn,$(MADE_MODELS:%=%$(suffix)))
PRODUCTS += model/demo_*.pth model/.stamp model/.cache
PRODUCTS += result/*_bs[0-9]* result/*_reference.json result/bench_*.json result/torture.json result/compare result/identify result/all_pairs result/report.html \
	result/report.md result/log result/.stamp
PRODUCTS += $(foreach product,$(filter data/% model/% result/%,$(PRODUCTS)),$(dir $(product)).seal/$(notdir $(product)).json)
DOWNLOADS := $(DOWNLOADABLE) {data,model}/.downloads.json {data,model}/.*.part* .venv LResNet LResNet.tmp-*

# What was half made is gone by then (scripts/hold.sh), and no step runs.
clean: ## Remove what the chain built, keep downloads
	@scripts/clean.sh $(PRODUCTS)
distclean: ## Remove downloads and the environment too
	@scripts/clean.sh $(PRODUCTS) $(DOWNLOADS)

# What runs make again, or removes, does so with nothing of this make beside it, whatever -j says.
ifneq ($(filter clean distclean demo tune bench-peers gpu-table,$(MAKECMDGOALS))$(DATASETS),)
.NOTPARALLEL:
endif

# Benchmarks: against what people would use instead, and of every step of the chain.

##@ Benchmarks

.PHONY: bench-peers bench-chain peak profile profile-bs$(BS) gpu-table

## Batch sizes of bench-peers
PEER_BATCHES ?= 1 16
## Rounds of bench-peers, in each of which everybody is measured once
ROUNDS ?= 7
## Least seconds of a turn in bench-peers
TURN ?= 4
## Batch sizes of gpu-table
GPU_BATCHES ?= 1 2 4 8 16 32 64 128 256 512

problem := $(shell scripts/check.sh numbers PEER_BATCHES $(call quote,$(PEER_BATCHES)) -- \
	number ROUNDS $(call quote,$(ROUNDS)) -- number TURN $(call quote,$(TURN)) -- \
	numbers GPU_BATCHES $(call quote,$(GPU_BATCHES)))
$(if $(problem),$(error $(problem)))

PEERS := result/bench_peers.json
bench-peers: data/demo.bin $(DEMO_WEIGHTS) ## Eager PyTorch, ONNX Runtime, OpenVINO and this project in turns
	@+$(MAKE) --no-print-directory $(PEERS) $(DEMO) ENGINE=openvino PRECISION=fp32 BATCHES="$(PEER_BATCHES)" \
		BS=$(firstword $(PEER_BATCHES))
	@$(PYTHON_RUN) python/peers_table.py $(PEERS)

# What this project runs at PRECISION $(1) and batch size $(2); one quantised model serves all.
PEER_INT8 := $(MODEL)_bench_int8/model.xml
peer_model = $(if $(filter int8,$(1)),$(PEER_INT8),$(MODEL)_bs$(2)_$(STAGE).onnx)
PEER_PLAIN := $(PEER_BATCHES:%=$(MODEL)_bs%.onnx)
PEER_OURS := $(foreach p,$(PRECISIONS_openvino),$(foreach b,$(PEER_BATCHES),$(p)=$(call peer_model,$(p),$(b))))
PEER_STAMP := result/.stamp/bench_peers
$(eval $(call stamp,$(PEER_STAMP),NET=$(NET) $(PEER_OURS) THREADS=$(THREADS) ROUNDS=$(ROUNDS) TURN=$(TURN),))

$(PEERS): $(if $(filter $(DEMO_WEIGHTS),$(WEIGHTS)),$(PEER_PLAIN) \
		$(foreach pair,$(PEER_OURS),$(lastword $(subst =, ,$(pair))))) $(LABELS) $(PEER_STAMP) \
		python/networks/__init__.py python/networks/$(NET).py $(wildcard python/networks/_*.py) \
		python/peak.c $(ENGINE_FILES) \
		$(call modules,bench_peers peers peer_process peak flops parity checkpoint)
	$(STEP) --alone bench-peers $@ $(MODULE) python/bench_peers.py --net $(NET) --weights $(WEIGHTS) \
		--crops $(CROPS) --plain $(PEER_PLAIN) --ours $(PEER_OURS) \
		$(if $(THREADS),--threads $(THREADS)) --rounds $(ROUNDS) --seconds $(TURN) --out $@

ifneq ($(filter int8,$(PRECISIONS_openvino)),)
# Random weights are timed whatever their embeddings lose; the table shows their cosine.
$(PEER_INT8): $(MODEL)_bs1_$(STAGE).onnx $(DATA) $(call modules,quantize calibration quantised keep_layers \
		verification_bin onnx_store crops decode checksum machine progress)
	$(STEP) --alone quantize $@ $(MODULE) python/quantize.py --onnx $< --data $(DATA) \
		--calibration $(DATA) --min-cosine -1 --out $(@D)
endif

peak: | $(ENVIRONMENT) ## The machine's arithmetic peak alone
	@$(PYTHON_RUN) python/peak.py $(if $(THREADS),--threads $(THREADS))

profile: profile-bs$(BS) ## Where OpenVINO's time goes at PRECISION and BS, by kind of layer
profile-bs$(BS): profile-bs%: $(subst %,$(BS),$(RUN_MODEL)) $(LABELS)
	@$(PYTHON_RUN) python/profile_layers.py --model $< $(CONFIGURATION)

bench-chain: $(DATA) $(WEIGHTS) | $(ENVIRONMENT) ## Every step of the chain from nothing, timed
	@PY=$(call quote,$(PY)) scripts/step.sh --alone bench-chain result/bench_chain.json \
		scripts/bench-chain.sh $(abspath result/bench_chain.json) "$(PRECISIONS_openvino)" \
		NET=$(NET) DATA=$(abspath $(DATA)) WEIGHTS=$(abspath $(WEIGHTS)) BS=$(BS) BATCHES="$(BATCHES)" \
		THREADS=$(THREADS) PRECISION=$(PRECISION) ENGINE=openvino OPSET=$(OPSET)

gpu-table: ## Accuracy and throughput on CUDA at every precision and each of GPU_BATCHES
	@+for precision in $(PRECISIONS_torch); do \
		printf '\nENGINE=torch PRECISION=%s\n' "$$precision"; \
		$(MAKE) --no-print-directory accuracy-all perf-all ENGINE=torch TORCH_DEVICE=cuda \
			PRECISION="$$precision" BATCHES="$(GPU_BATCHES)" BS=$(firstword $(GPU_BATCHES)); \
	done

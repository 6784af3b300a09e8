# Looking at results: several sets, the check, comparison, verification, report.

##@ Looking at results

## First picture of verify; first result folder of compare
A ?=
## The second one
B ?=
## Squared distance that verify judges by; empty: the one in accuracy.json
THRESHOLD ?=

problem := $(shell scripts/check.sh \
	names DATASETS $(call quote,$(DATASETS)) -- one-of CHECK $(call quote,$(CHECK)) '' 0 1 -- \
	maybe-path A $(call quote,$(A)) -- maybe-path B $(call quote,$(B)))
$(if $(problem),$(error $(problem)))
$(if $(filter verify compare,$(MAKECMDGOALS)),$(foreach name,A B,$(if $($(name)),,$(error \
	$(name)= is empty; name two pictures for verify, two result folders for compare))))

# One after the other: the sets share the model, which only one make may build.
SET_RUNS = $(foreach set,$(DATASETS),$(MAKE) --no-print-directory accuracy \
	DATASETS= CHECK= DATA=data/$(set).bin &&) true
SET_RESULTS := $(foreach set,$(DATASETS),\
	$(RUN:result/$(NET)_$(DATASET)_%=result/$(NET)_$(set)_%)_bs$(BS)/accuracy.json)
EXPECTED := $(PYTHON_RUN) python/expected.py $(if $(filter 1,$(CHECK)),--check)

accuracy: $(DATASETS:%=data/%.bin)
ACCURACY_RUN = $(if $(DATASETS),$(SET_RUNS))
ACCURACY_SHOW = $(if $(DATASETS),$(EXPECTED) --table $(SET_RESULTS),\
	$(PYTHON_RUN) python/show.py $^ $(if $(filter 1,$(CHECK)),&& $(EXPECTED) $^))

# Files in data/ have no rule of their own, unless they are DATA.
$(filter-out $(DATA) data/demo.bin,$(DATASETS:%=data/%.bin)):
	@scripts/missing.sh DATASETS $@

##@ Looking at results

.PHONY: report compare verify verify-bs$(BS)

report: result/report.html ## All results as result/report.html and result/report.md

# Made anew each time: what lies in result/ is found by looking. After the results named with it.
RESULT_GOALS := $(filter demo accuracy accuracy-all perf perf-all,$(MAKECMDGOALS))
result/report.html: FORCE $(ENVIRONMENT) | $(RESULT_GOALS)
	$(STEP) report $@ $(MODULE) python/report.py --results result --data data --model model \
		--html $@ --markdown $(@:.html=.md)

compare: $(ENVIRONMENT) ## Results A and B of one set: McNemar's test, cosine, changed pairs
	@$(PYTHON_RUN) python/compare.py --a $(call quote,$(A)) --b $(call quote,$(B)) \
		--data data --out result/compare

verify: verify-bs$(BS) ## Pictures A and B, aligned 112x112: the same person?
verify-bs$(BS): verify-bs%: $(MODEL)_bs%_$(STAGE).onnx
	@$(PYTHON_RUN) python/verify.py --model $< $(CONFIGURATION) \
		--a $(call quote,$(A)) --b $(call quote,$(B)) --accuracy $(RUN)_bs$*/accuracy.json \
		$(if $(THRESHOLD),--threshold $(call quote,$(THRESHOLD)))

.PHONY: docs
docs: $(ENVIRONMENT) ## Rewrite what the documents take from the code: tables, messages
	@$(PYTHON_RUN) python/generate_docs.py

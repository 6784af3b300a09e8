# The public reference implementation, patched to import with current packages, and what is done
# with it. The chain does not need it unless BACKBONE=reference.

##@ The reference implementation

## Repository of the reference: a mirror or a local clone will do
REFERENCE_REPO ?= https://github.com/TreB1eN/InsightFace_Pytorch.git
## Its commit; name another only for a mirror with a history of its own
REFERENCE_COMMIT ?= 350ff7aa9c9db8d369d1932e14d2a4d11a3e9553

problem := $(shell scripts/check.sh repository REFERENCE_REPO $(call quote,$(REFERENCE_REPO)) -- \
	commit REFERENCE_COMMIT $(call quote,$(REFERENCE_COMMIT)))
$(if $(problem),$(error $(problem)))

.PHONY: patch reference-check

REFERENCE := LResNet/.patched
REFERENCE_STAMP := result/.stamp/reference
$(eval $(call stamp,$(REFERENCE_STAMP),REFERENCE_COMMIT=$(REFERENCE_COMMIT),))

patch: $(REFERENCE) ## Clone the reference into LResNet/ and patch it

$(REFERENCE): scripts/reference.sh $(REFERENCE_STAMP) $(call modules,patch_reference) | $(ENVIRONMENT)
	$(STEP) reference LResNet scripts/reference.sh $(call quote,$(REFERENCE_REPO)) $(REFERENCE_COMMIT) LResNet
	@touch $@

CHECKED := result/$(NET)_$(DATASET)_reference.json
reference-check: $(CHECKED) ## Compare networks and evaluation with the reference's own
	@$(PYTHON_RUN) python/show_reference.py $(CHECKED)

$(CHECKED): $(REFERENCE) $(WEIGHTS) $(LABELS) $(wildcard $(RUN)_bs$(BS)/embeddings.npy) \
		python/networks/__init__.py python/networks/$(NET).py $(wildcard python/networks/_*.py) \
		$(call modules,reference_check reference checkpoint evaluate crops decode)
	$(STEP) compare $@ $(MODULE) python/reference_check.py --net $(NET) --weights $(WEIGHTS) \
		--reference LResNet --crops $(CROPS) --labels $(LABELS) --out $@ \
		$(addprefix --embeddings ,$(filter %/embeddings.npy,$^))

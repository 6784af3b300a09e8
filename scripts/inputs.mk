# Where the verification set and the weights come from.

data/demo.bin: $(call modules,make_demo_bin verification_bin decode) | $(ENVIRONMENT)
	$(STEP) demo-faces $@ $(MODULE) python/make_demo_bin.py --out $@

$(DEMO_WEIGHTS): data/demo.bin python/networks/__init__.py python/networks/$(NET).py \
		$(wildcard python/networks/_*.py) \
		$(call modules,seed_checkpoint verification_bin decode crops) | $(ENVIRONMENT)
	$(STEP) demo-weights $@ $(MODULE) python/seed_checkpoint.py --net $(NET) --bin $< --out $@

$(filter-out data/demo.bin,$(DATA)):
	@scripts/missing.sh DATA $@

$(filter-out $(DEMO_WEIGHTS),$(WEIGHTS)):
	@scripts/missing.sh WEIGHTS $@

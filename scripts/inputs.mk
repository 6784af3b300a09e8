# Where the verification set and the weights come from: made up, downloaded, or built from images.

##@ Inputs

## Where to download DATA from: http(s)://, file:///, obs:// or gdrive:ID; empty: scripts/downloads.json
DATA_URL ?=
## Where to download WEIGHTS from
WEIGHTS_URL ?=
## Folder of aligned faces for `make bin`: SRC/<name>/<name>_0001.jpg or .png
SRC ?=
## LFW-style pairs file for `make bin`
PAIRS ?=
## Verification set that `make bin` writes; empty: data/<last part of SRC>.bin
OUT ?=

problem := $(shell scripts/check.sh \
	maybe-url DATA_URL $(call quote,$(DATA_URL)) -- maybe-url WEIGHTS_URL $(call quote,$(WEIGHTS_URL)))
$(if $(problem),$(error $(problem)))

data/demo.bin: $(call modules,make_demo_bin verification_bin decode) | $(ENVIRONMENT)
	$(STEP) demo-faces $@ $(MODULE) python/make_demo_bin.py --out $@

$(DEMO_WEIGHTS): data/demo.bin python/networks/__init__.py python/networks/$(NET).py \
		$(wildcard python/networks/_*.py) \
		$(call modules,seed_checkpoint verification_bin decode crops) | $(ENVIRONMENT)
	$(STEP) demo-weights $@ $(MODULE) python/seed_checkpoint.py --net $(NET) --bin $< --out $@

SET := $(or $(OUT),data/$(notdir $(SRC:%/=%)).bin)

.PHONY: download bin convert-weights

download: $(DATA) $(WEIGHTS) ## Get DATA and WEIGHTS, each unless it is there already

# A file that is there is never downloaded again: these rules have no prerequisites to be older than.
DOWNLOADS := scripts/downloads.json
DOWNLOADABLE := $(shell sed -n 's/^  "\([^"]*\)": {$$/\1/p' $(DOWNLOADS))
# $(call get,FILE,VARIABLE): the recipe by which a missing FILE, chosen by VARIABLE, is got.
get = $(if $(or $($(2)_URL),$(filter $(1),$(DOWNLOADABLE))),$(STEP) download $(1) \
	$(MODULE) python/download.py --manifest $(DOWNLOADS) --file $(1) --variable $(2) \
	$(if $($(2)_URL),--url $(call quote,$($(2)_URL))),@scripts/missing.sh $(2) $(1))

$(filter-out data/demo.bin,$(DATA)): | $(if $(or $(DATA_URL),$(filter $(DATA),$(DOWNLOADABLE))),$(ENVIRONMENT))
	$(call get,$@,DATA)

$(filter-out $(DEMO_WEIGHTS),$(WEIGHTS)): \
		| $(if $(or $(WEIGHTS_URL),$(filter $(WEIGHTS),$(DOWNLOADABLE))),$(ENVIRONMENT))
	$(call get,$@,WEIGHTS)

# Always runs, because SRC may have changed; an unchanged set keeps its time stamp.
bin: | $(ENVIRONMENT) ## SRC and PAIRS -> the verification set OUT
	@scripts/check.sh --fail path SRC $(call quote,$(SRC)) -- path PAIRS $(call quote,$(PAIRS)) \
		-- path OUT $(call quote,$(SET))
	$(STEP) bin $(SET) $(MODULE) python/make_bin.py --images $(SRC) --pairs $(PAIRS) --out $(SET)

convert-weights: | $(ENVIRONMENT) ## WEIGHTS that hold more than tensors -> model/<name>_tensors.pth
	@test -e $(WEIGHTS) || scripts/missing.sh WEIGHTS $(WEIGHTS)
	$(STEP) convert $(CONVERTED) $(MODULE) python/convert_weights.py --weights $(WEIGHTS) --out $(CONVERTED)

CONVERTED := model/$(basename $(notdir $(WEIGHTS)))_tensors.pth

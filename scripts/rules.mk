# How rules work: what make knows at its start, when a product is stale, how a step is run.

# ---- What make knows at its start

quote = '$(subst ','\'',$(1))'
# The names that scripts/variables.mk declares.
space := $(subst ,, )
VARIABLES := $(patsubst %?=,%,$(filter %?=,$(subst $(space)?=,?= ,$(file <scripts/variables.mk))))

# For the seals of what is made: this command, each word on a line of its own.
define newline


endef
given = $(filter command environment,$(firstword $(origin $(1))))
export MAKE_COMMAND_LINE := $(foreach goal,$(MAKECMDGOALS),$(goal)$(newline))$(foreach name,$(VARIABLES),$(if $(call \
	given,$(name)),$(name)=$(value $(name))$(newline)))

PY := $(if $(VENV),$(VENV)/bin/python,$(PYTHON))
DETECTED_ENGINE :=
DEFAULT_PRECISION :=
SETUP := $(shell . scripts/setup.sh $(call quote,$(firstword -$(MAKEFLAGS))) $(call quote,$(MAKEOVERRIDES)) \
	$(call quote,$(MAKECMDGOALS)) $(foreach name,$(VARIABLES) PY,$(call quote,$(name)=$($(name)))))
ifeq ($(filter READY,$(SETUP)),)
$(error Nothing was run)
endif
export CHAIN_MAKE := $(patsubst HOLDER=%,%,$(filter HOLDER=%,$(SETUP)))
DETECTED_ENGINE := $(patsubst ENGINE=%,%,$(filter ENGINE=%,$(SETUP)))
DETECTED_AIS_PYTHON := $(patsubst AIS_PYTHON=%,%,$(filter AIS_PYTHON=%,$(SETUP)))
DETECTED_CHIP := $(patsubst CHIP=%,%,$(filter CHIP=%,$(SETUP)))
DEFAULT_PRECISION := $(patsubst PRECISION=%,%,$(filter PRECISION=%,$(SETUP)))

include python/engines/engines.mk

# ---- What a step is made by, besides its data

# The modules that each door, engine and network imports, as setup.sh has them listed. Without
# Python there is no list, and every module counts.
MODULES := $(wildcard python/*.py python/*/*.py)
-include result/.stamp/modules.mk
# $(call by,DOOR...): the files of doors, and of engines/NAME and networks/NAME; and behind a |, so
# that it ends the prerequisites, what must be installed for them.
by = $(foreach name,$(1),$(or $(value MODULES.$(name)),$(MODULES))) requirements/constraints.txt | $(call needs,$(1))

# The parts of what is installed: files in requirements/, each installed when a step first needs it.
# With VENV empty nothing is.
PARTS := $(filter-out constraints,$(basename $(notdir $(wildcard requirements/*.txt))))
parts_of = $(sort $(foreach name,$(1),$(or $(value PARTS.$(name)),$(filter-out dev,$(PARTS)))))
installed = $(if $(VENV),$(1:%=$(VENV)/.installed-%))
# $(call needs,DOOR...): what must be installed for doors, engines/NAME and networks/NAME.
needs = $(call installed,$(call parts_of,$(1)))

# ---- Stamps: a stamp is newer than what was made with other variables than today's

.PHONY: FORCE
same = $(if $(subst x$(1)x,,x$(2)x)$(subst x$(2)x,,x$(1)x),,yes)
seen = $(patsubst FILE=%,%,$(filter FILE=$(1)=%,$(SETUP)))
# $(call stamp,STAMP,TEXT,FILES): STAMP holds TEXT and the size and time of each of FILES. What make
# 4.3 reads from a file may still end in a newline, as its memory happens to lie: hence strip.
define stamp
$(1): $(3) $(if $(call same,$(strip $(file <$(1))),$(strip $(2) $(foreach file,$(3),$(or $(call seen,$(file)),$(file)=absent)))),,FORCE)
	@scripts/stamp.sh $$@ $(call quote,$(strip $(2))) $(3)
endef

# A step with several products has one target, the product it writes last (grouped targets
# mislead make -n). $(call beside,FILES) makes that target stale when one of FILES is gone.
beside = $(if $(filter-out $(wildcard $(1)),$(1)),FORCE)

# ---- How a step is run

# A door that prints and leaves nothing.
RUN_DOOR := PY=$(call quote,$(PY)) scripts/python.sh
# A step: a line with its time, and a door or script. STEP_ALONE has the machine to itself.
STEP := @PY=$(call quote,$(PY)) V=$(call quote,$(V)) scripts/step.sh
STEP_ALONE := $(STEP) --alone

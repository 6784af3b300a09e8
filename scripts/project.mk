# The environment, the tests, the help and the cleaning.

##@ The project

.PHONY: venv test lint help clean distclean

venv: $(ENVIRONMENT) ## The Python environment alone

$(VENV:%=%/.installed): requirements.txt requirements-lock.txt scripts/venv.sh
	$(STEP) venv $(VENV) scripts/venv.sh $(call quote,$(PYTHON)) $(VENV) requirements.txt
	@touch $@

$(VENV:%=%/.installed-dev): requirements-dev.txt $(ENVIRONMENT)
	$(STEP) venv $(VENV) scripts/venv.sh $(call quote,$(PYTHON)) $(VENV) requirements-dev.txt
	@touch $@

DEV_ENVIRONMENT := $(VENV:%=%/.installed-dev)

test: $(DEV_ENVIRONMENT) ## All tests
	@$(PYTHON_RUN) -m pytest -n 2 --dist loadfile tests

lint: $(DEV_ENVIRONMENT) ## Check style and formatting
	@$(PYTHON_RUN) -m ruff check .
	@$(PYTHON_RUN) -m ruff format --check .

help: ## This text
	@scripts/help.sh $(MAKEFILE_LIST)

clean: ## Remove what the chain built, keep downloads
	@scripts/clean.sh

distclean: ## Remove downloads and the environment too
	@scripts/clean.sh --all

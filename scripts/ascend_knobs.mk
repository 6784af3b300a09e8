# The NPU's variables, and the engine that is used where none is chosen.

##@ On an Ascend NPU

## NPU device, or several: 0,1,2,3
DEVICE ?= 0
## Chip to compile for, e.g. 310P3; empty: ask npu-smi
CHIP ?=
## 1 lets the NPU normalise: uint8 inputs of a quarter of the size
AIPP ?= 0
## 1 adds the atc flags that make this network faster
TUNE ?= 0
## Further flags for atc
ATC_FLAGS ?=
## Format of ais_bench's outputs: NPY or BIN
OUTFMT ?= NPY
## Interpreter that has ais_bench and aclruntime; empty: the chain's own
AIS_PYTHON ?=

AIS := $(or $(AIS_PYTHON),$(if $(VENV),$(VENV)/bin/python,$(PYTHON)))
shell_quote = '$(subst ','\'',$(1))'
# An engine, and with ascend the chip: asking npu-smi takes long, so it is done once.
DETECTED := $(if $(filter file,$(origin ENGINE)),$(shell \
	scripts/default_engine.sh $(call shell_quote,$(AIS)) $(call shell_quote,$(PYTHON))))
DETECTED_ENGINE := $(word 1,$(DETECTED))
# ONNX Runtime's provider for the NPU takes a device too.
EP_DEVICE := $(if $(filter CANNExecutionProvider,$(EP)),DEVICE=$(DEVICE))

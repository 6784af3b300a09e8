# Every variable that a person may set: its group (##@), {the values it takes} and its meaning (##),
# its default. scripts/setup.sh holds values against this file, `make help` prints it; the ones
# that only some engines take are named in python/engines/engines.mk.

##@ What to run

## {network} Network: a file in python/networks/
NET ?= ir_se100
## {path} Verification set; its file name is the data set's name
DATA ?= data/lfw.bin
## {names} Several sets in data/ for accuracy, by name (lfw cfp_fp ...), instead of DATA
DATASETS ?=
## {path} PyTorch checkpoint of NET; its file name is the name of all that is made of it
WEIGHTS ?= model/model_$(NET).pth
## {path?} Any recogniser in ONNX instead of NET and WEIGHTS; with COLOUR, MEAN and SCALE
ONNX ?=
## {number} Batch size
BS ?= 16
## {numbers} Batch sizes of the -all targets
BATCHES ?= 1 4 8 16 32 64
## {engine} Engine; empty: ascend where there is an NPU, else the fastest exact one for NET: ncnn or openvino
ENGINE ?= $(DETECTED_ENGINE)
## {precision} Arithmetic of the engine; empty: fp16 on an NPU, else fp32
PRECISION ?= $(DEFAULT_PRECISION)

##@ What the network expects

## {choice? bgr rgb} Order of its input's colours; empty: what NET is trained on
COLOUR ?=
## {channels?} Taken off each pixel: one number, or three by commas in COLOUR's order; empty: 127.5
MEAN ?=
## {channels?} What is then divided by: likewise
SCALE ?=
## {word?} Output of ONNX that is the embedding, where it has several
OUTPUT ?=

##@ How to run it

## {switch} 1 makes accuracy fail where it is not the expected one
CHECK ?=
## {switch} 1 makes perf fail where its figure is not steady, embed at an unreadable input; 0 lets tune store one that is not steady
STRICT ?=
## {number?} CPU threads; empty: what make tune found, else the engine's choice
THREADS ?=
## {number?} Batches that are worked on at a time in throughput mode; empty: likewise
STREAMS ?=
## {switch} 1 rewrites the simplified graph so that fewer nodes remain, exactly; 0 runs it as it is; empty: 0 for .om, else 1
FUSE ?=
## {path?} Set that PRECISION=int8 is calibrated on; empty: a sample of DATA
CALIB ?=
## {word?} Execution provider; empty: CPUExecutionProvider
EP ?=
## {choice? cuda cpu} PyTorch's device; empty: cuda where there is one
TORCH_DEVICE ?=
## {choice? compile graph eager} How PyTorch runs; empty: compile on cuda, else eager
TORCH_MODE ?=
## {number?} Timed runs of perf; empty: five blocks over at least ten seconds, which others compare with
LOOP ?=
## {number} Untimed runs before those; on a CPU fewer where two seconds pass
WARMUP ?= 5
## {switch} 1 runs each different image of a set once; 0 runs every entry
UNIQUE ?= 1
## {between 9 20} ONNX operator set; .om takes 11 to 17
OPSET ?= 11
## {choice builtin reference} Class to export: reference is the public implementation's, by make patch
BACKBONE ?= builtin

##@ On an Ascend NPU

## {devices?} NPU device, or several (0,1,2,3); empty: 0
DEVICE ?=
## {chip?} Chip to compile for, e.g. 310P3; empty: ask npu-smi
CHIP ?=
## {switch} 1 lets the NPU normalise: uint8 inputs of a quarter of the size
AIPP ?= 0
## {flags?} Further flags for atc
ATC_FLAGS ?=
## {choice NPY BIN TXT} Format of ais_bench's outputs
OUTFMT ?= NPY
## {text} Interpreter that has ais_bench and aclruntime; empty: look for python3, python3.7 to 3.11, PYTHON
AIS_PYTHON ?=

##@ Data and weights

## {url?} Where to download DATA from: http(s)://, file:///, obs:// or gdrive:ID; empty: scripts/downloads.json
DATA_URL ?=
## {url?} Where to download WEIGHTS from
WEIGHTS_URL ?=
## {path?} Folder of pictures for make bin: SRC/<name>/<name>_0001.jpg, .png, .bmp or .webp; for make embed also of .tar or .parquet files, one of these, or a .bin
SRC ?=
## {path?} Pairs file for make bin: LFW's form, or a CSV of two paths below SRC and 0 or 1
PAIRS ?=
## {switch} 1 takes whole photographs for make bin, embed and verify, finds the face and aligns it
ALIGN ?=
## {path?} YuNet model that finds the faces; empty: model/yunet_n_dynamic.onnx, downloaded
DETECTOR ?=
## {path?} Landmarks for make bin instead of a detector: a path below SRC and ten numbers a line
LANDMARKS ?=
## {choice? skip} skip leaves out the pairs of photographs without a face; empty: an error
MISSING ?=
## {address?} What make bin, embed, identify and all-pairs write: a set (empty: data/<last part of SRC>.bin), or a folder
OUT ?=

##@ Whole collections

## {number} Inputs of make embed that are written together
SHARD ?= 1000
## {choice float32 float16} Numbers that make embed stores
DTYPE ?= float32
## {cluster?} Ray cluster that does make embed: auto for that of this machine's node, or host:port; empty: this machine alone
RAY_ADDRESS ?=
## {address?} Collection of make embed that identify searches in: a folder, or an address such as s3://
GALLERY ?=
## {address?} Collection whose faces identify looks for; GALLERY itself will do
PROBES ?=
## {choice? hnsw ivfpq} Approximate search by faiss, its recall measured; empty: exact search
INDEX ?=
## {between 1 1000} Matches that identify writes for each probe
TOP ?= 5
## {address?} Collection that all-pairs takes every pair of
EMBEDDINGS ?=
## {decimal?} What such a machine costs an hour, in any currency, for make scale; empty: no cost
PRICE ?=

##@ Looking at results

## {path?} First picture of verify; first result folder of compare
A ?=
## {path?} The second one
B ?=
## {text} Squared distance that verify judges by; empty: the one in accuracy.json
THRESHOLD ?=

##@ The project

## {repository} Repository of the reference: a mirror or a local clone will do
REFERENCE_REPO ?= https://github.com/TreB1eN/InsightFace_Pytorch.git
## {text} Python environment to make and use; empty: use PYTHON as it is
VENV ?= .venv
## {text} Interpreter
PYTHON ?= python3
## {url?} Index that torch comes from, and nothing else; empty: where pip takes all from, for Linux with 3 GB for CUDA
TORCH_INDEX_URL ?=
## {number} Minutes that make torture takes, once it has made the chain that it breaks
MINUTES ?= 10
## {switch} 1 shows the commands
V ?=

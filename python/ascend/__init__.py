"""The NPU's tools: npu-smi, atc, AIPP and ais_bench, their files and the record of a run."""

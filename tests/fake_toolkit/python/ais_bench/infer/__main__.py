"""The front end: groups of files through a session, outputs and a summary to disk."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import re
import sys
import time
from pathlib import Path

import numpy as np

from ais_bench.infer.interface import InferSession
from ais_bench.infer.options import V3, parse

FAULT = os.environ.get("FAKE_AIS", "")
SUFFIXES = {".bin", ".BIN", ".npy", ".NPY"}


def natural(path: str) -> list:
    return [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", Path(path).stem)]


def stop(text: str) -> None:
    print(f"[ERROR] {text}", flush=True)
    sys.exit(1)


def list_inputs(text: str) -> list[str]:
    found = []
    for name in text.split(","):
        path = Path(name)
        if path.is_dir():
            files = [str(f) for f in path.iterdir() if f.suffix in SUFFIXES and f.is_file()]
            found += sorted(files, key=natural)
        elif path.is_file():
            found.append(name)
        else:
            stop(f"{name} not file or dir")
    if not found:
        stop(f"{text} has no input file")
    return found


def load(name: str) -> bytes:
    if name.lower().endswith(".npy"):
        return np.load(name).tobytes()
    return Path(name).read_bytes()


def size_of(name: str) -> int:
    return len(load(name)) if name.lower().endswith(".npy") else Path(name).stat().st_size


def groups(files: list[str], tensor: int) -> list[list[str]]:
    first = size_of(files[0])
    if not first or tensor % first:
        stop(f"arg0 tensorsize: {tensor} filesize: {first} not match")
    count = tensor // first
    return [files[i : i + count] for i in range(0, len(files), count)]


def save(folder: Path, stem: str, index: int, outfmt: str, value: np.ndarray) -> str:
    path = folder / f"{stem}_{index}.{outfmt.lower()}"
    if outfmt == "NPY":
        np.save(path, value)
    elif outfmt == "BIN":
        value.tofile(path)
    else:
        rows = ["".join(f"{v:f} " for v in row) for row in value]
        path.write_text("\n".join(rows) + "\n", encoding="ascii")
    return str(path)


def make_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        stop(f"{folder} is a file")
    if not V3:
        folder.mkdir(parents=True, exist_ok=True)
        return
    # The processes of several devices look at the same time, and all but the fastest fail.
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    for path in reversed(missing):
        time.sleep(0.2)
        try:
            path.mkdir(mode=0o750)
        except FileExistsError:
            stop(f"can not make dir: {path}")


def hang() -> None:
    while True:
        time.sleep(3600)


def spoil(output: np.ndarray, last: bool, first: np.ndarray | None) -> np.ndarray:
    """Return a batch's outputs with the fault that is in them; ``first``: the run's first row."""
    if FAULT == "nan" and last:
        output[0, 7 % output.shape[1]] = np.nan
    elif FAULT == "zero":
        output[0] = 0
    elif FAULT == "equal":
        output[:] = first
    elif FAULT == "constant":
        output[:] = output.shape[1] ** -0.5
    elif FAULT == "fp16":
        output = output.astype(np.float16).astype(np.float32)
    return output


def statistics(values: list[float]) -> dict:
    return {
        "min": float(np.min(values)),
        "max": float(np.max(values)),
        "mean": float(np.mean(values)),
        "median": float(np.median(values)),
        "percentile(99%)": float(np.percentile(values, 99)),
        "count": len(values),
    }


def run_one(args, device: int, name: str | None, shares: list, index: int = 0) -> None:
    """Run the files ``shares[index]`` (None: synthetic input) on ``device``."""
    files = shares[index]
    session = InferSession(device, args.model, args.loop)
    (wanted,) = session.get_inputs()
    batchsize = args.batchsize or wanted.shape[0]
    folder = None
    if args.output:
        folder = Path(args.output, name or time.strftime("%Y_%m_%d-%H_%M_%S"))
        make_folder(folder)
    elif args.output_dirname:
        raise RuntimeError("output_dirname needs output")
    batches = groups(files, wanted.size) if files else [None]

    def feed(group: list[str] | None) -> np.ndarray:
        if group is None:
            random = args.pure_data_type == "random"
            data = os.urandom(wanted.size) if random else bytes(wanted.size)
        else:
            count = wanted.size // size_of(batches[0][0])
            padded = group + [group[0]] * (count - len(group))
            data = b"".join(map(load, padded))
            if len(data) != wanted.size:
                stop(f"arg0 tensorsize: {wanted.size} filesize: {len(data)} not match")
        return np.frombuffer(data, np.uint8)

    session.set_loop_count(1)
    for _ in range(args.warmup_count):
        session.infer([feed(batches[0])])
    first = None
    if FAULT == "equal":
        # Of the whole run, on every device.
        first = session.infer([feed(groups(shares[0], wanted.size)[0] if files else None)])[0][0]
    # The hanging loop of synthetic input is one that never gets to its second round.
    session.set_loop_count(1 if FAULT == "hang" else args.loop)
    session.reset()
    print(f"[INFO] warm up {args.warmup_count} done")

    info: dict[str, dict] = {}
    for i, group in enumerate(batches):
        print(f"\rInference array Processing: {i}/{len(batches)}", end="")
        (output,) = session.infer([feed(group)])
        if FAULT == "hang" and group is None:
            hang()
        if not folder:
            continue
        output = spoil(output, i == len(batches) - 1, first)
        if group is None:
            path = save(folder, "pure_infer_data_0", 0, args.outfmt, output)
            path = str(Path(path).rename(str(path).replace("_0_0.", "_0.")))
            info[str(i)] = {"infiles": ["pure_infer_data"], "outfiles": [path]}
            continue
        for name_in, row in zip(group, output):
            value = row[None, :100] if FAULT == "short" else row[None]
            stem = Path(name_in).name.split(".")[0]
            path = save(folder, stem, 0, args.outfmt, value)
            info[str(len(info))] = {"infiles": [name_in], "outfiles": [path]}
        if FAULT == "hang":
            hang()
    print()
    if folder and FAULT == "missing":
        last = list(info.values())[-1]
        Path(last["outfiles"].pop()).unlink()
    if folder and FAULT == "dropped":
        for key in list(info)[-wanted.shape[0] :]:
            for path in info.pop(key)["outfiles"]:
                Path(path).unlink()
    if folder and FAULT == "double" and index == 0:
        twice = dict(info["0"])
        if files and len(shares) > 1:
            (stem, *_), twice["infiles"] = Path(shares[1][0]).name.split("."), [shares[1][0]]
            twice["outfiles"] = [save(folder, stem, 0, args.outfmt, output[:1])]
        info[str(len(info))] = twice
    if folder and FAULT == "extra":
        info["0"]["outfiles"].append(save(folder, "99999999", 0, args.outfmt, output[:1]))

    listed = session.exec_times()
    # The older versions take the pairs of a newer runtime for durations, and nobody complains.
    times = [end - start for start, end in listed] if V3 else listed
    throughput = 1000 * batchsize / float(np.mean(times))
    if FAULT == "throughput":
        throughput *= 4
    report = {
        "filesinfo": info,
        "args": sys.argv,
        "NPU_compute_time": statistics(times),
        "H2D_latency": statistics(session.h2d_ms),
        "D2H_latency": statistics(session.d2h_ms),
        "throughput": throughput,
        "npu_compute_time_list": listed,
        "pid": os.getpid(),
    }
    mean = report["NPU_compute_time"]["mean"]
    shown = ", ".join(f"{k} = {v}" for k, v in list(report["NPU_compute_time"].items())[:5])
    print("[INFO] -----------------Performance Summary------------------")
    print(f"[INFO] NPU_compute_time (ms): {shown}")
    print(
        f"[INFO] throughput 1000*batchsize.mean({batchsize})/NPU_compute_time.mean({mean}): "
        f"{throughput}"
    )
    print("[INFO] ------------------------------------------------------", flush=True)
    if folder and FAULT != "no-summary":
        text = "{" if FAULT == "garbled" else json.dumps(report)
        folder.with_name(f"{folder.name}_summary.json").write_text(text, encoding="utf-8")
    session.finalize()


def main() -> None:
    args = parse()
    if not Path(args.model).is_file():
        stop(f"{args.model} does not exist")
    files = list_inputs(args.input) if args.input else None
    if not isinstance(args.device, list):
        run_one(args, args.device, args.output_dirname, [files])
        return
    # The older versions always look at the model on device 0 first, to divide the input.
    if not V3:
        InferSession(0, args.model).get_inputs()
    name = args.output_dirname or time.strftime("%Y_%m_%d-%H_%M_%S")
    if V3:
        folders = [f"{name}/device{d}_{i}" for i, d in enumerate(args.device)]
    else:
        folders = [f"{name}/device{d}" for d in args.device]
    shares = [files] * len(args.device)
    if files and (not V3 or args.divide_input):
        share = math.ceil(len(files) / len(args.device))
        shares = [files[i * share : (i + 1) * share] for i in range(len(args.device))]
        if not shares[-1]:
            stop(" not file or dir")
    processes = [
        multiprocessing.Process(target=run_one, args=(args, device, folder, shares, i))
        for i, (device, folder) in enumerate(zip(args.device, folders))
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(1 if any(process.exitcode for process in processes) else 0)


if __name__ == "__main__":
    main()

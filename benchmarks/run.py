#!/usr/bin/env python3
"""One training step of mixln and of its peers, alternately, on this machine.

    benchmarks/run.py --bin build/release/bin --peers ../shared/peers --python PYTHON [--case NAME ...]

Cases stand in cases.json: size, batch, T, type, placement, threads and the peers to run beside. A round runs mixln and
every peer once; the figure of each is the median of its rounds' medians over steps, the first two steps of a run left
out. Prints a table, writes the JSON of every run to --out. PYTHON is one that has torch (and jax).
"""
import argparse
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


def run_mixln(case, args, work):
    config = HERE.parent / "configs" / f"llama_{case['size']}.json"
    exe = work / f"exe-{case['name']}"
    record = {"peer": "mixln"}
    if not exe.exists():
        start = time.perf_counter()
        subprocess.run([args.bin / "mixlnc", config, "--norm", case["norm"], "--batch_size", str(case["batch"]),
                        "--seq_len", str(case["seq"]), "--dtype", case["dtype"], "-o", exe], check=True)
        record["compile_s"] = round(time.perf_counter() - start, 2)
    save = pathlib.Path(tempfile.mkdtemp(dir=work))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    steps = args.steps + 2
    process = subprocess.Popen(
        [exe, "train", "--data", args.data, "--tokenizer", args.tokenizer, "--packing", "concat", "--no_shuffle", "--save_dir",
         save / "run", "--num_training_steps", str(steps), "--warmup_steps", "0", "--lr", "1e-3", "--threads",
         str(case["threads"]), "--save_every", "0"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"benchmark: mixln failed with status {status}")
    lines = [json.loads(line) for line in (save / "run" / "metrics.jsonl").read_text().splitlines()]
    seconds = [line["step_seconds"] for line in lines if "step_seconds" in line][2:]
    record.update(ms_per_step=statistics.median(seconds) * 1e3,
                  tokens_per_s=case["batch"] * case["seq"] / statistics.median(seconds),
                  peak_rss_mib=max(usage.ru_maxrss, 0) // 1024, step_ms=[round(s * 1e3, 1) for s in seconds])
    del before
    return record


def run_peer(case, peer, args, work):
    results = work / "peer.jsonl"
    results.unlink(missing_ok=True)
    script, *flags = peer.split()
    command = [args.peers / "run_one.sh", script, "--size", case["size"], "--norm", case["norm"], "--batch",
               str(case["batch"]), "--seq", str(case["seq"]), "--dtype", case["dtype"], "--threads",
               str(case["threads"]), "--steps", str(args.steps), *flags]
    environment = dict(os.environ, RESULTS=str(results),
                       PATH=f"{pathlib.Path(args.python).parent}{os.pathsep}{os.environ['PATH']}")
    subprocess.run(["sh", *map(str, command)], env=environment, stdout=subprocess.DEVNULL)
    if not results.exists() or not results.read_text().strip():
        return {"peer": peer, "error": "gave no result"}
    return dict(json.loads(results.read_text().splitlines()[-1]), peer=peer)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = HERE.parent.parent / "shared"
    parser.add_argument("--bin", type=pathlib.Path, default=HERE.parent / "build/release/bin")
    parser.add_argument("--peers", type=pathlib.Path, default=shared / "peers")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--data", default=shared / "data/c4/c4-sample.train.json.gz")
    parser.add_argument("--tokenizer", default=shared / "data/tokenizer/t5/spiece.model")
    parser.add_argument("--case", action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    cases = json.loads((HERE / "cases.json").read_text())
    if args.case:
        cases = [case for case in cases if case["name"] in args.case]
    report = {"machine": platform.processor() or platform.machine(), "date": time.strftime("%Y-%m-%d"), "cases": []}
    with open("/proc/cpuinfo") as cpuinfo:
        report["machine"] = next((l.split(":")[1].strip() for l in cpuinfo if l.startswith("model name")), "?")
    report["cores"] = os.cpu_count()
    print(f"{'case':<24} {'system':<28} {'tokens/s':>9} {'ms/step':>9} {'peak MiB':>9} {'mixln is':>9}")
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        for case in cases:
            runs = {}
            for _ in range(args.rounds):
                for peer in ["mixln", *case["peers"]]:
                    run = run_mixln(case, args, work) if peer == "mixln" else run_peer(case, peer, args, work)
                    runs.setdefault(peer, []).append(run)
            mine = statistics.median(run["tokens_per_s"] for run in runs["mixln"])
            for peer, records in runs.items():
                good = [record for record in records if "tokens_per_s" in record]
                if not good:
                    print(f"{case['name']:<24} {peer:<28} {records[0].get('error', 'failed')}")
                    continue
                rate = statistics.median(record["tokens_per_s"] for record in good)
                print(f"{case['name']:<24} {peer:<28} {rate:>9.0f} "
                      f"{statistics.median(r['ms_per_step'] for r in good):>9.0f} "
                      f"{max(r['peak_rss_mib'] for r in good):>9} {mine / rate:>8.2f}x", flush=True)
            report["cases"].append({"case": case, "runs": runs})
    if args.out:
        args.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

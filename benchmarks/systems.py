"""Runs one system (mixln or a peer) once on a case and says what it measured.

A system is a line of words: `mixln` or a peer's script, then flags that stand over those of the case, as in
`mixln --norm lns` or `torch_llama.py --compile --dtype bf16_pure`.
"""
import json
import os
import pathlib
import signal
import statistics
import subprocess
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
WARM_UP = 2     # steps left out, as in the peers
QUIET = 0.1     # cores that others may use during a step that counts
EVERY = 0.002   # seconds between looks at a run


class Failed(Exception):
    pass


def flags_of(case, system):
    """The case's flags with the system's own on top."""
    words = system.split()[1:]
    flags = {"size": case["size"], "norm": case["norm"], "batch": case["batch"], "seq": case["seq"],
             "dtype": case["dtype"], "threads": case["threads"]}
    extra, i = [], 0
    while i < len(words):
        name = words[i].removeprefix("--")
        if name in flags:
            flags[name] = words[i + 1]
            i += 2
        else:
            extra.append(words[i])
            i += 1
    return flags, extra


# ---------------------------------------------------------------------------------------------------------------------
# mixln
# ---------------------------------------------------------------------------------------------------------------------

TICK = os.sysconf("SC_CLK_TCK")


def machine_seconds():
    """CPU seconds that the whole machine was busy."""
    with open("/proc/stat") as stat:
        numbers = [int(word) for word in stat.readline().split()[1:9]]
    return (sum(numbers) - numbers[3] - numbers[4]) / TICK


def process_seconds(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    except (OSError, IndexError):
        return None


class Watch(threading.Thread):
    """Sees when each line of metrics.jsonl appears, and what others computed meanwhile."""

    def __init__(self, path, pid, start):
        super().__init__(daemon=True)
        self.path, self.pid, self.start_time, self.stop = path, pid, start, False
        self.seen = []      # seconds since the start
        self.others = []    # cores that others used during the step
        self.start()

    def running(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def run(self):
        before = (time.perf_counter(), machine_seconds(), process_seconds(self.pid) or 0)
        size = 0
        while not self.stop:
            if self.path.exists() and self.path.stat().st_size != size:
                size = self.path.stat().st_size
                own = process_seconds(self.pid)
                now = (time.perf_counter(), machine_seconds(), before[2] if own is None else own)
                self.seen.append(now[0] - self.start_time)
                used = (now[1] - before[1]) - (now[2] - before[2])
                self.others.append(round(max(0.0, used) / (now[0] - before[0]), 2))
                before = now
            time.sleep(EVERY)


def run_mixln(case, system, args, cache):
    """One run of mixln-train, ended after its last step: a checkpoint of a gigabyte would disturb the next run."""
    steps = args.steps + WARM_UP
    flags, extra = flags_of(case, system)
    config = HERE.parent / "configs" / f"llama_{flags['size']}.json"
    with tempfile.TemporaryDirectory() as folder:
        save = pathlib.Path(folder) / "run"
        errors = pathlib.Path(folder) / "errors"
        command = [args.bin / "mixln-train", "--model_config", config, "--norm", flags["norm"], "--dtype",
                   flags["dtype"], "--batch_size", flags["batch"], "--seq_len", flags["seq"], "--data", args.data,
                   "--tokenizer", args.tokenizer, "--save_dir", save,
                   "--num_training_steps", steps + 1, "--warmup_steps", 0, "--lr", 1e-3, "--threads",
                   flags["threads"], "--save_every", 0, *extra]
        with open(errors, "w") as log:
            start = time.perf_counter()
            process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log,
                                       env=dict(os.environ, MIXLN_CACHE_DIR=str(cache)))
            watch = Watch(save / "metrics.jsonl", process.pid, start)
            while len(watch.seen) < steps and watch.running():
                time.sleep(EVERY)
            os.kill(process.pid, signal.SIGKILL)
            _, _, usage = os.wait4(process.pid, 0)
            watch.stop = True
            watch.join()
        if len(watch.seen) < steps:
            raise Failed(f"{' '.join(map(str, command))} failed: {errors.read_text()[-500:]}")
        lines = [json.loads(line) for line in (save / "metrics.jsonl").read_text().splitlines()]
        info = json.loads(subprocess.run([save / "exe", "info", "--json"], check=True, capture_output=True).stdout)
    seconds = [line["step_seconds"] for line in lines if "step_seconds" in line][:steps]
    after = list(zip(seconds, watch.others + [0] * len(seconds)))[WARM_UP:]
    clean = [s for s, others in after if others < QUIET]
    median = statistics.median(clean or seconds[WARM_UP:])
    return {"peer": "mixln", "dtype": flags["dtype"], "norm": flags["norm"], "threads": int(flags["threads"]),
            "tokens_per_s": round(int(flags["batch"]) * int(flags["seq"]) / median, 1),
            "ms_per_step": round(median * 1e3, 1), "peak_rss_mib": usage.ru_maxrss // 1024,
            # From the command to the moment at which the first step begins, and ends.
            "to_first_step_s": round(watch.seen[0] - seconds[0], 2), "first_step_done_s": round(watch.seen[0], 2),
            "flops_per_token": info["flops_per_token"], "clean_steps": len(clean),
            "step_ms": [round(s * 1e3, 1) for s in seconds], "other_cores": watch.others[:steps]}


# ---------------------------------------------------------------------------------------------------------------------
# Peers
# ---------------------------------------------------------------------------------------------------------------------

def run_peer(case, system, args):
    """One run by the peers' run_one.sh: tcmalloc, huge pages, a cold cache of torch.compile."""
    flags, extra = flags_of(case, system)
    command = ["sh", args.peers / "run_one.sh", system.split()[0]]
    for name, value in flags.items():
        command += [f"--{name}", value]
    with tempfile.TemporaryDirectory() as folder:
        results = pathlib.Path(folder) / "results.jsonl"
        environment = dict(os.environ, RESULTS=str(results),
                           PATH=f"{pathlib.Path(args.python).parent}{os.pathsep}{os.environ['PATH']}")
        if "jax" in system and int(flags["threads"]) == 1:
            environment["PIN"] = "0"    # JAX knows no number of threads.
        done = subprocess.run([str(word) for word in [*command, "--steps", args.steps, *extra]], env=environment,
                              capture_output=True, text=True)
        lines = results.read_text().splitlines() if results.exists() else []
    if not lines:
        raise Failed(f"{system} gave no result: {(done.stdout + done.stderr)[-300:]}")
    record = json.loads(lines[-1])
    record["first_step_done_s"] = round(record["startup_s"] + record["first_step_s"], 2)
    return record


def run(case, system, args, cache):
    if system.split()[0] == "mixln":
        return run_mixln(case, system, args, cache)
    return run_peer(case, system, args)

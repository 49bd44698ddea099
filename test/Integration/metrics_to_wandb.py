"""What scripts/metrics-to-wandb.py hands to a wandb module that only writes it down."""
import json
import os
import pathlib
import subprocess
import sys
import time

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
run = work / "run"
run.mkdir(parents=True)
(run / "run.json").write_text("{}")
(work / "wandb.py").write_text(f"""
import json, time
waits = time.sleep
time.sleep = lambda seconds: waits(0.02)
def init(**about): return Run()
class Run:
    def log(self, line, step):
        with open({str(work / "log")!r}, "a") as out: out.write(json.dumps([step, line]) + "\\n")
""")
metrics, log = run / "metrics.jsonl", work / "log"


def lines(first, last):
    of_updates = [json.dumps({"step": n, "loss": 1 / n}) + "\n" for n in range(first, last + 1)]
    return "".join(of_updates) + (json.dumps({"step": 4, "eval_loss": 0.5}) + "\n" if last == 4 else "")


def wait_for(count):
    for _ in range(1000):
        if log.exists() and len(log.read_text().splitlines()) >= count:
            return
        time.sleep(0.02)
    child.kill()
    mt.fail(f"no {count} lines within 20 s: {log.read_text() if log.exists() else 'none'}\n{child.stderr.read()}")


metrics.write_text(lines(1, 4))
child = subprocess.Popen([sys.executable, str(mt.ROOT / "scripts" / "metrics-to-wandb.py"), str(run)], text=True,
                         stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(work)})
wait_for(5)
with open(metrics, "a") as out:
    out.write(lines(5, 5) + '{"step": 6, ')
wait_for(6)
# The run was killed after update 6 and goes on from a checkpoint after update 4.
(run / "new").write_text(lines(1, 4))
os.replace(run / "new", metrics)
with open(metrics, "a") as out:
    out.write(lines(5, 5) + lines(6, 7))
wait_for(8)
child.kill()
found = [json.loads(line) for line in log.read_text().splitlines()]
expected = [json.loads(line) for line in (lines(1, 4) + lines(5, 7)).splitlines()]
if found != [[line["step"], line] for line in expected]:
    mt.fail(f"{found}")
print(f"{len(found)} lines, each once")

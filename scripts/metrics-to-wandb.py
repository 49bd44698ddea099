#!/usr/bin/env python3
"""Streams a run's metrics.jsonl to Weights & Biases, while it grows: metrics-to-wandb.py RUN_DIR [PROJECT]"""
import json, os, sys, time, wandb
folder, project = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "mixln"
run = wandb.init(project=project, name=folder.rstrip("/").split("/")[-1], config=json.load(open(folder + "/run.json")))
path, logged = folder + "/metrics.jsonl", set()
while True:
    # A run that is resumed writes another file of this name, with the same updates as far as both go.
    with open(path) as file:
        seen = ""
        while True:
            seen += file.readline()
            if seen.endswith("\n"):
                line = json.loads(seen)
                what = (line["step"], "eval_loss" in line)
                if what not in logged:
                    run.log(line, step=line["step"])
                logged.add(what)
                seen = ""
            elif os.stat(path).st_ino != os.fstat(file.fileno()).st_ino:
                break
            else:
                time.sleep(5)  # end it with Ctrl-C when the run is done

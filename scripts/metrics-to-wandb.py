#!/usr/bin/env python3
"""Streams a run's metrics.jsonl to Weights & Biases, while it grows: metrics-to-wandb.py RUN_DIR [PROJECT]"""
import json, sys, time, wandb
folder, project = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "mixln"
run = wandb.init(project=project, name=folder.rstrip("/").split("/")[-1], config=json.load(open(folder + "/run.json")))
seen = ""
with open(folder + "/metrics.jsonl") as file:
    while True:
        seen += file.readline()
        if not seen.endswith("\n"):
            time.sleep(5)  # end it with Ctrl-C when the run is done
            continue
        line = json.loads(seen)
        run.log(line, step=line["step"])
        seen = ""

"""Runs the commands of two pages in a folder that has what they name."""
import json
import pathlib
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
config = mt.write_config(work / "config.json")
mt.write_tokenizer(work / "spiece.model", mt.LETTERS)
fox = "the quick brown fox jumps over the lazy dog"
(work / "text.jsonl").write_text("".join(json.dumps({"text": fox}) + "\n" for _ in range(50)))
(work / "chat.jsonl").write_text("".join(
    json.dumps(line) + "\n" for line in ({"prompt": "how is the fox", "response": "quick"},
                                         {"messages": [{"role": "user", "content": "how is the dog"},
                                                       {"role": "assistant", "content": "lazy"}]})) * 10)
(work / "prompt.txt").write_text("the quick\n")
exe = mt.compile_model(config, work / "exe", "post_pre:1", 4, 64)
for run in ("x", "base"):
    mt.run([exe, "train", "--data", "text.jsonl", "--tokenizer", "spiece.model", "--save_dir", f"runs/{run}",
            "--num_training_steps", 20, "--warmup_steps", 2, "--lr", "1e-2"], cwd=work)
count = 0
for page in ("Generation", "FineTuning"):
    for line in (mt.ROOT / "docs" / f"{page}.md").read_text().splitlines():
        if line.startswith("    runs/"):
            print(line.strip())
            mt.run(["sh", "-c", line.strip()], cwd=work)
            count += 1
print(f"{count} commands")

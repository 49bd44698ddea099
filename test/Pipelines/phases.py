"""Each phase computes what the phase before it computed; each can be stopped at and started from."""
import pathlib
import re
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
config = mt.write_config(work / "config.json", num_hidden_layers=2, hidden_size=8, intermediate_size=12, vocab_size=12,
                         num_key_value_heads=1)
SHAPE = ["--batch_size", "2", "--seq_len", "5"]
# The loss head in chunks of rows that do not divide the rows, so that the chunking is in what is compared.
CHUNKS = ["--chunk_rows", "3", "--chunk_threshold", "1"]
PHASES = ["import", "expand", "merge", "differentiate", "fuse", "rematerialize", "plan"]
# phase -> entries whose numbers it must keep; `prepare` first, where packed copies may be made.
KEEPS = {"merge": [["loss"], ["logits"], ["decode"], ["prefill", "decode"]],
         "fuse": [["prepare", "gradient"], ["prepare", "gradient", "gradient_add"],
                  ["prepare", "gradient", "update"], ["prepare", "logits"], ["prepare", "gradient.measured"],
                  ["decode"], ["prefill", "decode"]],
         "rematerialize": [["prepare", "gradient"], ["prepare", "gradient", "gradient_add"],
                           ["prepare", "gradient.measured"]],
         "plan": [["prepare", "gradient"], ["prepare", "gradient", "gradient_add"],
                  ["prepare", "gradient", "update"], ["prepare", "logits"], ["prepare", "gradient.measured"],
                  ["decode"], ["prefill", "decode"]]}


def compare(before, after, entries):
    flags = [word for entry in entries for word in ("--entry", entry)]
    # Moments are squares: a plan is compared where its numbers exist.
    sets = ["--set", "adam_v.*=0.5", "--set", "adam_m.*=0.1"] if "update" in entries else []
    done = mt.run(["mixln-run", before, "--compare", after, *flags, "--random-inputs", "--seed", "3", *sets,
                   "--tolerance", "1e-9"])
    found = re.search(r"(\d+) variables compared, worst \S+ (\S+),", done.stdout)
    if not found or int(found[1]) == 0 or not float(found[2]) <= 1e-9:
        mt.fail(f"{before} against {after}, {entries}: {done.stdout}")
    return int(found[1]), float(found[2])


compared, worst = 0, 0.0
for preset in sys.argv[2:]:
    dumps = work / preset
    mt.run(["mixlnc", config, "--norm", mt.spec(preset), *SHAPE, *CHUNKS, "--dump_phases_to", dumps, "--compile_to",
            "plan", "-o", dumps.with_suffix(".mlir")])
    files = sorted(p.name for p in dumps.iterdir())
    if files != [f"{i + 1:02}-{phase}.mlir" for i, phase in enumerate(PHASES)]:
        mt.fail(f"{preset}: --dump_phases_to left {files}")
    dump = dict(zip(PHASES, sorted(dumps.iterdir())))
    if dumps.with_suffix(".mlir").read_text().strip() != dump["plan"].read_text().strip():
        mt.fail(f"{preset}: --compile_to plan and the dump of plan differ")
    # From each phase on, the same end; each stop, the same as its dump.
    for before, phase in zip(PHASES, PHASES[1:]):
        if preset != sys.argv[2]:
            break
        stopped = mt.run(["mixlnc", dump[before], *SHAPE, *CHUNKS, "--compile_from", phase, "--compile_to", phase])
        if stopped.stdout.strip() != dump[phase].read_text().strip():
            mt.fail(f"{preset}: --compile_from {phase} --compile_to {phase} gives another module than all in one")
    for phase, runs in KEEPS.items():
        before = dump[PHASES[PHASES.index(phase) - 1]]
        for entries in runs:
            count, error = compare(before, dump[phase], entries)
            compared += count
            worst = max(worst, error)
    # differentiate keeps the forward, bit for bit.
    count, error = compare(dump["merge"], dump["differentiate"], ["loss"])
    compared += count
    print(f"{preset}: ok", flush=True)
print(f"{len(sys.argv) - 2} presets, {compared} variables compared, worst {worst:.1e}")

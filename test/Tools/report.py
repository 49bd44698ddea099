"""mixln-report on synthetic run folders: what is ranked, what is escaped, what is damaged."""
import html.parser
import json
import pathlib
import re
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
EVIL = '<script>alert(1)<script>&"'
CLOSING = "</script><script>alert(3)</script>"


def write_run(folder, placement, lr, seed, losses, eval_loss=None, eval_id="e1", planned=None, layers=4, **flags):
    folder.mkdir(parents=True)
    flags = {"lr": str(lr), "seed": str(seed), "num_training_steps": str(planned or len(losses)), **flags}
    (folder / "run.json").write_text(json.dumps({
        "format": 1, "started": "2020-01-01T00:00:00Z", "flags": flags,
        "program": {"norm": placement}, "config": {"num_hidden_layers": layers},
        "hashes": {"data": "d", "eval_data": "v", "executable": placement}}))
    with open(folder / "metrics.jsonl", "w") as out:
        for step, loss in enumerate(losses, 1):
            out.write(json.dumps({"step": step, "loss": loss, "lr": lr, "grad_norm": 1 / step, "tokens": step * 8,
                                  "tokens_per_second": 100.0 + step}) + "\n")
        if eval_loss is not None:
            out.write(json.dumps({"step": len(losses), "eval_loss": eval_loss, "eval_tokens": 100,
                                  "eval_id": eval_id}) + "\n")
    return folder


def add_layers(folder, layers=4):
    with open(folder / "layers.jsonl", "w") as out:
        for step in range(100):
            out.write(json.dumps({"step": step, "stream_rms": [1 + step * i for i in range(layers + 1)],
                                  "gradient_norm": [1 / (i + 1) for i in range(layers)],
                                  "attention_entropy": [2.0] * layers, "swirl": [0.5] * layers,
                                  "branch_ratio": [0.1, 0.7] * layers, "update_ratio": {"ffn": [1e-3] * layers}}) + "\n")
    (folder / "layers.json").write_text(json.dumps({
        "norm": "pre", "loss": 3.0, "performance_drop": [0.1] * layers, "gradient_norm": [1.0] * layers,
        "angular_distance": [[0.1] * (layers - n) for n in range(1, layers)]}))


def report(page, *arguments, **options):
    done = mt.run(["mixln-report", *arguments, "-o", page], **options)
    return page.read_text(), done


class Parser(html.parser.HTMLParser):
    """Elements opened, and the text of tables."""
    def __init__(self):
        super().__init__()
        self.elements, self.cells, self.in_cell = [], [], False

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("td", "th"):
            self.in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.in_cell = False

    def handle_data(self, data):
        if self.in_cell:
            self.cells[-1] += data


def parse(text):
    parser = Parser()
    parser.feed(text)
    return parser


def charts_of(text):
    return json.loads(re.search(r'id="charts">(.*?)</script>', text, re.S)[1])


# Every string of a run is text.
evil = write_run(work / "a" / EVIL, EVIL, 0.001, 0, [4.0, float("nan"), 3.0], 2.5, EVIL, name=EVIL)
(evil / f"{EVIL}.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(2)</script></svg>')
(evil / "layers.jsonl").write_text(json.dumps({"step": 1, EVIL: [1, 2]}) + "\n")
other = write_run(work / "a" / "other", "pre", 0.001, 0, [4.0, 3.0], 2.4, "e2", note=CLOSING)
text, _ = report(work / "evil.html", evil, other, "--title", EVIL)
parser = parse(text)
scripts = [attrs for tag, attrs in parser.elements if tag == "script"]
if len(scripts) != 3 or "<script>alert" in text or "alert(2)" in text:
    mt.fail(f"a string became markup: {scripts}")
if not any(EVIL in cell for cell in parser.cells):
    mt.fail("the name is not shown as it is")
if re.search(r'(src|href)="(?!#|data:)', text) or "http-equiv" not in text:
    mt.fail("the page refers to something outside of it")
charts_of(text)
print("every string is text")

# Losses on different rows are not ranked with each other.
for message in ("There are 2 groups", "runs are ranked within a group only"):
    if message not in text:
        mt.fail(f"the page lacks '{message}'")
print("unequal eval_ids: grouped and said")

# Placements, learning rates, seeds: paired differences.
runs = work / "sweep"
BASE = {("pre", 0.001): 3.0, ("pre", 0.01): 2.8, ("post_pre:1", 0.001): 2.9, ("post_pre:1", 0.01): 2.75}
for (placement, lr), loss in BASE.items():
    for seed in range(3):
        write_run(runs / f"{placement.replace(':', '-')}-{lr}-{seed}", placement, lr, seed,
                  [5.0 - i / 100 for i in range(200)], loss + 0.1 * seed + (0.01 * seed if placement != "pre" else 0))
diverged = write_run(runs / "post-0.01-0", "post", 0.01, 0, [5.0, 6.0], None, planned=200)
(diverged / "not_finite_3.safetensors").write_bytes(b"")
text, done = report(work / "sweep.html", runs)
if "13 runs" not in done.stdout:
    mt.fail(done.stdout)
cells = parse(text).cells
row = cells[cells.index("each at its best: 0.01 and 0.01"):][:5]
# -0.05, -0.04, -0.03: mean -0.04, deviation 0.01, t(2) = 4.3027.
if row[1:4] != ["3", "\u22120.0400", "\u22120.0648 \u2026 \u22120.0152"]:
    mt.fail(f"difference: {row}")
if "diverged at update 3" not in cells or "Diverged: post at 0.01 (seed 0): update 3." not in text:
    mt.fail("the diverged run is not reported")
cells = cells[cells.index("above the best"):]
ranked = [cells[i + 1] for i, cell in enumerate(cells) if cell.isdigit() and cells[i + 1].count("-") >= 2]
if not ranked[0].startswith("post_pre-1-0.01") or "post-0.01-0" in ranked:
    mt.fail(f"ranking: {ranked}")
print(f"paired differences: {' | '.join(row)}")

# Long files become short curves, always the same ones.
long = write_run(work / "long" / "x", "pre", 0.001, 0, [5 + (i * 7919 % 100) / 100 for i in range(20000)], 3.0)
add_layers(long)
text, _ = report(work / "long.html", long)
again, _ = report(work / "again.html", long)
if text != again:
    mt.fail("two reports on the same run differ")
# What `exe layers` measured compares on the same rows only.
for rows, differ in (("a", False), ("b", True)):
    for folder, rows_id in ((long, "a"), (other, rows)):
        (folder / "layers.json").write_text(json.dumps({"rows_id": rows_id, "positions": "last", "performance_drop": [0.1, 0.2]}))
    if ("of different rows or positions" in report(work / "rows.html", long, other)[0]) != differ:
        mt.fail(f"layers.json of rows a and {rows}: said is {not differ}")
points = sum(len(series["points"]) for chart in charts_of(text) for series in chart.get("series", []))
columns = max(len(chart["columns"]) for chart in charts_of(text) if chart["kind"] == "heat")
if not 0 < points < 2500 or columns > 60:
    mt.fail(f"{points} points, {columns} columns")
print(f"20000 updates: {points} points, {columns} columns of a heat map")
for title in ("gradient norm by layer over time", "Angular distance", "performance drop by layer",
              "stream rms by layer", "Throughput", "branch ratio: attention by layer", "branch ratio: mlp by layer",
              "update ratio: ffn by layer", "attention entropy by layer over time", "Further measurements (1)"):
    if title not in text:
        mt.fail(f"the page lacks '{title}'")

# One zero in one of two runs: both heat maps have linear colors, of one range.
for name, zero in (("a", 1e-3), ("b", 0.0)):
    folder = write_run(work / "zeros" / name, "pre", 0.001, 0, [5.0, 4.0], 3.0)
    (folder / "layers.jsonl").write_text("".join(
        json.dumps({"step": s, "gradient_norm": [zero, 0.1, 0.2, 1.0], "branch_ratio": [zero, 0.5] * 4}) + "\n"
        for s in (1, 2)))
text, _ = report(work / "zeros.html", work / "zeros")
heats = [chart for chart in charts_of(text) if chart["kind"] == "heat"]
if len(heats) < 4 or any(chart["value"]["log"] or chart["range"] != [0, 1.0] for chart in heats[:2]):
    mt.fail(f"heat maps of one measurement: {[(c['value'], c['range']) for c in heats]}")
print("a zero in one run: linear colors in both")

# Kinds of norms are placements; a baseline is one of them by any name, or an error.
kinds = work / "kinds"
for kind in (None, "dyt"):
    for seed in (0, 1):
        folder = write_run(kinds / f"{kind}-{seed}", "post_pre:6", 0.001, seed, [5.0, 4.0], 3.0 + seed + (kind is None))
        if kind:
            about = json.loads((folder / "run.json").read_text())
            about["config"]["norm_kind"] = kind
            (folder / "run.json").write_text(json.dumps(about))
write_run(kinds / "unfinished", "post_pre:6", 0.01, 0, [5.0], 1.0, planned=2)
text, _ = report(work / "kinds.html", kinds, "--baseline", "post_pre:6")
cells = parse(text).cells
if "post_pre:6, dyt" not in cells or cells[cells.index("each at its best: 0.001 and 0.001") + 1:][:2] != ["2", "\u22121.0000"]:
    mt.fail(f"kinds of norms: {cells}")
if "Unfinished, and left out: post_pre:6 at 0.01 (seed 0): update 1." not in text:
    mt.fail("an unfinished run is not said")
drawn = [point for chart in charts_of(text) if chart.get("x", {}).get("label") == "learning rate"
         for series in chart["series"] for point in series["points"]]
if not drawn or any(loss < 2 for _, loss in drawn):
    mt.fail(f"an unfinished run is drawn: {drawn}")
print("kinds of norms are placements, unfinished runs are left out")

# A cut-off and a missing file.
with open(long / "metrics.jsonl", "a") as out:
    out.write('{"step": 20001, "lo')
(long / "run.json").write_text('{"a":' * 100000)
text, _ = report(work / "cut.html", long)
for message in ("the last line is cut off and was passed over", "run.json is not a JSON object of at most 64 levels"):
    if message not in text:
        mt.fail(f"the page lacks '{message}'")
print("damaged files: said, not fatal")

# Bad usage.
for arguments, message in ((["-o", work / "no.html"], "no run: give the folders of runs"),
                           ([long], "-o is missing"),
                           ([work / "none", "-o", work / "no.html"], "no such folder"),
                           ([evil.parent.parent, "-o", work / "no.html"], "holds neither run.json nor metrics.jsonl"),
                           ([kinds, "--baseline", "prre", "-o", work / "no.html"],
                            "--baseline is 'prre', expected one of post_pre:6; post_pre:6, dyt"),
                           ([runs, "--baseline", "post_pre:25%", "-o", work / "no.html"],
                            "--baseline is 'post_pre:25%', expected one of post, post_pre:1, pre"),
                           ([long, "--titel", "x", "-o", work / "no.html"], "did you mean --title?"),
                           ([long, "-o", work / "no" / "page.html"], "no")):
    done = mt.run(["mixln-report", *arguments], status=2)
    if message not in done.stderr or (work / "no.html").exists():
        mt.fail(f"{arguments}: {done.stderr}")
print("bad usage: status 2, nothing written")

"""A real browser draws every chart of the pages that report.py made, also what is folded away, without an error."""
import pathlib
import re
import subprocess
import sys

import mixlntest as mt

SAID = '<p class="warning">This chart could not be drawn: '
pages, profile = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


def look_at(name, text):
    """The page as the browser left it, and what was said on its console."""
    page = pages / f"{name}-open.html"
    page.write_text(text.replace("<details>", "<details open>"))
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
         "--enable-logging=stderr", "--virtual-time-budget=10000", "--window-size=1200,2000", "--dump-dom",
         page.resolve().as_uri()], capture_output=True, text=True, timeout=300, errors="replace")
    if done.returncode:
        mt.fail(f"{name}: status {done.returncode}")
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line or "Uncaught" in line]


for name in ("evil", "sweep", "long", "zeros", "cut"):
    body, complaints = look_at(name, (pages / f"{name}.html").read_text())
    figures, canvases = body.count('<figure class="chart"'), body.count("<canvas")
    if complaints or not figures or figures != canvases or SAID in body:
        mt.fail(f"{name}: {canvases} of {figures} charts are drawn, {complaints}")
    print(f"{name}: {figures} charts drawn")

# A chart that cannot be drawn says so in its place, and the others are there.
text = re.sub(r'("kind": ?)"lines"', r'\1"nonsense"', (pages / "sweep.html").read_text(), count=1)
body, complaints = look_at("broken", text)
figures, canvases = body.count('<figure class="chart"'), len(re.findall(r"<canvas[^>]*style", body))
if body.count(SAID) != 1 or canvases != figures - 1 or not complaints:
    mt.fail(f"broken: {canvases} of {figures} charts are drawn, {complaints}")
print(f"broken: {canvases} of {figures} charts drawn")

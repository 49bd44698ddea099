"""A real browser draws every chart of the pages that report.py made, without an error."""
import pathlib
import re
import subprocess
import sys

import mixlntest as mt

pages, profile = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
for name in ("evil", "sweep", "long", "cut"):
    page = pages / f"{name}.html"
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
         "--enable-logging=stderr", "--virtual-time-budget=10000", "--window-size=1200,2000", "--dump-dom",
         page.resolve().as_uri()], capture_output=True, text=True, timeout=300, errors="replace")
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line or "Uncaught" in line]
    if done.returncode or complaints:
        mt.fail(f"{name}: status {done.returncode}, {complaints}")
    # Charts in what is folded away are drawn when it is opened.
    body = re.sub(r"<details>.*?</details>", "", done.stdout, flags=re.S)
    figures, canvases = body.count('<figure class="chart"'), body.count("<canvas")
    if not figures or figures != canvases:
        mt.fail(f"{name}: {canvases} of {figures} charts are drawn")
    print(f"{name}: {figures} charts drawn")

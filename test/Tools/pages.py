"""Runs the commands of a page of docs/ as they stand there, and holds what the page quotes against what they print.

    pages.py PAGE.md SCRATCH

The rule is the fences' own. They are taken in order, in a folder that has configs, docs, scripts and test of the checkout:
    ```sh            commands: run together by a shell that stops at the first that fails, which fails the page
    ```json NAME     a file of that name, written as it stands
    ```output        of the commands before it: its lines are among those printed, in this order and without others between
                     them; "..." stands for anything within a line and, alone in a line, for any lines
A fence of another kind, and text that is indented instead of fenced, is no command. Prints how many there were.
"""
import os
import pathlib
import re
import sys

import mixlntest as mt


def fences(text):
    return [(m[1].split(), m[2]) for m in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.M | re.S)]


def pattern(quoted):
    """A regular expression of whole lines; spaces at ends of lines do not count."""
    lines = []
    for line in quoted.rstrip().splitlines():
        if line.strip() == "...":
            lines.append(r"(?:[^\n]*\n)*?")
        else:
            lines.append(".*?".join(map(re.escape, line.rstrip().split("..."))) + r"[ ]*\n")
    return "^" + "".join(lines)


def main():
    page, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    for folder in ("configs", "docs", "scripts", "test"):
        (work / folder).symlink_to(mt.ROOT / folder)
    commands, quotes, printed = 0, 0, None
    for info, text in fences(page.read_text()):
        kind = info[0] if info else ""
        if kind == "sh":
            done = mt.run(["bash", "-euo", "pipefail", "-c", text], cwd=work, env={**os.environ, "HOME": str(work)})
            printed = re.sub(r".*\r", "", done.stdout + done.stderr)
            commands += len(text.strip().splitlines())
        elif kind == "json" and len(info) == 2:
            (work / info[1]).write_text(text)
        elif kind == "output":
            if printed is None or not re.search(pattern(text), printed + "\n", re.M):
                mt.fail(f"{page.name} quotes\n{text}\nbut what is printed is\n{printed}")
            quotes += 1
        elif kind not in ("json", ""):
            mt.fail(f"{page.name} has a fence '{' '.join(info)}': expected sh, json NAME or output")
    print(f"{page.name}: {commands} lines of commands, {quotes} quotes")


if __name__ == "__main__":
    main()

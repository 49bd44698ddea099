"""Checks the container files as far as that goes without an engine that builds them."""
import re
import shutil
import subprocess

import mixlntest as mt

FOLDER = mt.ROOT / "containers"
dockerfile = (FOLDER / "Dockerfile").read_text()
definition = (FOLDER / "mixln.def").read_text()

# Dockerfile: its linter, and the paths of the checkout that it copies.
if linter := shutil.which("hadolint"):
    mt.run([linter, FOLDER / "Dockerfile"])
    print("hadolint finds nothing")
else:
    print("hadolint is not installed: the Dockerfile was not linted")
copied = [word for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.M) for word in line.split()[:-1]]
for path in copied:
    if not (mt.ROOT / path).exists():
        mt.fail(f"Dockerfile copies {path}, which does not exist")
print(f"Dockerfile: {len(copied)} copied paths exist")
if 'ENTRYPOINT ["mixln-train"]' not in dockerfile or "\nUSER 1000" not in dockerfile:
    mt.fail("Dockerfile: expected the entry mixln-train and a user of its own")

# Definition file: known sections only, header keywords, paths, shell that parses.
SECTIONS = {"files", "post", "environment", "runscript", "test", "help"}
KEYWORDS = {"Bootstrap", "From", "Stage"}
section, bodies, paths = None, {}, []
for number, line in enumerate(definition.splitlines(), 1):
    if match := re.match(r"%(\w+)( from \w+)?$", line):
        section = match.group(1)
        if section not in SECTIONS:
            mt.fail(f"mixln.def:{number}: unknown section %{section}")
        bodies.setdefault((number, section, bool(match.group(2))), [])
    elif match := re.match(r"(\w+): \S+$", line):
        section = None
        if match.group(1) not in KEYWORDS:
            mt.fail(f"mixln.def:{number}: unknown keyword {match.group(1)}")
    elif line.startswith("    ") and section:
        bodies[list(bodies)[-1]].append(line.strip())
    elif line.strip() and not line.startswith("#"):
        mt.fail(f"mixln.def:{number}: '{line}' belongs to no section")
for (number, name, from_stage), lines in bodies.items():
    if name == "files" and not from_stage:
        for line in lines:
            source, target = line.split()
            if not (mt.ROOT / source).exists() or target != f"/src/{source}":
                mt.fail(f"mixln.def: {source} does not exist or does not become /src/{source}")
            paths.append(source)
    elif name in ("post", "runscript", "test", "environment"):
        subprocess.run(["sh", "-n"], input="\n".join(lines), text=True, check=True)
print(f"mixln.def: {len(paths)} copied paths exist")
needed = set(re.findall(r"^\s*add_subdirectory\((\w+)", (mt.ROOT / "CMakeLists.txt").read_text(), re.M))
for folder in {f.split("/")[0] for f in needed} | {"configs", "scripts", "cmake"}:
    if folder not in paths:
        mt.fail(f"mixln.def does not copy {folder}, which the build needs")

# Both: the same packages at run time, each of them one that building needs as well or that links.
installed = [set(re.findall(r"[a-z0-9-]+", text)) for text in (
    re.search(r"apt-get install -y --no-install-recommends \\\n(.*?)\\\n", dockerfile, re.S).group(1),
    re.search(r"apt-get install -y --no-install-recommends (.*)", definition).group(1))]
if installed[0] != installed[1] or not {"clang-22", "lld-22", "libmlir-22", "libc6-dev"} <= installed[0]:
    mt.fail(f"the files install {installed}")
print("done")

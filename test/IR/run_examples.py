#!/usr/bin/env python3
"""Runs the example of every operation: each ```mlir block of the definitions must parse, verify and round-trip.

    run_examples.py MIXLN_OPT DEFINITIONS.td...
"""
import pathlib
import re
import subprocess
import sys
import textwrap


def main():
    tool, *files = sys.argv[1:]
    operations = examples = failed = 0
    for file in files:
        text = pathlib.Path(file).read_text()
        for definition in re.split(r"^def ", text, flags=re.M)[1:]:
            name = re.match(r"(\w+) : \S*(?:Mixln_Op|Base)<\"(\w+)\"", definition)
            if not name:
                continue
            operations += 1
            blocks = re.findall(r"```mlir\n(.*?)```", definition, flags=re.S)
            if not blocks:
                failed += 1
                print(f"FAIL {name[2]}: its description has no example")
            for block in blocks:
                examples += 1
                source = textwrap.dedent(block)
                for _ in range(2):
                    run = subprocess.run([tool, "-"], input=source, capture_output=True, text=True)
                    source = run.stdout
                    if run.returncode != 0:
                        failed += 1
                        print(f"FAIL {name[2]}:\n{run.stderr}")
                        break
                if f"mixln.{name[2]}" not in source:
                    failed += 1
                    print(f"FAIL {name[2]}: its example does not show it")
    print(f"{operations} operations, {examples} examples, {failed} failed")
    return 1 if failed or operations < 15 else 0


if __name__ == "__main__":
    sys.exit(main())

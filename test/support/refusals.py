"""Runs commands that must be refused and prints what they say.

Each case is a command, the words that its message must have, and what may have changed in its folder: nothing. The
exit status must be 2, the message one that names a cause.
"""
import pathlib
import subprocess

import mixlntest as mt


class Cases:
    def __init__(self, work):
        self.work = pathlib.Path(work)
        self.passed = self.failed = 0

    def snapshot(self):
        return {p: p.stat().st_size for p in self.work.rglob("*") if p.is_file()}

    def refused(self, name, command, *words, may_write=()):
        before = self.snapshot()
        command = [str(word) for word in command]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=self.work,
                                  timeout=60)
        wrong = []
        if done.returncode != 2:
            wrong.append(f"exit status {done.returncode}, expected 2")
        wrong += [f"the message lacks '{word}'" for word in words if word not in done.stderr]
        if not done.stderr.strip():
            wrong.append("no message")
        left = {p for p, size in self.snapshot().items() if before.get(p) != size}
        left = {p for p in left if not any(p.match(pattern) for pattern in may_write)}
        if left:
            wrong.append(f"left {sorted(map(str, left))}")
        said = done.stderr.strip().splitlines() or [""]
        errors = [line for line in said if "error:" in line]
        print(f"{name}: {(errors or said)[0]}")
        if wrong:
            self.failed += 1
            print(f"FAIL {name}: {'; '.join(wrong)}\n  {' '.join(command)}\n{done.stderr}{done.stdout}")
        else:
            self.passed += 1

    def finish(self):
        print(f"{self.passed} refused, {self.failed} wrong")
        return 1 if self.failed else 0


def text(path, content):
    path = pathlib.Path(path)
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    return path


__all__ = ["Cases", "mt", "text"]

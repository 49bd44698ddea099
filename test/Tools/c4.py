"""`mixln-data c4` against a server on this machine: whole and broken downloads, resumption, an existing hub cache."""
import gzip
import http.server
import json
import os
import pathlib
import re
import sys
import threading

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)


def shard(number):
    lines = [json.dumps({"text": f"document {i} of shard {number}", "url": "u"}) for i in range(2000)]
    return gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)


NAME = "c4-validation.{:05}-of-00008.json.gz"
FILES = {"/en/" + NAME.format(i): shard(i) for i in range(8)}
cut = {}        # path: bytes after which the connection breaks, once for each entry of the list
ranges = True   # whether the server goes on in the middle
asked = []


class Server(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        if self.path not in FILES:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", len(FILES[self.path]))
        self.end_headers()

    def do_GET(self):
        data = FILES[self.path]
        begin = int(m[1]) if ranges and (m := re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))) else 0
        asked.append(begin)
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", len(data) - begin)
        self.end_headers()
        end = cut[self.path].pop(0) if cut.get(self.path) else len(data)
        self.wfile.write(data[begin:end])

    def log_message(self, *words):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
folder, home = work / "c4", work / "home"
environment = {**os.environ, "MIXLN_C4_URL": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(home)}
for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
    environment.pop(name, None)


def c4(*arguments, status=0, says=()):
    done = mt.run(["mixln-data", "c4", *arguments, "--dir", folder], status=status, env=environment)
    for word in says:
        if word not in done.stderr + done.stdout:
            mt.fail(f"{arguments}: no '{word}' in\n{done.stderr}{done.stdout}")
    return done.stdout.split()


def holds(*numbers, parts=0):
    names = sorted(p.name for p in folder.iterdir())
    if [n for n in names if n[0] != "."] != [NAME.format(i) for i in numbers]:
        mt.fail(f"the folder holds {names}")
    if len([n for n in names if n[0] == "."]) != parts:
        mt.fail(f"left {names}")
    for i in numbers:
        if (folder / NAME.format(i)).read_bytes() != FILES["/en/" + NAME.format(i)]:
            mt.fail(f"shard {i} is not what was served")


c4("--list", says=["0 of 1024 shards", "0 of 8 shards", "40.5 MB"])
c4("--verify", status=2, says=["no shard is here"])

paths = c4("--fetch", "validation:1-2", says=["fetching c4-validation.00001", f"{len(FILES['/en/' + NAME.format(1)])}"])
holds(1, 2)
if paths != [str(folder / NAME.format(i)) for i in (1, 2)]:
    mt.fail(f"printed {paths}")
c4("--list", says=["2 of 8 shards", str(folder / NAME.format(2))])
c4("--verify", says=[NAME.format(1), "whole, 2000 documents"])
asked.clear()
c4("--fetch", "validation:1", says=["is here and whole"])
if asked:
    mt.fail("fetched what was there")
print("fetched, listed, verified")

# The connection breaks twice: one call goes on where it stopped.
third = "/en/" + NAME.format(3)
cut[third] = [1000, 2500]
c4("--fetch", "validation:3")
holds(1, 2, 3)
if asked != [0, 1000, 2500]:
    mt.fail(f"asked for {asked}")
# It breaks and nothing more comes: nothing stands under the shard's name, the next call goes on.
fourth = "/en/" + NAME.format(4)
cut[fourth] = [1000] + [0] * 9
c4("--fetch", "validation:4", status=1, says=["1000 of", "goes on from there"])
holds(1, 2, 3, parts=1)
cut[fourth] = []
asked.clear()
c4("--fetch", "validation:4")
holds(1, 2, 3, 4)
if asked != [1000]:
    mt.fail(f"asked for {asked}")
# A server that cannot go on in the middle is asked again from the beginning.
fifth = "/en/" + NAME.format(5)
ranges = False
cut[fifth] = [1000]
c4("--fetch", "validation:5")
holds(1, 2, 3, 4, 5)
ranges = True
print("truncated downloads go on")

# What comes is damaged, or no gzip, or not there.
sixth = "/en/" + NAME.format(6)
good = FILES[sixth]
FILES[sixth] = good[:-6] + bytes([good[-6] ^ 1]) + good[-5:]
c4("--fetch", "validation:6", status=1, says=["damaged and was removed", "incorrect data check"])
FILES[sixth] = gzip.compress(b'{"text": "a"}\n{"text": 3}\n')
c4("--fetch", "validation:6", status=1, says=["damaged and was removed", ":2: the line"])
FILES[sixth] = b"<html>please log in</html>"
c4("--fetch", "validation:6", status=1, says=["is not a gzip file"])
del FILES[sixth]
c4("--fetch", "validation:6", status=1, says=["404"])
FILES[sixth] = good
holds(1, 2, 3, 4, 5)
# Damage on the disk: the shard and the line.
whole = (folder / NAME.format(2)).read_bytes()
text = gzip.decompress(whole).splitlines(keepends=True)
text[1499] = b"{half a line\n"
(folder / NAME.format(2)).write_bytes(gzip.compress(b"".join(text)))
c4("--verify", status=2, says=[f"{NAME.format(2)}:1500: the line does not parse as JSON", "1 of 5 shards are bad"])
(folder / NAME.format(2)).write_bytes(whole[:-9])
c4("--verify", status=2, says=["BAD", "is truncated: the gzip data end in line 2001"])
(folder / NAME.format(2)).write_bytes(whole)
print("damage is found, with its place")

# A hub cache as its own client leaves it: snapshots of links to blobs, one of them gone.
blobs, snapshot = home / "hub/datasets--allenai--c4/blobs", home / "hub/datasets--allenai--c4/snapshots/abc/en"
blobs.mkdir(parents=True)
snapshot.mkdir(parents=True)
(blobs / "one").write_bytes(FILES["/en/" + NAME.format(7)])
(snapshot / NAME.format(7)).symlink_to("../../../blobs/one")
(snapshot / NAME.format(0)).symlink_to("../../../blobs/gone")
folder = work / "other"
asked.clear()
if c4("--fetch", "any") != [str(snapshot / NAME.format(7))] or asked:
    mt.fail("the cache is not used")
c4("--list", says=["1 of 8 shards", str(snapshot)])
(snapshot / NAME.format(7)).unlink()
if c4("--fetch", "any") != [str(folder / NAME.format(0))]:
    mt.fail("any is not the first of validation")
print("an existing cache is used")

for arguments, words in ((("--fetch", "test"), "expected train or validation"),
                         (("--fetch", "validation:8"), "from 0 to 7"), (("--fetch", "train:5-4"), "from 0 to 1023"),
                         (("--fetch", "train:x"), "from 0 to 1023"), ((), "give one of"),
                         (("--list", "--verify"), "give one of"), (("--lst",), "did you mean --list?")):
    c4(*arguments, status=2, says=[words])
environment["MIXLN_C4_URL"] = "http://127.0.0.1:9"
c4("--fetch", "validation:2", status=1, says=["cannot fetch http://127.0.0.1:9"])
print("bad arguments are refused")

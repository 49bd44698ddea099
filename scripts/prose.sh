#!/usr/bin/env bash
# Writes English prose that Debian carries (the King James Bible, 4.4 MB, one chapter a document) as JSON lines.
#   scripts/prose.sh OUT.jsonl
# Of the packages that carry enough English it is the one that is prose: 4.1 MB with 0.9 % of words that are no plain
# words. perl-doc has 5.4 MB of paragraphs, linux-doc 19.9 MB, with 10 % of identifiers, paths and numbers in both, and
# they are 8 and 37 MB to download.
set -euo pipefail
out=${1:?usage: scripts/prose.sh OUT.jsonl}
mkdir -p "$(dirname "$out")"
bible -f 'Gen1:1-Rev22:21' | python3 -c '
import json, re, sys
chapter, verses = None, []
def flush():
    if verses:
        print(json.dumps({"text": " ".join(verses), "url": "kjv/" + chapter}))
for line in sys.stdin:
    found = re.match(r"(\S+?):\d+ (.*)", line)
    if not found:
        continue
    if found[1] != chapter:
        flush()
        chapter, verses = found[1], []
    verses.append(found[2])
flush()' > "$out.tmp"
test -s "$out.tmp" || { echo "prose: the package bible-kjv gave no text" >&2; exit 1; }
mv "$out.tmp" "$out"

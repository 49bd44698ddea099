#!/usr/bin/env bash
# Builds static libraries of sentencepiece (its processor and its trainer) and
# puts them into DEST/{include,lib}.
#
# Debian packages the shared library only, and an executable that mixln makes
# links statically but for the C library. PyPI's source distribution of
# sentencepiece carries the C++ sources of the library with all they need.
#
# usage: build-sentencepiece.sh DEST
#   MIXLN_SENTENCEPIECE_SDIST  a source distribution that is already here
#   CC, CXX, JOBS              as usual
set -euo pipefail

version=0.2.0
sha256=a52c19171daaf2e697dc6cbe67684e0fa341b1248966f6aebb541de654d15843

if [ $# -ne 1 ]; then
  echo "usage: $0 DEST" >&2
  exit 2
fi
dest=$1
if [ -f "$dest/lib/libsentencepiece_train.a" ] &&
   [ "$(cat "$dest/version" 2>/dev/null)" = "$version" ]; then
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sdist=${MIXLN_SENTENCEPIECE_SDIST:-}
if [ -z "$sdist" ]; then
  echo "build-sentencepiece: fetching sentencepiece $version from PyPI" >&2
  if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps \
      --no-binary :all: --dest "$work" "sentencepiece==$version" \
      >"$work/pip.log" 2>&1; then
    cat "$work/pip.log" >&2
    echo "build-sentencepiece: cannot fetch sentencepiece $version from PyPI;" \
      "set MIXLN_SENTENCEPIECE_SDIST to sentencepiece-$version.tar.gz" >&2
    exit 1
  fi
  sdist=$work/sentencepiece-$version.tar.gz
fi
found=$(sha256sum "$sdist" | cut -d' ' -f1)
if [ "$found" != "$sha256" ]; then
  echo "build-sentencepiece: $sdist has sha256 $found, expected $sha256" >&2
  exit 1
fi

tar -xzf "$sdist" -C "$work"
source=$work/sentencepiece-$version/sentencepiece
generator=()
command -v ninja >/dev/null && generator=(-G Ninja)
cmake -S "$source" -B "$work/build" "${generator[@]}" \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_STANDARD=17 \
  -DCMAKE_POLICY_VERSION_MINIMUM=3.5 -Wno-dev \
  -DSPM_ENABLE_SHARED=OFF -DSPM_ENABLE_TCMALLOC=OFF \
  >"$work/configure.log" 2>&1 || { cat "$work/configure.log" >&2; exit 1; }
cmake --build "$work/build" --target sentencepiece-static sentencepiece_train-static \
  --parallel "${JOBS:-$(nproc)}" \
  >"$work/build.log" 2>&1 || { tail -40 "$work/build.log" >&2; exit 1; }

mkdir -p "$dest/include" "$dest/lib"
cp "$source/src/sentencepiece_processor.h" \
  "$source/src/sentencepiece_trainer.h" "$dest/include/"
cp "$source/LICENSE" "$dest/LICENSE"
for library in libsentencepiece.a libsentencepiece_train.a; do
  cp "$work/build/src/$library" "$dest/lib/$library.tmp"
  mv "$dest/lib/$library.tmp" "$dest/lib/$library"
done
echo "$version" >"$dest/version"

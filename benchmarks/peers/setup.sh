#!/usr/bin/env bash
# WhisperLive's server in an environment of its own, for `python -m benchmarks.peers.compare`.
#
#   benchmarks/peers/setup.sh FOLDER       makes FOLDER/venv (1.4 GB, a minute or two); a second call does nothing
#
# Only what its faster_whisper backend imports: whisper-live asks for TensorRT's, OpenVINO's and CUDA's libraries as
# well, several GB which a CPU never loads. CTranslate2, onnxruntime and numpy are those of this project, so that both
# servers decode with the same engine. Python 3.11; torch's CPU build has to be within pip's reach.
set -euo pipefail

folder=${1:?usage: benchmarks/peers/setup.sh FOLDER}
python=$folder/venv/bin/python
[ ! -e "$folder/.made" ] || exit 0

mkdir -p "$folder"
"${PYTHON:-python3.11}" -m venv "$folder/venv"
tr -s ' \n' '\n' >"$folder/constraints.txt" <<'PINS'
annotated-doc==0.0.7 annotated-types==0.8.0 anyio==4.16.0 av==18.1.0 certifi==2026.10.18 charset-normalizer==3.5.2
click==8.5.1 ctranslate2==4.8.5 fastapi==0.165.0 faster-whisper==1.2.0 filelock==4.2.12 flatbuffers==25.12.19
fsspec==2026.9.0 h11==0.16.0 hf-xet==1.8.0 huggingface_hub==0.36.2 idna==3.20 Jinja2==3.1.6 MarkupSafe==3.0.4
mpmath==1.3.0 networkx==3.6.1 numpy==2.4.6 onnxruntime==1.32.0 opentelemetry-api==1.45.2 packaging==26.3
prometheus_client==0.26.0 protobuf==7.36.2 pydantic==2.14.3 pydantic_core==2.50.4 python-multipart==0.0.34 PyYAML==6.0.3
requests==2.34.2 setuptools==78.1.1 starlette==1.10.0 sympy==1.14.0 tokenizers==0.20.3 torch==2.13.0+cpu tqdm==4.70.1
typing-inspection==0.4.5 typing_extensions==4.16.0 urllib3==2.8.0 uvicorn==0.54.0 websockets==17.4 whisper-live==0.10.0
PINS
install() { "$python" -m pip install --quiet --constraint "$folder/constraints.txt" "$@"; }

install torch # first and pinned: an open range would take a build with several GB of CUDA libraries
install ctranslate2 onnxruntime tokenizers huggingface_hub requests av tqdm numpy websockets fastapi uvicorn \
    python-multipart prometheus_client
install --no-deps faster-whisper whisper-live
"$python" -c "import whisper_live.server, whisper_live.batch_inference, whisper_live.backend.faster_whisper_backend"
touch "$folder/.made"
echo "made: python -m benchmarks.peers.compare --peer-python $python --corpus DIR"

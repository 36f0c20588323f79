# Every target works on a fresh machine: it makes .venv first. Needs Python 3.11+, gcc and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SAMPLE := tests/data/consultation.flac
CORPUS ?=
SECONDS ?=
SEED ?=
SHORT ?=
VLLM := .vllm
VLLM_PORT ?= 8100

.PHONY: demo serve test check lint types vllm vllm-environment check-vllm bench bench-gpu attack chaos image-check extension clean

demo: $(STAMP) ## The main job once: speech through a real server, transcript and findings on the screen
	@mkdir -p records
	$(BIN)/drtranscribe transcribe $(SAMPLE) --mode dual --speed 4 --json records/demo.json --record records/demo.md --record records/demo.pdf --record records/demo.fhir.json

serve: $(STAMP) ## The server and its page, until Ctrl-C
	$(BIN)/drtranscribe serve --host 127.0.0.1 --port 8765

# Two processes, a file of tests in one of them: many tests wait for a child or a timeout. pytest-benchmark would warn.
test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -p no:benchmark --durations=15 --durations-min=5

check: lint types test

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

vllm-environment: ## What the next two run: vLLM's CPU build and a small model (4 GB, minutes); needs no .venv
	PYTHON=$(PYTHON) benchmarks/vllm/serve_cpu.sh $(VLLM) none

vllm: vllm-environment ## A real vLLM on the CPU with a small model, until Ctrl-C; makes its environment first (4 GB, minutes)
	benchmarks/vllm/serve_cpu.sh $(VLLM) $(VLLM_PORT)

check-vllm: $(STAMP) vllm-environment ## The extraction client against such a vLLM, which the tests start and stop
	TEST_VLLM=$(VLLM) $(BIN)/python -m pytest -q --durations=8 tests/vllm

bench: $(STAMP) ## make bench CORPUS=folder: accuracy and live latency over your own recordings
	@test -n "$(CORPUS)" || { echo "make bench CORPUS=FOLDER: a folder with NAME.flac and NAME.json (benchmarks/README.md)"; exit 2; }
	$(BIN)/python -m benchmarks.speech.accuracy --corpus $(CORPUS)
	$(BIN)/python -m benchmarks.load --corpus $(CORPUS) --sessions 1 --whole --wer

attack: $(STAMP) ## Hostile clients against real servers over loopback, a good session beside each; SECONDS=240 for a short run, SEED=1 for a fixed one
	@mkdir -p records
	$(BIN)/python -m benchmarks.attack --output records/attack.json $(if $(SECONDS),--short --model fakes --seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

chaos: $(STAMP) ## Faults of networks, processes, disks and clocks beside consultations; SHORT=1 for at most 90 s without models
	@mkdir -p records
	$(BIN)/python -m benchmarks.chaos --output records/chaos.json $(if $(SHORT),--short)

image-check: $(STAMP) ## Builds the CPU image and starts it, without a Docker daemon; needs root, Debian's buildah and debootstrap
	docker/image_check.sh

extension: $(STAMP) ## The Chrome extension: build/extension/ to load unpacked, build/drtranscribe-extension.zip for the store
	$(BIN)/python -m tools.pack_extension

bench-gpu: $(STAMP) ## One GPU: numerical check, batch sweep, live sessions; ends within 7 minutes, needs no network; SHORT=1: each step once
	@mkdir -p records
	$(BIN)/python -m benchmarks.gpu $(if $(SHORT),--short)
	$(if $(SHORT),$(BIN)/python -m benchmarks.gpu.smoke --short --output records/smoke.json)

# torch goes first and pinned: an open range would take a build with several GB of CUDA libraries.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt torch numpy
	$(BIN)/pip install -q -c constraints.txt -e '.[server,models,clinical,otel,store,bench,dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) $(VLLM) records

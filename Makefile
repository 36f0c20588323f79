# Every target works on a fresh machine: it makes .venv first. Needs Python 3.11+, gcc and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SAMPLE := tests/data/consultation.flac
CORPUS ?=

.PHONY: demo serve test check lint types bench bench-gpu clean

demo: $(STAMP) ## The main job once: speech through a real server, transcript and findings on the screen
	@mkdir -p records
	$(BIN)/drtranscribe transcribe $(SAMPLE) --mode dual --speed 4 --json records/demo.json

serve: $(STAMP) ## The server and its page, until Ctrl-C
	$(BIN)/drtranscribe serve --host 127.0.0.1 --port 8765

test: $(STAMP)
	$(BIN)/python -m pytest -q

check: lint types test

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

bench: $(STAMP) ## make bench CORPUS=folder: accuracy and live latency over your own recordings
	@test -n "$(CORPUS)" || { echo "make bench CORPUS=FOLDER: a folder with NAME.flac and NAME.json (benchmarks/README.md)"; exit 2; }
	$(BIN)/python -m benchmarks.accuracy --corpus $(CORPUS)
	$(BIN)/python -m benchmarks.live --corpus $(CORPUS)

bench-gpu: $(STAMP) ## One GPU: numerical check, batch sweep, live sessions; ends within 8 minutes, needs no network
	$(BIN)/python -m benchmarks.gpu

# torch goes first and pinned: an open range would take a build with several GB of CUDA libraries.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt torch numpy
	$(BIN)/pip install -q -c constraints.txt -e '.[models,bench,dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) records

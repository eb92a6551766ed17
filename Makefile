VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Those of `make bench`: torch is too heavy for ours.
PEERS := .bench
PEERS_STAMP := $(PEERS)/.installed
# The first of these that is a Python which tensorflow-io 0.37.1 has a library for.
PYTHONS := python3 python3.12 python3.11
USABLE := -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))'
PYTHON ?= $(shell for p in $(PYTHONS); do $$p $(USABLE) 2>/dev/null && echo $$p && break; done)

.PHONY: demo test test-long test-faults test-gpu lint bench pictures clean

demo: $(STAMP)  ## train a small separator on real music, in minutes
	$(BIN)/python -m trainer train --demo --output runs/demo

test: $(STAMP)  ## what every change has to pass, in 8 minutes on two cores
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not long and not faults" tests
	$(BIN)/python -m pytest --quiet --doctest-modules mss_keras serving

test-long: $(STAMP)  ## killed processes, several devices, wheels: what takes longer
	$(BIN)/python -m pytest -n 2 --dist worksteal -m long tests

test-faults: $(STAMP)  ## kills, full disks, damaged files, servers that fail: for hours
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "faults or long" tests/faults tests/training/test_devices_matrix.py

test-gpu: $(STAMP)  ## on machines with an NVIDIA GPU; skipped elsewhere
	$(BIN)/python -m pytest -rs -s tests/gpu

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	for file in tests/*/conftest.py; do $(BIN)/mypy $$file || exit; done

bench: $(STAMP) $(PEERS_STAMP)  ## ours beside other people's, by turns; writes BENCHMARKS.md
	$(BIN)/python tests/benchmarks/bench.py $(BENCH)

pictures: demo  ## those of the README
	$(BIN)/python -m trainer benchmark --demo --epochs 4 --output runs/demo-benchmark || true
	$(BIN)/python .github/pictures.py runs/demo/spectrograms.png runs/demo-benchmark/heatmap.png

$(STAMP): setup.cfg pyproject.toml
	@$(or $(PYTHON),false) $(USABLE) 2>/dev/null || { echo "make: found no Python 3.11 or 3.12 \
	with venv on PATH, wanted one of them; name it by make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

# Rows of peers that cannot be installed say so. An empty module stands in for torchaudio.
$(PEERS_STAMP): tests/benchmarks/peers.txt | $(STAMP)
	$(BIN)/python -m venv $(PEERS)
	-$(PEERS)/bin/python -m pip install --quiet --retries 1 --requirement tests/benchmarks/peers.txt \
	&& $(PEERS)/bin/python -m pip install --quiet --no-deps openunmix==1.3.0 && touch $@

clean:
	rm -rf $(VENV) $(PEERS) build *.egg-info

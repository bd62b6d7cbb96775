# `make demo` and `make test` do everything. They need only Python 3.11 and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
CORES ?= $(shell nproc 2>/dev/null || echo 2)
BIN := .venv/bin
TORCH := $(shell grep '^torch==' requirements.txt)

.PHONY: help env env-slurm vlm speech demo test test-slow test-slurm lint format bench bench-vlm docs lock clean

help:
	@echo "make demo       environment, demo clips, features, MLP, report: results/demo/report.html"
	@echo "make vlm        environment, with what the vision-language models need"
	@echo "make speech     environment, with what transcripts need as well"
	@echo "make test       environment and test suite"
	@echo "make test-slow  the tests that take longer"
	@echo "make test-slurm the workflow on a Slurm of three nodes on this machine (needs root and Debian's packages)"
	@echo "make env-slurm  environment and Snakemake's plugins for clusters"
	@echo "make lint       ruff, snakefmt, snakemake --lint, hadolint, mypy, import-linter"
	@echo "make format     let ruff and snakefmt rewrite the code"
	@echo "make bench      speed compared with a bare loop, a serial script, PyWavelets and scikit-learn: results/bench.json"
	@echo "make bench-vlm  both models with a face at full size with random weights on a GPU: results/vlm_training.md"
	@echo "make docs       regenerate docs/configuration.md from the schema"
	@echo "make lock       newest versions that pyproject.toml allows: requirements*.txt and the pins of envs/*.yaml"

# torch is installed first, alone: that gives the pinned build, which the next command keeps.
.venv/runtime.stamp: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "facewave needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/vlm.stamp: .venv/runtime.stamp requirements-vlm.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-vlm.txt
	touch $@

.venv/speech.stamp: .venv/vlm.stamp requirements-speech.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-speech.txt
	touch $@

.venv/dev.stamp: .venv/speech.stamp requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

env: .venv/runtime.stamp

# An addition to any environment: on a single machine the plugins are not needed.
env-slurm: .venv/runtime.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-slurm.txt

vlm: .venv/vlm.stamp

speech: .venv/speech.stamp

demo: .venv/runtime.stamp
	$(BIN)/python -m facewave.jobs.system_libraries
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --cores $(CORES)
	@echo "The report: results/demo/report.html"

test: .venv/dev.stamp
	$(BIN)/python -m facewave.jobs.system_libraries
	$(BIN)/python -m pytest -n $(CORES) --dist worksteal

test-slow: .venv/dev.stamp
	$(BIN)/python -m pytest -m slow

# Installs nothing: tests are skipped with what is missing as the reason.
test-slurm:
	@test -x $(BIN)/pytest || { echo "no test environment: make test, then make env-slurm"; exit 1; }
	$(BIN)/python -m pytest -m slurm -rs tests/slurm

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/hadolint Dockerfile
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

bench: .venv/dev.stamp
	$(BIN)/python benchmarks/speed/bench.py --json results/bench.json

bench-vlm: .venv/vlm.stamp
	$(BIN)/python benchmarks/training/vlm_training.py --folder results

docs: .venv/runtime.stamp
	$(BIN)/python -m facewave.config.table docs/configuration.md

# Run with the oldest Python and keep the result only if `make test` passes with it. torch's pin is
# kept, whichever build of it is installed: what only builds for GPUs bring is left out.
LOCK := .venv-lock/bin/python -m pip
NOT_PINNED := ^(cuda-|nvidia-|triton==|setuptools==)
# Write one file: two lines of head as they are, then the pins that no file before it has.
define pin
{ head -n 2 requirements$(1).txt; $(LOCK) freeze --exclude facewave | sed 's/+[a-z0-9.]*$$//' | grep -vE '$(NOT_PINNED)' | grep -vxFf .venv-lock/pins; } > .venv-lock/requirements$(1).txt
cat .venv-lock/requirements$(1).txt >> .venv-lock/pins
endef

lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock && touch .venv-lock/pins
	$(LOCK) install --quiet $(TORCH)
	$(LOCK) install --quiet .
	$(call pin,)
	$(LOCK) install --quiet '.[vlm]'
	$(call pin,-vlm)
	$(LOCK) install --quiet '.[speech]'
	$(call pin,-speech)
	$(LOCK) install --quiet '.[dev,speech]'
	$(call pin,-dev)
	$(LOCK) install --quiet -c .venv-lock/requirements.txt '.[slurm]'
	$(call pin,-slurm)
	mv .venv-lock/requirements*.txt .
	# envs/*.yaml pin parts of the same, with other capitals and hyphens in the names.
	sed -nE '/^[A-Za-z]/{s/[-_]/[-_]/g; s/^(.*)==(.*)/s|^( *- \1)==.*|\\1==\2|I/p}' .venv-lock/pins > .venv-lock/envs.sed
	sed -i -E -f .venv-lock/envs.sed envs/*.yaml
	rm -rf .venv-lock build facewave.egg-info

clean:
	rm -rf .venv results .snakemake

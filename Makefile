# The commands of this repository, for people and for CI. Each installs what it needs.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
PORT ?= 8000
WORKERS ?= 4
BIN := $(VENV)/bin
MAKE_VENV = test -x $(BIN)/python || { $(PYTHON) -c "$(CHECK_PYTHON)" && $(PYTHON) -m venv $(VENV); }
CHECK_PYTHON := import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit('Needs Python 3.11 to 3.13: make PYTHON=...')
# Installs the packages of a lock file, each checked by the hash of its file.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-build --emit-build-options --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
JS := tests/js
MODULES := $(JS)/node_modules/.package-lock.json
# Tests wait a lot, so several run at a time. A file stays in one process, which starts its servers once; see tests/side_by_side.py.
SIDE_BY_SIDE := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

QUICK := tests/cameras tests/nvr tests/streaming/gate tests/streaming/limits

.PHONY: run cluster test quick lint lock bench bench-quick soak rogue help

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

run: $(VENV)/.runtime ## run the server on 127.0.0.1:8000 with simulated cameras and two log-ins
	@$(BIN)/python manage.py demo --port $(PORT)

cluster: $(VENV)/.development ## run the same behind nginx, with four workers and Redis, from the files of deploy/
	@$(BIN)/python manage.py cluster --workers $(WORKERS) --port $(PORT)

# Hundreds of servers are started: they share the bytecode, also where the environment says not to write it.
test quick: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.development ## run all tests, then search for leaked passwords; tests that need Chromium or PostgreSQL skip without it
	$(BIN)/python -m tests.leaks $(SIDE_BY_SIDE)

quick: $(VENV)/.development ## run the tests of cameras, accounts, gate and limits; with another Python: make quick PYTHON=python3.12 VENV=.venv/3.12
	$(BIN)/pytest --quiet $(QUICK) $(SIDE_BY_SIDE)

lint: $(MODULES) ## ruff, mypy, tsc and eslint, links of the documents, known vulnerabilities of what is installed (or a loud NOT CHECKED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/node $(JS)/node_modules/typescript/bin/tsc --project $(JS)
	$(BIN)/node $(JS)/node_modules/eslint/bin/eslint.js --config $(JS)/eslint.config.mjs .
	$(BIN)/pytest --quiet tests/test_docs.py
	$(BIN)/python -m tests.vulnerabilities requirements-dev.lock

lock: ## write requirements*.lock from requirements*.txt; OPTIONS=--upgrade also upgrades indirect packages
	test -x $(BIN)/uv || $(MAKE) $(VENV)/.development
	$(LOCK) $(OPTIONS) requirements.txt --output-file requirements.lock
	$(LOCK) $(OPTIONS) requirements-signin.txt --constraints requirements.lock --output-file requirements-signin.lock
	$(LOCK) $(OPTIONS) requirements-onvif.txt --constraints requirements-signin.lock --output-file requirements-onvif.lock
	$(LOCK) $(OPTIONS) requirements-dev.txt --constraints requirements-signin.lock --constraints requirements-onvif.lock --output-file requirements-dev.lock
	$(LOCK) $(OPTIONS) requirements-bench.txt --constraints requirements-dev.lock --output-file requirements-bench.lock

soak: $(VENV)/.development ## test forty minutes of faults and load
	$(BIN)/python -m bench.soak --minutes 10
	$(BIN)/python -m bench.failovers --minutes 10
	$(BIN)/python -m bench.load --scenario many
	$(BIN)/python -m bench.load --scenario handshakes
	$(BIN)/python -m bench.load --scenario refused
	$(BIN)/python -m bench.logins

rogue: $(VENV)/.development ## test half an hour of cameras that misbehave beside healthy ones
	$(BIN)/python -m bench.openings
	$(BIN)/python -m bench.rogue --minutes 30

bench: $(VENV)/.bench ## measure costs and delays, and write docs/performance.md; 15 minutes, on a quiet machine
	$(BIN)/python -m bench

bench-quick: $(VENV)/.bench ## check that the benchmark runs; its figures mean little
	$(BIN)/python -m bench --quick

$(VENV)/.runtime: requirements.lock
	$(MAKE_VENV)
	$(INSTALL) -r requirements.lock
	@touch $@

$(VENV)/.development: requirements.lock requirements-dev.lock
	$(MAKE_VENV)
	$(INSTALL) -r requirements-dev.lock
	@touch $(VENV)/.runtime $@

$(MODULES): $(JS)/package-lock.json $(VENV)/.development
	$(BIN)/npm ci --prefix $(JS) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

$(VENV)/.bench: requirements-bench.lock $(VENV)/.development
	$(INSTALL) -r requirements-bench.lock
	@touch $@

# The commands of this repository, for people and for CI. Each installs what it needs.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
WORKERS ?= 4
BIN := .venv/bin
# Installs the packages of a lock file, each checked by the hash of its file.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-build --emit-build-options --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
JS := tests/js
MODULES := $(JS)/node_modules/.package-lock.json
# Tests wait a lot, so one more runs at a time than there are cores. A file stays in one process, which starts its servers once;
# see tests/side_by_side.py.
CORES := $(shell getconf _NPROCESSORS_ONLN)
SIDE_BY_SIDE := --numprocesses $(shell expr $(CORES) + 1) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: run cluster test lint lock bench bench-quick soak rogue help

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

run: .venv/.runtime ## run the server on 127.0.0.1:8000 with simulated cameras and two log-ins
	@$(BIN)/python manage.py demo --port $(PORT)

cluster: .venv/.development ## run the same behind nginx, with four workers and Redis, from the files of deploy/
	@$(BIN)/python manage.py cluster --workers $(WORKERS) --port $(PORT)

test: .venv/.development ## run all tests, then search for leaked passwords; tests that need Chromium or PostgreSQL skip without it
	$(BIN)/python -m tests.leaks $(SIDE_BY_SIDE)

lint: $(MODULES) ## ruff, mypy, tsc and eslint, links of the documents, known vulnerabilities of what is installed (or a loud NOT CHECKED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/node $(JS)/node_modules/typescript/bin/tsc --project $(JS)
	$(BIN)/node $(JS)/node_modules/eslint/bin/eslint.js --config $(JS)/eslint.config.mjs .
	$(BIN)/pytest --quiet tests/test_docs.py
	$(BIN)/python -m tests.vulnerabilities requirements-dev.lock

lock: ## write requirements*.lock from requirements*.txt; OPTIONS=--upgrade also upgrades indirect packages
	test -x $(BIN)/uv || $(MAKE) .venv/.development
	$(LOCK) $(OPTIONS) requirements.txt --output-file requirements.lock
	$(LOCK) $(OPTIONS) requirements-signin.txt --constraints requirements.lock --output-file requirements-signin.lock
	$(LOCK) $(OPTIONS) requirements-dev.txt --constraints requirements-signin.lock --output-file requirements-dev.lock
	$(LOCK) $(OPTIONS) requirements-bench.txt --constraints requirements-dev.lock --output-file requirements-bench.lock

soak: .venv/.development ## test forty minutes of faults and load
	$(BIN)/python -m bench.soak --minutes 10
	$(BIN)/python -m bench.failovers --minutes 10
	$(BIN)/python -m bench.load --scenario many
	$(BIN)/python -m bench.load --scenario handshakes
	$(BIN)/python -m bench.load --scenario refused
	$(BIN)/python -m bench.logins

rogue: .venv/.development ## test half an hour of cameras that misbehave beside healthy ones
	$(BIN)/python -m bench.openings
	$(BIN)/python -m bench.rogue --minutes 30

bench: .venv/.bench ## measure costs and delays, and write docs/performance.md; 15 minutes, on a quiet machine
	$(BIN)/python -m bench

bench-quick: .venv/.bench ## check that the benchmark runs; its figures mean little
	$(BIN)/python -m bench --quick

.venv/.runtime: requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) -r requirements.lock
	@touch $@

.venv/.development: requirements.lock requirements-dev.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) -r requirements-dev.lock
	@touch .venv/.runtime $@

$(MODULES): $(JS)/package-lock.json .venv/.development
	$(BIN)/npm ci --prefix $(JS) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

.venv/.bench: requirements-bench.lock .venv/.development
	$(INSTALL) -r requirements-bench.lock
	@touch $@

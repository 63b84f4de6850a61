# The verbs of this repository, for people and for CI. Each does its own set-up.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
WORKERS ?= 4
BIN := .venv/bin
# What requirements*.txt ask for, with all that it needs in turn, each by the hash of its file.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-build --emit-build-options --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
# Much of a test is waiting. By whole files and in their order: a file's servers are started once, and the browser's come last.
SIDE_BY_SIDE := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: run cluster test lint lock bench bench-quick soak rogue help

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

run: .venv/.runtime ## simulated cameras, two log-ins and the server on 127.0.0.1:8000
	@$(BIN)/python manage.py demo --port $(PORT)

cluster: .venv/.development ## the same behind nginx, with four workers and Redis, from the files of deploy/
	@$(BIN)/python manage.py cluster --workers $(WORKERS) --port $(PORT)

test: .venv/.development ## every test; those that need a browser or PostgreSQL skip where none is found
	$(BIN)/pytest $(SIDE_BY_SIDE)

lint: .venv/.development ## ruff, mypy, links of the documents, known vulnerabilities of what is installed (or a loud NOT CHECKED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/pytest --quiet tests/test_docs.py
	$(BIN)/python -m tests.vulnerabilities requirements-dev.lock

lock: ## requirements*.lock from requirements*.txt; OPTIONS=--upgrade raises what they need in turn as well
	test -x $(BIN)/uv || $(MAKE) .venv/.development
	$(LOCK) $(OPTIONS) requirements.txt --output-file requirements.lock
	$(LOCK) $(OPTIONS) requirements-dev.txt --constraints requirements.lock --output-file requirements-dev.lock
	$(LOCK) $(OPTIONS) requirements-bench.txt --constraints requirements-dev.lock --output-file requirements-bench.lock

soak: .venv/.development ## forty minutes of faults and loads, each with its promise
	$(BIN)/python -m bench.soak --minutes 10
	$(BIN)/python -m bench.failovers --minutes 10
	$(BIN)/python -m bench.load --scenario many
	$(BIN)/python -m bench.load --scenario handshakes
	$(BIN)/python -m bench.load --scenario refused
	$(BIN)/python -m bench.logins

rogue: .venv/.development ## half an hour of cameras that misbehave in every way, beside healthy ones
	$(BIN)/python -m bench.openings
	$(BIN)/python -m bench.rogue --minutes 30

bench: .venv/.bench ## what the product costs and how old its pictures are, into docs/performance.md; 15 minutes, on a quiet machine
	$(BIN)/python -m bench

bench-quick: .venv/.bench ## whether the benchmark runs: its figures mean little
	$(BIN)/python -m bench --quick

.venv/.runtime: requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) -r requirements.lock
	@touch $@

.venv/.development: requirements.lock requirements-dev.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) -r requirements-dev.lock
	@touch .venv/.runtime $@

.venv/.bench: requirements-bench.lock .venv/.development
	$(INSTALL) -r requirements-bench.lock
	@touch $@

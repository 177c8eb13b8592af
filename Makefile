# Every command needs only python3, make and the package registry. `make help` lists them.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
READY := $(VENV)/.ready
# Show progress immediately, also in a file or a pipe.
export PYTHONUNBUFFERED := 1
# The tests wait more than they compute: twice as many workers as cores.
WORKERS = $(shell python3 -c 'import os; print(2 * os.cpu_count())')

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast run migrations lint words chaos race fuzz bench format requirements clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 22

demo: $(READY) ## run everything locally, book over HTTP, watch each message arrive, keep serving (ONCE=1: stop after the tables)
	@DEBUG=1 $(PY) manage.py demo $(if $(ONCE),--once)

test: $(READY) ## run all tests on the embedded PostgreSQL (ARGS="-k refund": only some, in one process)
	@$(PY) -m pytest $(or $(ARGS),-n $(WORKERS))

test-fast: $(READY) ## run the tests that are not marked slow, in under a minute
	@$(PY) -m pytest -n $(WORKERS) -m "not slow"

run: $(READY) ## run web server and worker with the settings of the environment or .env
	@$(PY) manage.py run

migrations: $(READY) ## write the migrations for changed models (ARGS="bookings --name add_notes")
	@DEBUG=1 $(PY) manage.py makemigrations $(ARGS)

lint: $(READY) ## check format, code, types, import contracts and migrations
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@DEBUG=1 $(VENV)/bin/mypy .
	@$(VENV)/bin/lint-imports
	@DEBUG=1 $(PY) manage.py makemigrations --check --dry-run

words: $(READY) ## list the lines that use a replaced term of docs/glossary.md
	@$(PY) -m tools.words

chaos: $(READY) ## prove the delivery guarantees under kills and faults (SHORT=1, SEED=n, NAIVE=1: the negative control)
	@$(PY) -m stress.chaos $(if $(SHORT),--short) $(if $(SEED),--seed $(SEED)) $(if $(NAIVE),--naive)

race: $(READY) ## prove that no slot is sold twice, under kills (SHORT=1, SEED=n, WITHOUT=lock,reschedule,late,constraint: the negative controls)
	@$(PY) -m stress.race $(if $(SHORT),--short) $(if $(SEED),--seed $(SEED)) $(if $(WITHOUT),--without $(WITHOUT))

fuzz: $(READY) ## send ten thousand generated requests, new ones each time: no 5xx, every response matches the schema
	@FUZZ_EXAMPLES=250 $(PY) -m pytest tests/config/test_fuzz.py

bench: $(READY) ## measure speed beside a peer, into benchmarks/out/latest.json (SHORT=1: a quick estimate)
	@$(PY) -m benchmarks $(if $(SHORT),--short)

format: $(READY) ## let ruff format and fix the code
	@$(VENV)/bin/ruff check --fix -q . ; $(VENV)/bin/ruff format -q .

requirements: $(READY) ## pin the dependencies of requirements*.in, with hashes
	@$(PY) -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --upgrade \
		--custom-compile-command "make requirements" requirements.in -o requirements.txt
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --upgrade \
		--custom-compile-command "make requirements" requirements-dev.in -o requirements-dev.txt

clean: ## delete the virtual environment and all local data
	rm -rf $(VENV) .data

$(READY): requirements.txt requirements-dev.txt
	@echo "Setting up $(VENV) (about half a minute) ..."
	@test -x $(PY) || python3 -m venv $(VENV)
	@# pip and not uv: it finds the registry where this machine's pip settings say it is.
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r requirements.txt -r requirements-dev.txt
	@# Contributors get the commit hooks; a checkout without .git (an archive) needs none.
	@test ! -e .git || $(VENV)/bin/pre-commit install || echo "The commit hooks are not installed."
	@touch $@

# Every command needs only python3, make and the package registry. `make help` lists them.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
READY := $(VENV)/.ready
# Progress is seen as it is made, also in a file or a pipe.
export PYTHONUNBUFFERED := 1

.DEFAULT_GOAL := help
.PHONY: help demo test run lint chaos race fuzz bench format requirements clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 22

demo: $(READY) ## everything on this machine: book over HTTP, watch each message arrive, keep serving (ONCE=1: stop after the tables)
	@DEBUG=1 $(PY) manage.py demo $(if $(ONCE),--once)

test: $(READY) ## the whole test suite on the embedded PostgreSQL (ARGS="-k word" narrows it)
	@$(PY) -m pytest $(ARGS)

run: $(READY) ## web and worker with the settings of the environment or .env
	@$(PY) manage.py run

lint: $(READY) ## ruff, mypy, import contracts, migrations check
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@DEBUG=1 $(VENV)/bin/mypy .
	@$(VENV)/bin/lint-imports
	@DEBUG=1 $(PY) manage.py makemigrations --check --dry-run

chaos: $(READY) ## the delivery promise under kills and faults (SHORT=1, SEED=n, NAIVE=1: the negative control)
	@$(PY) -m stress.chaos $(if $(SHORT),--short) $(if $(SEED),--seed $(SEED)) $(if $(NAIVE),--naive)

race: $(READY) ## no slot sold twice, no request carried out twice, under kills (SHORT=1, SEED=n, WITHOUT=lock,move,late,constraint: the negative controls)
	@$(PY) -m stress.race $(if $(SHORT),--short) $(if $(SEED),--seed $(SEED)) $(if $(WITHOUT),--without $(WITHOUT))

fuzz: $(READY) ## ten thousand made-up requests, others each time: no 5xx, nothing that the schema does not say
	@FUZZ_EXAMPLES=250 $(PY) -m pytest tests/config/test_fuzz.py

bench: $(READY) ## our figures, as a table and benchmarks/out/latest.json (SHORT=1: a quick look)
	@$(PY) -m benchmarks $(if $(SHORT),--short)

format: $(READY) ## let ruff lay out and mend what it can
	@$(VENV)/bin/ruff check --fix -q . ; $(VENV)/bin/ruff format -q .

requirements: $(READY) ## pin requirements*.in again, with hashes
	@$(PY) -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --upgrade \
		--custom-compile-command "make requirements" requirements.in -o requirements.txt
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --upgrade \
		--custom-compile-command "make requirements" requirements-dev.in -o requirements-dev.txt

clean: ## forget the virtual environment and all local data
	rm -rf $(VENV) .data

$(READY): requirements.txt requirements-dev.txt
	@echo "Setting up $(VENV) (about half a minute) ..."
	@test -x $(PY) || python3 -m venv $(VENV)
	@# pip and not uv: it finds the registry where this machine's pip settings say it is.
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r requirements.txt -r requirements-dev.txt
	@touch $@

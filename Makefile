# Every command needs only python3, make and the package registry. `make help` lists them.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
RUNTIME := $(VENV)/.runtime
READY := $(VENV)/.ready
# Show progress immediately, also in a file or a pipe.
export PYTHONUNBUFFERED := 1
# The slow tests wait more than they compute, so all tests get twice as many workers as cores.
WORKERS = $(shell python3 -c 'import os; print(2 * os.cpu_count())')
FAST_WORKERS = $(shell python3 -c 'import os; print(1 + os.cpu_count())')

# The secret scanner leaves out hashes of packages, example URLs, and variables that only have the name of a secret.
SECRETS = --disable-plugin KeywordDetector --exclude-lines user:password@ \
	--exclude-files '(package-lock\.json|requirements(-dev)?\.txt|wapiti\.txt)$$'

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast peers install run migrations lint words chaos race machine fuzz bench ci-full format requirements clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 22

demo: $(READY) ## run everything locally, book over HTTP, watch each message arrive, keep serving (ONCE=1: stop after the tables)
	@DEBUG=1 $(PY) manage.py demo $(if $(ONCE),--once)

test: $(READY) ## run all tests on the embedded PostgreSQL (ARGS="-k refund": only some, in one process)
	@$(PY) -m pytest $(or $(ARGS),-n $(WORKERS) --dist worksteal)

test-fast: $(READY) ## run the tests that are not marked slow, in under a minute
	@$(PY) -m pytest -n $(FAST_WORKERS) -m "not slow and not peers"

peers: $(READY) ## install third-party programs and test Daybook against them (as root, on Debian; SHORT=1: small bursts)
	@tools/install_peers.sh
	@PEERS_BURST=$(if $(SHORT),100,1000) $(PY) -m pytest -m peers -n 2

install: $(RUNTIME) ## install the runtime dependencies only (VENV=folder: there instead of in .venv)

run: $(RUNTIME) ## run the web server and the worker, with the settings from the environment or .env
	@exec $(PY) manage.py run

migrations: $(READY) ## write the migrations for changed models (ARGS="bookings --name add_notes")
	@DEBUG=1 $(PY) manage.py makemigrations $(ARGS)

lint: $(READY) ## check format, code, types, import contracts, migrations, security, secrets and the OpenAPI schema (needs Node.js; root installs it)
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@DEBUG=1 $(PY) -m mypy .
	@$(VENV)/bin/lint-imports
	@DEBUG=1 $(PY) manage.py makemigrations --check --dry-run
	@DEBUG=0 SECRET_KEY="$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(50))')" PUBLIC_BASE_URL=https://book.example \
		ALLOWED_HOSTS=book.example TRUSTED_PROXIES=1 $(PY) manage.py check --deploy --fail-level WARNING
	@$(VENV)/bin/bandit --quiet --recursive --configfile pyproject.toml .
	@git ls-files -z | xargs -0 $(VENV)/bin/detect-secrets-hook $(SECRETS)
	@tools/lint_schema.sh

words: $(READY) ## list the lines that use a term that docs/glossary.md replaced
	@$(PY) -m tools.words

chaos: $(READY) ## prove the delivery guarantees under kills and faults (SHORT=1, SEED=n, WITHOUT=settle,order,quit: the negative controls)
	@$(PY) -m stress.chaos $(if $(SHORT),--short) $(if $(SEED),--seed $(SEED)) $(if $(WITHOUT),--without $(WITHOUT))

race: $(READY) ## prove that no slot is double-booked when processes are killed (SHORT=1, SEED=n, WITHOUT=lock,reschedule,late,places,constraint: the negative controls)
	@$(PY) -m stress.race $(if $(SHORT),--short) $(if $(SEED),--seed $(SEED)) $(if $(WITHOUT),--without $(WITHOUT))

machine: $(READY) ## compare bookings and their money with a model after each step of 5,000 random sequences (SEED=n: the first seed)
	@MACHINE_SEQUENCES=5000 MACHINE_SEED=$(or $(SEED),0) $(PY) -m pytest -n $(WORKERS) tests/lifecycle

fuzz: $(READY) ## send 10,000 random requests to every route and method, and as many by the schema: no response is a 5xx (FUZZ_SEED=n)
	@FUZZ_REQUESTS=10000 $(PY) -m pytest tests/config/test_fuzz_routes.py
	@FUZZ_EXAMPLES=250 $(PY) -m pytest tests/config/test_fuzz.py

bench: $(READY) ## measure speed against a baseline; the results are in benchmarks/out/latest.json (SHORT=1: a quick estimate)
	@$(PY) -m benchmarks $(if $(SHORT),--short)

ci-full: $(READY) ## run every check and proof in full length; what passed on this commit is not repeated (PART="race chaos": only these)
	@tools/ci_full.sh $(PART)

format: $(READY) ## let ruff format and fix the code
	@$(VENV)/bin/ruff check --fix -q . ; $(VENV)/bin/ruff format -q .

requirements: $(READY) ## pin the dependencies of all *.in files, with hashes
	@$(PY) -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --upgrade \
		--custom-compile-command "make requirements" requirements.in -o requirements.txt
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --upgrade \
		--custom-compile-command "make requirements" requirements-dev.in -o requirements-dev.txt
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --upgrade \
		--custom-compile-command "make requirements" tests/peers/wapiti.in -o tests/peers/wapiti.txt

clean: ## delete the virtual environment and all local data
	rm -rf $(VENV) .data

# Use pip, not uv: pip honors the registry in this machine's pip settings.
PIP_INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes

$(RUNTIME): requirements.txt
	@echo "Setting up $(VENV) ..."
	@test -x $(PY) || python3 -m venv $(VENV)
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(READY): $(RUNTIME) requirements-dev.txt
	@echo "Installing the tools for development (about half a minute) ..."
	@$(PIP_INSTALL) -r requirements-dev.txt
	@# Contributors get the commit hooks; an archive without .git needs none.
	@test ! -e .git || $(PY) -m pre_commit install || echo "The commit hooks are not installed."
	@touch $@

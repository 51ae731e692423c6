# Every chore of the project; `make` alone lists them. Only Python 3.11 to 3.14 is needed: no Redis, no Docker.

.DEFAULT_GOAL := help
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory

VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2
JOBS ?= 2000
SEED ?= 1
BROKER ?= own
ARGS ?=

# The first interpreter that runs, is supported and can make virtual environments. It is run, not looked up: a pyenv shim is on
# the PATH for versions that are not active, and Debian's python3 lacks ensurepip until python3-venv is installed.
FIND_PYTHON = for name in python3.13 python3.14 python3.12 python3.11 python3 python; do \
	"$$name" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null \
		&& { echo "$$name"; break; }; done
PYTHON ?= $(shell $(FIND_PYTHON))

REQUIREMENTS := pyproject.toml client/pyproject.toml constraints.txt
DEV := $(VENV)/.installed-dev
DEMO := $(VENV)/.installed-demo
BROWSER := $(VENV)/.installed-browser
PEERS := $(VENV)/.installed-peers
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ./client

.PHONY: help demo test test-unit test-crash flower-check lint check-rules format bench up down setup refresh-openapi refresh-constraints clean docker-ready

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' Makefile

demo: $(DEMO) ## run the whole of Trunkline on this machine: embedded server, simulated providers, three tenants (ARGS=--keep)
	@$(BIN)/trunkline demo $(ARGS)

test: $(DEV) ## run every test: unit, integration, e2e, crash (WORKERS=2 processes; ARGS go to pytest)
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS)

test-unit: $(DEV) ## run the unit tests only: no server, no sockets
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup tests/unit $(ARGS)

test-crash: $(DEV) ## break everything, with JOBS jobs a plan, SEED and BROKER, and print the table of docs/reliability.md (half an hour)
	@CRASH_JOBS=$(JOBS) CRASH_SEED=$(SEED) CRASH_BROKER=$(BROKER) $(BIN)/pytest -p no:xdist tests/crash/test_plans.py $(ARGS)

flower-check: $(BROWSER) ## open every page of Flower in this machine's Chromium, search them for anything private, take docs/images
	@FLOWER_IMAGES=docs/images $(BIN)/pytest -p no:xdist tests/e2e/test_flower.py $(ARGS)

lint: $(DEV) ## check style, format, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check-rules: ## check and test the alert rules in ops/ (needs promtool, which is in Debian's package prometheus)
	@command -v promtool >/dev/null || { echo "make check-rules needs promtool: apt install prometheus" >&2; exit 1; }
	@promtool check config ops/prometheus.yml
	@promtool test rules ops/alerts_test.yml

format: $(DEV) ## rewrite the code in the house format, and mend what ruff can mend
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: $(DEV) $(PEERS) ## measure Trunkline beside stock Celery, other queues and a bare loop (ARGS="--quick --only single")
	@$(BIN)/trunkline bench $(ARGS)

up: docker-ready .env ## start the containers of docker-compose.yml: Redis, workers, Flower, simulated providers
	docker compose up --build $(ARGS)

down: ## stop the containers; the journal's volume stays
	docker compose down $(ARGS)

setup: $(DEV) ## make .venv with everything that demo, test, lint and bench use

refresh-openapi: $(DEV) ## rebuild the facts of Twilio's OpenAPI documents in tests/data (needs npm)
	@$(BIN)/python tests/data/refresh_twilio_openapi.py

refresh-constraints: ## resolve all dependencies anew in a throwaway environment and rewrite constraints.txt
	@test -n "$(PYTHON)" || { echo "no supported Python found" >&2; exit 1; }
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(PYTHON) -m venv "$$folder" \
		&& "$$folder/bin/pip" install --quiet --disable-pip-version-check -e ./client -e '.[dev,browser]' \
		&& { sed -n '/^#/p' constraints.txt && "$$folder/bin/pip" freeze --exclude-editable; } > "$$folder/constraints.txt" \
		&& cp "$$folder/constraints.txt" constraints.txt

clean: ## remove .venv, caches and build results
	rm -rf $(VENV) build dist client/dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Trunkline needs Python 3.11, 3.12, 3.13 or 3.14 with venv and ensurepip, and found none." >&2; \
		echo "Install one (Debian: apt install python3-venv), or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)" >&2
	@$(PYTHON) -m venv --clear $(VENV)

docker-ready:
	@command -v docker >/dev/null || { echo "make up needs Docker; without it, 'make demo' shows the same on this machine" >&2; exit 1; }
	@docker compose version >/dev/null 2>&1 || { echo "make up needs Docker's compose plugin: 'docker compose version' fails" >&2; exit 1; }
	@docker info >/dev/null 2>&1 || { echo "make up needs a running Docker engine: 'docker info' fails" >&2; exit 1; }

# The secrets of this machine's containers, made once, readable by their owner only, never committed.
.env: | docker-ready
	@umask 077; sed -e "s|^TRUNKLINE_SECRET_KEYS=$$|&$$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')|" \
		-e "s|^FLOWER_PASSWORD=$$|&$$(head -c 18 /dev/urandom | base64 | tr '+/' '-_')|" .env.example > .env
	@echo "Wrote .env with fresh secrets; Flower's password is in it" >&2

# pip is quiet here; the two lines say that it works and how long that takes. The stamps make a second run instant.
$(DEV): $(REQUIREMENTS) | $(BIN)/python
	@echo "Installing Trunkline and its tools into $(VENV) (about a minute the first time)" >&2
	@$(PIP_INSTALL) -e '.[dev]'
	@touch $(DEMO) $(DEV)

$(BROWSER): $(DEV)
	@echo "Installing what drives a browser into $(VENV)" >&2
	@$(PIP_INSTALL) -e '.[dev,browser]'
	@touch $(DEV) $(BROWSER)

# What Trunkline is measured beside, each in an environment of its own: nobody needs them for Trunkline. Without a network the
# benchmark leaves them out, and the next run tries again.
$(PEERS): benchmarks/peers/requirements.txt benchmarks/peers/requirements-arq.txt | $(DEV)
	@echo "Installing what Trunkline is measured beside (half a minute the first time)" >&2
	@{ $(BIN)/python -m venv $(VENV)/peers && $(VENV)/peers/bin/pip install --quiet --disable-pip-version-check -r $< \
		&& $(BIN)/python -m venv $(VENV)/peers-arq \
		&& $(VENV)/peers-arq/bin/pip install --quiet --disable-pip-version-check -r benchmarks/peers/requirements-arq.txt \
		&& touch $@; } || echo "They could not be installed; their lines are left out" >&2

$(DEMO): $(REQUIREMENTS) | $(BIN)/python
	@echo "Installing Trunkline into $(VENV) (about a minute the first time)" >&2
	@$(PIP_INSTALL) -e '.[demo]'
	@touch $(DEMO)

# `make` prints what there is. Recipes call `deploy.local` for everything that needs more than a line.
.DEFAULT_GOAL := help
.PHONY: help demo up down logs test test-unit test-integration test-e2e test-all lint types docs lock bench chaos chaos-long
.PHONY: operator doctor client

PYTHON ?= $(shell command -v python3.11 || command -v python3)
LOCAL  := $(PYTHON) -m deploy.local
VENV   := .venv/bin
PYTEST := $(VENV)/python -m pytest
# Most tests wait most of the time, so there are more workers than cores. They take the longest way first.
WORKERS ?= 4
TOGETHER := -n $(WORKERS) --no-loadscope-reorder
ALL := tests/e2e tests/integration tests/model tests/contracts tests/unit tests/meta

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / && $$1 != "help" {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## set up, start everything, play the main job end to end and print its timeline
	@$(LOCAL) up
	@$(VENV)/python -m deploy.local.demo

up: ## set up and start everything on this machine (LOCAL_KAFKA=auto|apache|embedded|HOST:PORT)
	@$(LOCAL) up

down: ## stop everything; data stays in var/ (DELETE=1 deletes it)
	@$(LOCAL) down $(if $(DELETE),--delete-data)

logs: ## the ends of the logs (PART="installer kafka" only these, FOLLOW=1 go on)
	@$(LOCAL) logs $(if $(FOLLOW),--follow) $(PART)

test: ## set up and run the tests, but for the slow ones
	@$(LOCAL) setup
	$(PYTEST) $(TOGETHER) $(ALL) -m "not slow" $(T)

test-unit: ## the tests without any server: units, models, contracts, architecture
	@$(LOCAL) setup --only-python
	$(PYTEST) tests/unit tests/model tests/contracts tests/meta -m "not slow" $(T)

test-integration: ## the tests against real Kafka, MongoDB and SMTP
	@$(LOCAL) setup
	$(PYTEST) $(TOGETHER) tests/integration $(T)

test-e2e: ## the tests of the whole, through the gateway only
	@$(LOCAL) setup
	$(PYTEST) tests/e2e $(T)

test-all: ## every test, the slow ones too
	@$(LOCAL) setup
	$(PYTEST) $(TOGETHER) $(ALL) $(T)

lint: ## style, formatting, import rules, spelling
	@$(LOCAL) setup --only-python
	$(VENV)/ruff check
	$(VENV)/ruff format --check
	$(VENV)/lint-imports
	$(VENV)/codespell

types: ## mypy --strict, tests included
	@$(LOCAL) setup --only-python
	$(VENV)/mypy

client: ## the web client: types, style, and whether it still fits the API
	@$(LOCAL) setup
	npm run check --prefix web

docs: ## write what docs/ takes from the code: OpenAPI, AsyncAPI, topics, problems
	@$(LOCAL) setup --only-python
	$(VENV)/python -m docs.generate

lock: ## write the hashed requirements/*.txt from the pyproject.toml files
	@$(PYTHON) -m deploy.local.lock

bench: ## measure on Apache Kafka, and print the figures (ARGS="--only preflight --rounds 1")
	@LOCAL_KAFKA=apache $(LOCAL) setup
	LOCAL_KAFKA=apache $(VENV)/python -m benchmarks $(ARGS)

chaos: ## hurt everything under load and look whether an install was lost, doubled or stranded (SEED=n repeats a run)
	@LOCAL_KAFKA=apache $(LOCAL) setup
	$(VENV)/python -m tests.chaos --at-least 40 --within 20 $(if $(SEED),--seed $(SEED)) $(ARGS)

chaos-long: ## the same with 10,000 installs and 200 faults (SEED=n)
	@LOCAL_KAFKA=apache $(LOCAL) setup
	$(VENV)/python -m tests.chaos --installs 10000 --rate 5.5 --faults 240 --at-least 200 --minutes 39 --within 45 $(if $(SEED),--seed $(SEED)) $(ARGS)

operator: ## make somebody an operator of the running stack (EMAIL=ada@example.org)
	@$(if $(EMAIL),,$(error Whom? make operator EMAIL=ada@example.org))
	@$(LOCAL) run auth operator "$(EMAIL)"

doctor: ## what is wrong with the running stack, and what mends it (FIX=1 applies what is safe)
	@$(LOCAL) doctor $(if $(FIX),--fix)

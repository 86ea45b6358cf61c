# Every target sets up what it needs; nothing has to be done before.
#   make demo      hold an interpreted meeting and judge it
#   make run       the same parts, for people: open the page it prints
#   make replicas  three replicas, one is killed in mid-sentence: what is lost, and how soon the call goes on
#   make check     format, lint, types, import contracts, unit tests
#   make test      make check, then every other test
#   make contract  programs of others against the emulator: agent frameworks and npm packages, in an environment of their own
#   make soak      the long tests: hours of meeting, fuzzing, take-over; SHARD=2/24 runs the second of 24 parts
#   make explore   property tests with new examples; what fails is printed with the seed
#   make bench     the benchmarks, a table at the end

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo replicas run check test contract soak explore bench lock clean

help:
	@sed -n '2,10s/^#//p' Makefile

setup: $(READY)

$(READY): requirements/all.lock requirements/engine.lock scripts/setup.sh
	@PYTHON=$(PYTHON) sh scripts/setup.sh $(VENV)
	@touch $@

demo: $(READY)
	@sh scripts/system-packages.sh engine
	@$(BIN)/python -m demo $(if $(SPEAK),--speak "$(SPEAK)") $(if $(MEETING),--meeting "$(MEETING)") $(if $(LAYOUT),--layout "$(LAYOUT)") $(if $(MODE),--mode "$(MODE)")

replicas: $(READY)
	@sh scripts/system-packages.sh redis
	@$(BIN)/python -m demo replicas

run: $(READY)
	@sh scripts/system-packages.sh engine
	@$(BIN)/python -m demo run

check: $(READY)
	@$(BIN)/python scripts/check.py

test: $(READY)
	@sh scripts/system-packages.sh engine browser redis
	@$(BIN)/python scripts/check.py
	@# Three on two cores: many wait for real time. Loops are checked in the unit tests; here the checks are a sixth of the time.
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder --line -o asyncio_debug=false

# Their packages want other versions than ours, so they get another environment; see tests/contract/test_frameworks.py.
CONTRACT := .venv-contract
NPM      := tests/contract/frameworks/npm
CLIENT   := listeners/acs_client
$(CONTRACT)/.ready: requirements/contract.lock $(NPM)/package-lock.json $(CLIENT)/package-lock.json
	@$(PYTHON) -m venv $(CONTRACT)
	@$(CONTRACT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/contract.lock
	@npm ci --prefix $(NPM) --ignore-scripts --no-audit --no-fund --silent
	@npm ci --prefix $(CLIENT) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

contract: $(READY) $(CONTRACT)/.ready
	@$(BIN)/python -m pytest -q tests/contract/test_frameworks.py tests/contract/test_acs_client.py

soak: $(READY)
	@sh scripts/system-packages.sh engine browser redis
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --soak $(or $(SHARD),all)

explore: $(READY)
	@HYPOTHESIS_PROFILE=explore $(BIN)/python -m pytest -q -n 2 --dist loadfile --unit -m "" --timeout 600

bench: $(READY)
	@$(BIN)/python -m benchmarks

# The lock files name versions and hashes, no addresses. Needs uv, for maintainers only.
LOCK := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11
lock:
	$(LOCK) pyproject.toml -o requirements/bot.lock
	$(LOCK) requirements/contract.in -o requirements/contract.lock
	$(LOCK) pyproject.toml --extra dev emulator/pyproject.toml -o requirements/all.lock
	$(LOCK) --group emulator/pyproject.toml:speech --constraints requirements/all.lock -o requirements/engine.lock

clean:
	rm -rf $(VENV) $(CONTRACT) $(NPM)/node_modules $(CLIENT)/node_modules $(CLIENT)/dist out

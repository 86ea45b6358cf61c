# Every target sets up what it needs; nothing has to be done before.
#   make demo    hold an interpreted meeting and judge it          make test    quality checks, then all tests
#   make run     the same parts, for people: open the page         make bench   the benchmarks, a table at the end
#   make replicas  three replicas, one is killed amid a word: what is heard again when, what is lost

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo replicas run test bench lock clean

help:
	@sed -n '2,4s/^#//p' Makefile

setup: $(READY)

$(READY): requirements/all.lock scripts/setup.sh
	@PYTHON=$(PYTHON) sh scripts/setup.sh $(VENV)
	@touch $@

demo: $(READY)
	@sh scripts/system-packages.sh engine
	@$(BIN)/python -m demo $(if $(SPEAK),--speak "$(SPEAK)") $(if $(LAYOUT),--layout "$(LAYOUT)") $(if $(MODE),--mode "$(MODE)")

replicas: $(READY)
	@sh scripts/system-packages.sh redis
	@$(BIN)/python -m demo replicas

run: $(READY)
	@sh scripts/system-packages.sh engine
	@$(BIN)/python -m demo run

test: $(READY)
	@sh scripts/system-packages.sh engine browser redis
	@sh scripts/test.sh $(BIN)

bench: $(READY)
	@$(BIN)/python -m benchmarks

# The lock files name versions and hashes, no addresses. Needs uv, for maintainers only.
LOCK := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11
lock:
	$(LOCK) pyproject.toml -o requirements/bot.lock
	$(LOCK) pyproject.toml --extra dev emulator/pyproject.toml -o requirements/all.lock

clean:
	rm -rf $(VENV) out

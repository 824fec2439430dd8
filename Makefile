# Each target sets up what is missing first. `## ` after a target is its line in `make help`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# What `make quick` tests, of tests/test_attribution: laws on small networks. With lint it must stay under 60 s.
QUICK := adaptive baselines convergence costs directions heatmaps images information insertion methods metrics paths
QUICK += remembering robustness trace

.DEFAULT_GOAL := help
.PHONY: help app quick test bench lint clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

app: $(VENV)/app.installed ## start the dashboard; ARGS="--server.port=9000" for Streamlit, ARGS="-- --photos FOLDER --model NAME" for the app
	$(BIN)/python -m streamlit run dashboard/app.py $(ARGS)

quick: $(VENV)/test.installed lint ## lint and the fast tests, under a minute: run it after each edit
	$(BIN)/python -m pytest -p tests.quicker -m "not browser and not slow" -x -q -n 2 $(ARGS) \
		$(QUICK:%=tests/test_attribution/test_%.py) tests/test_docs.py tests/test_readme.py

test: $(VENV)/test.installed lint ## every check; ARGS="-k smooth" passes options to pytest
	$(BIN)/python -m pytest -p tests.quicker -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

bench: $(VENV)/test.installed ## measure speed beside other packages, for hours; writes docs/performance
	$(BIN)/python tests/benchmarks/levers.py
	$(BIN)/python tests/benchmarks/growth.py
	$(BIN)/python tests/benchmarks/peers.py

lint: $(VENV)/test.installed ## style, format and types, without tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "make: no virtual environment; install Python 3.11 or newer with its venv module (Debian: apt install python3-venv)" >&2; exit 1; }

$(VENV)/app.installed: requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/test.installed: $(VENV)/app.installed tests/browser.py
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	$(BIN)/python tests/browser.py
	touch $@

clean: ## remove the virtual environment and all caches
	rm -rf $(VENV) *.egg-info .pytest_cache .ruff_cache .mypy_cache

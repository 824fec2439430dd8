# make app: the dashboard. make test: every check. Both set up what is missing, and start at once when nothing is.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: app test lint clean

app: $(VENV)/app.installed
	$(BIN)/python -m streamlit run dashboard/app.py $(ARGS)

test: $(VENV)/test.installed lint
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/test.installed
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

clean:
	rm -rf $(VENV) *.egg-info .pytest_cache .ruff_cache .mypy_cache

# Everything from a fresh clone needs python3 (3.11 or newer, with venv) and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin
# Or else each server of the tests would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test soak lint format bench screenshots translations pin clean

# The demo's own database, or the one that the environment names.
run: export CHAT_DATABASE_URL ?= sqlite:///data/demo.db
run: .venv/installed $(if $(findstring postgres,$(CHAT_DATABASE_URL)),.venv/installed-postgresql)
	@$(BIN)/tete-a-tete demo --once
	@exec $(BIN)/tete-a-tete serve

test: .venv/installed-dev
	@.ci/tools
	$(BIN)/pytest

# What takes minutes: longer conversations, more reloads.
soak: .venv/installed-dev
	@.ci/tools
	$(BIN)/pytest -m soak --timeout 1800

lint: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The server beside others, and how it grows, into docs/performance.md: twelve minutes.
bench: .venv/installed-bench
	$(BIN)/python -m bench

# Renew the pinned versions; needs uv.
pin:
	uv pip compile -q --upgrade --universal --generate-hashes --python-version 3.11 pyproject.toml --group build -o requirements.txt
	uv pip compile -q --upgrade --universal --generate-hashes --python-version 3.11 requirements-postgresql.in -o requirements-postgresql.txt
	uv pip compile -q --upgrade --universal --generate-hashes --python-version 3.11 requirements-dev.in -o requirements-dev.txt
	uv pip compile -q --upgrade --universal --generate-hashes --python-version 3.11 bench/requirements.in -o bench/requirements.txt

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv

.venv/installed: requirements.txt pyproject.toml tete_a_tete.py .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/installed-postgresql: requirements-postgresql.txt .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/installed-bench: bench/requirements.txt .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# The pictures of docs/, from the demo's data.
screenshots: .venv/installed-dev
	@.ci/tools
	$(BIN)/python -m docs.screenshots

# Every setting, as the service has them.
deploy/tete-a-tete.env: chat/settings.py .venv/installed
	env -i CHAT_ENV_FILE= CHAT_DATABASE_URL=sqlite:////var/lib/tete-a-tete/chat.db $(BIN)/tete-a-tete settings --file > $@

# Take new texts from the pages, and of the settings what they mean, into translations/, and compile what is translated there.
translations: .venv/installed
	$(BIN)/pybabel -q extract -F babel.cfg -k _setting:3 --no-location --sort-output --omit-header -o translations/messages.pot .
	$(BIN)/pybabel -q update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date -i translations/messages.pot -d translations
	$(BIN)/pybabel -q compile -d translations

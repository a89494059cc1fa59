# make run     everything in one terminal, on http://127.0.0.1:8000 (or PORT=…)
# make test    every test, in three processes (TEST_PROCESSES=1: in one); needs no `make run`
# make prove   the long proofs: the short forms of `make test`, at full length
# make chaos   orders while everything is killed, frozen and cut; then table, ledger and
#              clients are compared (CHAOS='--seed 11'; docs/reliability.md has more). make
#              ends with 2 whatever failed; `manage.py chaos` tells 1, broken, from 2, not proved
# make bench   orders per second, latencies, CPU and memory per order, every event checked
#              (BENCH='sockets --repeat 3'; docs/performance.md has more)
# make check   lint, types, imports, migrations, deployment settings
# make audit   known vulnerabilities of the pinned packages; asks PyPI, so it is no part of check
# make lock    resolve pyproject.toml again and write both lock files
#
# All paths are relative to this folder, whose own path may hold spaces.

PYTHON ?= python3
PYTEST_ARGS ?=
# How many processes run the tests, each with servers of its own. They mostly wait, so three
# suit two cores.
TEST_PROCESSES ?= 3
CHAOS ?=
BENCH ?=
UV_VERSION := 0.13.8
PIP_AUDIT_VERSION := 2.10.1

BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet \
	--require-hashes --only-binary :all:

.PHONY: run test prove chaos bench check audit lock

run: .venv/installed
	@# Ends with make, even when make is killed.
	@exec $(BIN)/python -I -S ordersite/child.py --parent $$PPID --signal 15 -- \
		$(BIN)/python manage.py up

# The tests start some hundred processes, none of which should compile all modules anew.
test prove: export PYTHONDONTWRITEBYTECODE :=

test: .venv/installed-dev
	@exec $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

prove: .venv/installed-dev
	@exec $(BIN)/python -m pytest -m prove --timeout 3600 -s $(PYTEST_ARGS)

chaos: .venv/installed
	@exec $(BIN)/python -I -S ordersite/child.py --parent $$PPID --signal 15 -- \
		$(BIN)/python manage.py chaos $(CHAOS)

bench: .venv/installed
	@exec $(BIN)/python -I -S ordersite/child.py --parent $$PPID --signal 15 -- \
		$(BIN)/python manage.py bench $(BENCH)

check: export ENV_FILE := /dev/null
check: .venv/installed-dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy .
	$(BIN)/lint-imports
	@# It warns when no database answers; the models and the files are all it needs.
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	HTTPS_ONLY=1 ALLOWED_HOSTS=orders.example \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

# The lock files as they stand, hashes and all: nothing is resolved or installed.
audit: .venv-audit/installed
	.venv-audit/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off \
		--requirement requirements.txt --requirement requirements-dev.txt

lock: export UV_CUSTOM_COMPILE_COMMAND := make lock
lock: .venv-lock/installed
	.venv-lock/bin/uv pip compile --universal --python-version 3.11.2 \
		--generate-hashes --no-annotate --quiet \
		pyproject.toml --output-file requirements.txt
	.venv-lock/bin/uv pip compile --universal --python-version 3.11.2 \
		--generate-hashes --no-annotate --quiet --constraints requirements.txt \
		pyproject.toml --group dev --output-file requirements-dev.txt

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "This needs Python 3.11 or newer, and $(PYTHON) is not." \
			"Install one, or name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -m venv .venv || { \
		rm -rf .venv; \
		echo "$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu:" \
			"apt-get install python3-venv" >&2; \
		exit 1; }

# The stamps tell that a lock file is installed as it stands.
.venv/installed: requirements.txt | .venv/bin/python
	@echo "Installing the packages of requirements.txt into .venv …"
	@$(PIP_INSTALL) -r requirements.txt || { $(install_failed); }
	@touch $@

.venv/installed-dev: requirements-dev.txt | .venv/bin/python
	@echo "Installing the packages of requirements-dev.txt into .venv …"
	@$(PIP_INSTALL) -r requirements-dev.txt || { $(install_failed); }
	@touch .venv/installed $@

.venv-lock/installed: Makefile
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --disable-pip-version-check --quiet uv==$(UV_VERSION)
	@touch $@

.venv-audit/installed: Makefile
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --disable-pip-version-check --quiet \
		pip-audit==$(PIP_AUDIT_VERSION)
	@touch $@

install_failed = echo "The packages could not be installed; pip says why above." \
	"'No matching distribution' means that there is no wheel for this platform:" \
	"64-bit Linux (glibc) and macOS have all of them." >&2; exit 1

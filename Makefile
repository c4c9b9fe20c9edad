# `make run` starts the demo and `make test` proves the shop; each does all of its own set-up, and is safe
# to run again. PYTHON=python3.13 chooses another interpreter, which gets a virtualenv of its own.

PYTHON ?= python3
ifeq ($(origin PYTHON),file)
VENV := .venv
else
VENV := .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
endif
IN_VENV := $(VENV)/bin/python

# What `make lock` compiles the requirements with.
UV := uv==0.13.9

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test test-sqlite test-postgres test-browser interleavings soak model fuzz chaos mutants lint lock audit clean

help:
	@echo "make run            start the demo: the shop, a simulated Pi and a phone to buy with (PORT, PI_PORT)"
	@echo "make test           all tests: on SQLite, on PostgreSQL, and in a browser"
	@echo "make test-sqlite    one part of them; also test-postgres and test-browser (ARGS='-k approve')"
	@echo "make model          visit every state of the design's model (10 minutes, 2 GB); RULE=cancel-first takes a rule away, and tells what breaks"
	@echo "make fuzz           many more odd requests and answers than in make test (10 minutes; TIMES=5, SEED=… to repeat a run)"
	@echo "make chaos          kill everything in a busy shop for three minutes, then compare the books (SECONDS, SEED)"
	@echo "make mutants        break the code in small ways, and show that a test notices each (an hour or two; goes on where it was)"
	@echo "make soak           100,000 steps of generated histories (SEED=17 STEPS=20000; TEST_DATABASE=postgres)"
	@echo "make interleavings  every rival, and every crash, at every boundary of every step, on both databases (hours; EVERY=20 a twentieth)"
	@echo "make lint           ruff, mypy, missing migrations, requirements that were not locked"
	@echo "make lock           pin requirements*.in in requirements*.txt (ARGS=--upgrade for newer versions)"
	@echo "make audit          ask the package index whether holes are known in what the shop runs on"
	@echo "make clean          remove the virtualenvs and caches; the demo's data in var/ stays"

run: $(VENV)/requirements .env
	@exec $(IN_VENV) -m demo

test: test-sqlite test-postgres test-browser

test-sqlite test-postgres: $(VENV)/requirements-dev
	TEST_DATABASE=$(@:test-%=%) $(IN_VENV) -m pytest --numprocesses auto --dist worksteal --ignore=tests/browser $(ARGS)

test-browser: $(VENV)/requirements-dev
	@$(IN_VENV) -m tests.browser.ensure_chromium
	TEST_DATABASE=sqlite $(IN_VENV) -m pytest --numprocesses 3 --dist worksteal tests/browser $(ARGS)

# Without a rule it ends well when it has found the harm.
model: $(VENV)/requirements-dev
	$(IN_VENV) -m tests.proofs.model.explore $(RULE)
	$(if $(RULE),,WHOLE_MODEL=1 TEST_DATABASE=sqlite $(IN_VENV) -m pytest --capture=no tests/proofs/model/test_model_and_code.py $(ARGS))

# How many times as many cases as make test draws, and from which seed.
TIMES ?= 5
ifndef SEED
SEED := $(shell date +%s)
endif

fuzz: $(VENV)/requirements-dev
	@echo "make fuzz SEED=$(SEED) TIMES=$(TIMES) repeats this run."
	for database in sqlite postgres; do \
	    FUZZ_TIMES=$(TIMES) TEST_DATABASE=$$database $(IN_VENV) -m pytest tests/proofs/fuzz --hypothesis-seed=$(SEED) $(ARGS) || exit 1; \
	done
chaos: $(VENV)/requirements-dev
	$(IN_VENV) -m tests.proofs.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

mutants: $(VENV)/requirements-dev $(VENV)/requirements-mutants
	$(IN_VENV) -m tests.proofs.mutants

soak: $(VENV)/requirements-dev
	$(IN_VENV) -m tests.proofs.histories.soak $(if $(SEED),--seed $(SEED)) $(if $(STEPS),--steps $(STEPS))

interleavings: $(VENV)/requirements-dev
	@for database in sqlite postgres; do \
	    TEST_DATABASE=$$database PROOF=whole EVERY=$(or $(EVERY),1) $(IN_VENV) -m pytest --numprocesses auto \
	        tests/proofs/interleavings/test_interleavings.py tests/proofs/crashes/test_crashes.py $(ARGS) || exit 1; \
	done

lint: $(VENV)/requirements-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy .
	$(IN_VENV) manage.py makemigrations --check --dry-run --settings tests.settings
	$(IN_VENV) -m pytest -q tests/test_requirements.py

lock: $(VENV)/python
	@$(IN_VENV) -m pip install --quiet $(UV)
	@for name in requirements requirements-dev requirements-mutants; do \
	    $(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	        $(ARGS) --output-file $$name.txt $$name.in || exit 1; \
	done

audit: $(VENV)/python
	@$(IN_VENV) -m tests.audit

clean:
	rm -rf .venv .venv-* mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up ------------------------------------------------------------------------------------------
# The files in $(VENV) are stamps: make repeats a step only when what it was made from has changed.

$(VENV)/python:
	@$(PYTHON) -c '' 2>/dev/null || { \
	    echo "There is no $(PYTHON) that runs: install Python 3.11 or newer, or name it (make PYTHON=python3.13)." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is older than 3.11: install a newer Python, or name it (make PYTHON=python3.13)." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtualenvs: install its venv module (Debian, Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Making a virtualenv in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# The pins are complete (`make lock`), so pip need not look for what they need in turn.
$(VENV)/requirements $(VENV)/requirements-dev $(VENV)/requirements-mutants: $(VENV)/%: %.txt $(VENV)/python
	@echo "Installing $< …"
	@$(IN_VENV) -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes --requirement $<
	@touch $@

.env:
	@cp .env.example $@

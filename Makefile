# What a person or a CI calls. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-all servers lint format docs bench lock clean

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
DEMO_VENV := .venv-demo
PIP_QUIET := -m pip install --quiet --disable-pip-version-check --no-input
# A test run must not meet the user's own Vault.
CLEAN_ENV := env $(foreach v,$(filter VAULT_% BAO_% RECONCILER_STORE RECONCILER_KEY RECONCILER_TRUST RECONCILER_OWNER,$(.VARIABLES)),-u $(v))
PYTEST := $(CLEAN_ENV) $(VENV)/bin/python -m pytest
WORKERS ?= 2
LIKE_DEV := --constraint requirements/dev.txt

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(DEMO_VENV)/.installed ## the whole story on this machine; DEMO_STORE=vault uses your Vault
	@$(DEMO_VENV)/bin/reconciler demo

test: $(VENV)/.installed ## the quick tier, with the servers that are there
	$(PYTEST) -m "not slow and not bench" -n $(WORKERS) --dist loadgroup

test-slow: $(VENV)/.installed ## the rest: kills, races and whole stories in full
	$(PYTEST) -m "slow and not bench" -n $(WORKERS) --dist loadgroup

test-all: test test-slow ## everything

servers: ## install the real servers for the tests (Vault is built once)
	@tests/servers/install

lint: $(VENV)/.installed ## style, types, floors, exemptions
	@failed=; \
	for check in "ruff check ." "ruff format --check ." "mypy" "lint-imports --no-logo" "python -m tests.house.exemptions"; do \
	  echo "lint: $$check"; $(VENV)/bin/$$check || failed="$$failed [$$check]"; \
	done; \
	if [ -n "$$failed" ]; then echo "lint: failed:$$failed" >&2; exit 1; fi

format: $(VENV)/.installed ## let ruff arrange the code
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

docs: $(VENV)/.installed ## write docs/reference and the README's picture anew, from the code
	@$(CLEAN_ENV) $(VENV)/bin/python -m tests.docs.generate

bench: $(VENV)/.installed ## measure, and write docs/performance.md
	$(CLEAN_ENV) $(VENV)/bin/python -m tests.bench

# Dev holds every other set, so it is resolved first and the others choose among its versions: they cannot disagree.
lock: $(VENV)/.lock-tool/.installed ## resolve the requirements again, with hashes and without addresses
	tools=$(CURDIR)/$(VENV)/.lock-tool/bin; \
	for set in "dev --extra sandbox --extra web --extra controller --extra test --extra dev --all-build-deps" \
	           "run $(LIKE_DEV)" "sandbox --extra sandbox $(LIKE_DEV)" "server --extra web --extra controller $(LIKE_DEV)" \
	           "build --only-build-deps --build-deps-for wheel $(LIKE_DEV)"; do \
	  set -- $$set; name=$$1; shift; \
	  CUSTOM_COMPILE_COMMAND="make lock" "$$tools/pip-compile" --quiet --generate-hashes --strip-extras --allow-unsafe \
	    --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
	    $(LOCK_FLAGS) "$$@" -o requirements/$$name.txt pyproject.toml || exit 1; \
	done

clean: ## remove what the targets above made in this folder
	rm -rf $(VENV) $(DEMO_VENV) tests/servers/oidc-provider/node_modules tests/servers/axe/node_modules tests/web/pictures .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Installing: hash-locked requirements first, then the package itself without looking anything up.
$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@$(call make_venv,$(VENV))
	@$(VENV)/bin/python $(PIP_QUIET) --require-hashes -r requirements/dev.txt
	@$(VENV)/bin/python $(PIP_QUIET) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEMO_VENV)/.installed: requirements/sandbox.txt requirements/build.txt pyproject.toml
	@$(call make_venv,$(DEMO_VENV))
	@echo "installing into $(DEMO_VENV) (once)"
	@$(DEMO_VENV)/bin/python $(PIP_QUIET) --require-hashes -r requirements/sandbox.txt -r requirements/build.txt
	@$(DEMO_VENV)/bin/python $(PIP_QUIET) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.lock-tool/.installed:
	@$(call make_venv,$(VENV)/.lock-tool)
	@$(VENV)/.lock-tool/bin/python $(PIP_QUIET) "pip-tools>=7.6,<8"
	@touch $@

define make_venv
if [ ! -x $(1)/bin/python ]; then \
  if [ -z "$(PYTHON)" ]; then echo "make: needs Python 3.11 or newer on PATH, or PYTHON=/path/to/python" >&2; exit 1; fi; \
  $(PYTHON) -m venv $(1); \
fi
endef

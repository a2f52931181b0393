# `make` alone lists what there is. A target that needs packages makes .venv first, from a lock with hashes, once.

.DEFAULT_GOAL := help
SHELL := /bin/sh
# Kernels start many times; without bytecode each start costs four seconds more.
unexport PYTHONDONTWRITEBYTECODE

# The name of a stamp holds what is installed and where: another lock or another folder is another name.
stamp = .venv/.$(1)-$(shell { cat $(2) pyproject.toml; pwd; } | cksum | cut -d ' ' -f 1)
RUN  := $(call stamp,run,requirements.lock)
TEST := $(call stamp,test,requirements-test.lock)

# A .venv whose Python is gone is made again, whatever its stamps say.
ifneq ($(shell test -x .venv/bin/python && echo there),there)
.PHONY: $(RUN) $(TEST)
endif

.PHONY: help report test lint lab bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

report: $(RUN) ## the whole example: sample data, baseline, every window, index page, verdict
	.venv/bin/rollout demo

test: $(TEST) ## all tests, with a real PostgreSQL; choose by ARGS="-k name"
	.venv/bin/python -m pytest -n 2 $(ARGS)

lint: $(TEST) ## style and mistakes, by ruff
	.venv/bin/ruff check .

lab: $(RUN) ## JupyterLab on notebooks/, with the project importable
	.venv/bin/jupyter lab $$(test "$$(id -u)" != 0 || echo --allow-root) --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks $(ARGS)

bench: $(RUN) ## speed and calibration: the figures of the README
	@for program in benchmarks/*.py; do echo "== $$program"; .venv/bin/python "$$program" || exit 1; done

lock: $(TEST) ## new versions into every requirements*.lock
	@for list in requirements*.txt; do echo "locking $$list"; \
	.venv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	--custom-compile-command 'make lock' "$$list" --output-file "$${list%.txt}.lock" || exit 1; done

clean: ## removes .venv and caches; outputs/ stays, a frozen baseline cannot be made again
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- set-up ----------------------------------------------------------------------------------------------------------
# The test lock holds the run lock's packages in the same versions. Once it is installed, it stays the one that is kept.

$(RUN):
	@if ls .venv/.test-* >/dev/null 2>&1; then lock=requirements-test.lock; stamps="$(TEST) $@"; \
	else lock=requirements.lock; stamps=$@; fi; $(install)

$(TEST):
	@lock=requirements-test.lock; stamps="$(RUN) $@"; $(install)

define install
set -e; \
python=; bare=; \
if ! .venv/bin/python -c '' 2>/dev/null || [ "$$(cat .venv/.folder 2>/dev/null)" != "$$(pwd)" ]; then \
  for name in $(PYTHON) python3.13 python3.12 python3.11 python3 python python3.14; do \
    "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
    if "$$name" -c 'import venv, ensurepip' 2>/dev/null; then python=$$name; break; else bare=$$name; fi; \
  done; \
  if [ -z "$$python$$bare" ]; then \
    echo "rollout needs Python 3.11 or newer and found none; install it, or name it: make PYTHON=/path/to/python" >&2; exit 1; \
  elif [ -z "$$python" ]; then \
    echo "$$bare cannot make a virtual environment; install Debian's package python3-venv (apt install python3-venv) and run make again." >&2; exit 1; \
  fi; \
  echo "making .venv with $$python"; "$$python" -m venv --clear .venv; pwd > .venv/.folder; \
fi; \
if uv --version >/dev/null 2>&1; then uv=uv; \
else \
  uv=.venv/bin/uv; \
  awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements.lock > .venv/uv.txt; \
  "$$uv" --version >/dev/null 2>&1 || .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.txt; \
fi; \
echo "installing $$lock, once: seconds, or minutes on a slow line"; \
UV_PYTHON_DOWNLOADS=never; export UV_PYTHON_DOWNLOADS; \
test -w "$${HOME:-/nonexistent}" || { UV_CACHE_DIR=.venv/cache; export UV_CACHE_DIR; }; \
rm -f .venv/.run-* .venv/.test-*; \
sync() { "$$uv" pip sync --quiet --python .venv/bin/python --require-hashes "$$lock" 2> .venv/uv.log; }; \
sync || UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true sync || { \
  echo "uv gets no packages here ($$(tail -n 1 .venv/uv.log)); pip does it, slower" >&2; \
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$$lock"; }; \
"$$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .; \
touch $$stamps
endef

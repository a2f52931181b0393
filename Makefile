# `make` alone lists the targets. A target that needs packages makes .venv first, from a lock with hashes.

.DEFAULT_GOAL := help
SHELL := /bin/sh
# Kernels start many times; without bytecode each start takes four seconds longer.
unexport PYTHONDONTWRITEBYTECODE

# A stamp's name is a checksum of the lock and the folder: a new lock or folder needs a new install.
stamp = $(1)/.$(2)-$(shell { cat $(3) pyproject.toml; pwd; } | cksum | cut -d ' ' -f 1)
RUN   := $(call stamp,.venv,run,requirements.lock)
TEST  := $(call stamp,.venv,test,requirements-test.lock)
SPARK := $(call stamp,.venv-spark,spark,requirements-spark.lock)

# Without a working Python in .venv, its stamps do not count.
ifneq ($(shell test -x .venv/bin/python && echo there),there)
.PHONY: $(RUN) $(TEST)
endif
ifneq ($(shell test -x .venv-spark/bin/python && echo there),there)
.PHONY: $(SPARK)
endif

.PHONY: help report test test-browser test-spark test-faults audit lint lab bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

report: $(RUN) ## the whole example: sample data, baseline, every window, index page, verdict
	.venv/bin/rollout demo

test: $(TEST) ## all tests, with a real PostgreSQL; choose by ARGS="-k name"
	.venv/bin/python -m pytest -n 2 $(ARGS)

test-browser: $(TEST) ## the pages and JupyterLab in headless Chromium (as root, installs Debian's when missing)
	@$(need_chromium)
	.venv/bin/python -m pytest -m browser tests/browser $(ARGS)

test-spark: $(SPARK) ## the Spark engine on a real Spark Connect server (needs Java 17)
	@$(need_java)
	.venv-spark/bin/python -m pytest -m spark $$(grep -rl --include="test_*.py" "mark\.spark" tests) $(ARGS)

test-faults: $(TEST) ## breaks everything on purpose and prints a table; BOUNDED=1 runs the part for CI
	FAULTS_INPUTS=$(if $(BOUNDED),60,1500) .venv/bin/python -m pytest -n 2 --dist worksteal -m "$(if $(BOUNDED),not whole_only)" tests/faults $(ARGS)

audit: $(RUN) ## known vulnerabilities of the locked packages (needs the vulnerability service)
	@test -x .venv-audit/bin/pip-audit || { .venv/bin/uv venv --quiet .venv-audit && \
	.venv/bin/uv pip sync --quiet --python .venv-audit/bin/python --require-hashes requirements-audit.lock; }
	@.venv-audit/bin/pip-audit --disable-pip --require-hashes --format json --progress-spinner off --requirement requirements.lock 2>/dev/null \
	| .venv/bin/python -m tests.audit_report

lint: $(TEST) ## style, format and types: ruff and mypy
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

lab: $(RUN) ## JupyterLab on notebooks/, with the project importable
	JUPYTER_CONFIG_PATH=analysis/report/explore/jupyter .venv/bin/jupyter lab $$(test "$$(id -u)" != 0 || echo --allow-root) --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks $(ARGS)

bench: $(TEST) ## speed and calibration: the figures in docs/
	@for program in benchmarks/*.py; do echo "== $$program"; .venv/bin/python "$$program" || exit 1; done

lock: $(TEST) ## write every requirements*.lock with new versions
	@for list in requirements*.txt; do echo "locking $$list"; \
	.venv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	--custom-compile-command 'make lock' "$$list" --output-file "$${list%.txt}.lock" || exit 1; done

clean: ## remove .venv* and caches; keeps outputs/, because a frozen baseline cannot be made again
	rm -rf .venv .venv-spark .venv-audit .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- set-up ---------------------------------------------------------------------------------
# The test lock holds the packages of the run lock in the same versions, so an installed test lock also serves to run.
# Spark has its own folder because it is large. It is built from source, so its build tool is installed first.

venv = .venv
$(SPARK): venv = .venv-spark

define need_java
java=$${JAVA_HOME:+$$JAVA_HOME/bin/}java; \
version=$$("$$java" -version 2>&1 | awk -F '"' '/version/ {split($$2, part, "."); print part[1]; exit}'); \
test "$${version:-0}" -ge 17 2>/dev/null || { \
echo "Spark needs Java 17 or newer and found $${version:-none}; install it (apt install openjdk-17-jre-headless) and run make test-spark again." >&2; \
exit 1; }
endef

define need_chromium
if [ -z "$$CHROMIUM" ] && ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null; then \
  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
    echo "installing Debian's chromium (once)"; \
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; \
  fi; \
  command -v chromium >/dev/null || { \
  echo "make test-browser needs Chromium and found none; install it (apt install chromium) or name one: make test-browser CHROMIUM=/path/to/chromium" >&2; \
  exit 1; }; \
fi
endef

$(RUN):
	@if ls $(venv)/.test-* >/dev/null 2>&1; then lock=requirements-test.lock; stamps="$(TEST) $@"; \
	else lock=requirements.lock; stamps=$@; fi; $(install)

$(TEST):
	@lock=requirements-test.lock; stamps="$(RUN) $@"; $(install)

$(SPARK):
	@$(need_java); lock=requirements-spark.lock; first=setuptools; stamps=$@; $(install)

define install
set -e; \
python=; bare=; \
if ! $(venv)/bin/python -c '' 2>/dev/null || [ "$$(cat $(venv)/.folder 2>/dev/null)" != "$$(pwd)" ]; then \
  for name in $(PYTHON) python3.13 python3.12 python3.11 python3 python python3.14; do \
    "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
    if "$$name" -c 'import venv, ensurepip' 2>/dev/null; then python=$$name; break; else bare=$$name; fi; \
  done; \
  if [ -z "$$python$$bare" ]; then \
    echo "rollout needs Python 3.11 or newer and found none; install it, or name it: make PYTHON=/path/to/python" >&2; exit 1; \
  elif [ -z "$$python" ]; then \
    echo "$$bare cannot create a virtual environment; install Debian's package python3-venv (apt install python3-venv) and run make again." >&2; exit 1; \
  fi; \
  echo "creating $(venv) with $$python"; "$$python" -m venv --clear $(venv); pwd > $(venv)/.folder; \
fi; \
if uv --version >/dev/null 2>&1; then uv=uv; \
else \
  uv=$(venv)/bin/uv; \
  awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements.lock > $(venv)/uv.txt; \
  "$$uv" --version >/dev/null 2>&1 || $(venv)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(venv)/uv.txt; \
fi; \
echo "installing $$lock (once; this can take minutes)"; \
UV_PYTHON_DOWNLOADS=never; export UV_PYTHON_DOWNLOADS; \
test -w "$${HOME:-/nonexistent}" || { UV_CACHE_DIR=$(venv)/cache; export UV_CACHE_DIR; }; \
rm -f $(venv)/.run-* $(venv)/.test-* $(venv)/.spark-*; \
sync() { "$$uv" pip sync --quiet --python $(venv)/bin/python --require-hashes $$how "$$1" 2> $(venv)/uv.log; }; \
get() { sync "$$1" || UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true sync "$$1" || { \
  echo "uv cannot download packages here ($$(tail -n 1 $(venv)/uv.log)); using pip, which is slower" >&2; \
  $(venv)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes $$how -r "$$1"; }; }; \
how=; \
if [ -n "$$first" ]; then \
  awk -v name="$$first" 'index($$0, name "==") == 1 {on = 1} on {print} on && !/\\$$/ {exit}' "$$lock" > $(venv)/first.txt; \
  get $(venv)/first.txt; how=--no-build-isolation; \
fi; \
get "$$lock"; \
"$$uv" pip install --quiet --python $(venv)/bin/python --no-deps --no-build-isolation --editable .; \
touch $$stamps
endef

# One thread for BLAS: the chains run in parallel already. Byte code is always written: imports take 12 s without it.
unexport PYTHONDONTWRITEBYTECODE
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export JUPYTER_PREFER_ENV_PATH := 1

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# When a source of kernels changes, all are compiled anew; nothing is where only what calls them has changed.
WARM := $(VENV)/.warmed
KERNELS := $(wildcard hierbayes/engines/*.py hierbayes/engines/collapsed/*.py hierbayes/engines/joint/*.py)
JOBS ?= 2

# Prints the first Python that is new enough and can make an environment.
define FIND_PYTHON
for candidate in "$$PYTHON" python3.13 python3.12 python3.14 \
    "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13.*/bin/python "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.12.*/bin/python \
    "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.14.*/bin/python \
    "$$(uv python find --no-project '>=3.12' 2>/dev/null)" python3 python; do \
  if [ -n "$$candidate" ] && "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
    echo "$$candidate"; exit 0; \
  fi; \
done; \
echo "hierbayes needs Python 3.12 or newer with the venv module, and none was found." >&2; \
echo "Install one (on Debian and Ubuntu: python3 and python3-venv), or name it: make PYTHON=/path/to/python3 .venv" >&2; \
exit 1
endef
export FIND_PYTHON

.DEFAULT_GOAL := help
.PHONY: help .venv warm demo test test-fast images lint format docs notebooks trust wheel lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[.a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv: $(WARM) ## build the environment alone, with the kernels compiled

$(STAMP): pyproject.toml requirements.lock
	@if ! $(BIN)/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
	  python=$$(PYTHON='$(PYTHON)' sh -c "$$FIND_PYTHON") || exit 1; \
	  echo "building $(VENV) with $$("$$python" --version)"; \
	  "$$python" -m venv --clear $(VENV) || exit 1; \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --compile --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --compile --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -qq $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') || true
	@$(BIN)/python -m compileall -q hierbayes
	@touch $@

warm: $(WARM) ## compile the kernels into the disk cache, where a source has changed

$(WARM): $(STAMP) $(KERNELS)
	@echo "compiling the kernels, once (two or three minutes)"
	@$(BIN)/python -m hierbayes.warm
	@touch $@

demo: $(WARM) ## fit the sleepstudy model: summary, figures, draws and a page in build/sleepstudy
	@$(BIN)/hierbayes fit models/sleepstudy.toml --out build/sleepstudy

test: $(WARM) ## every test, with the slow ones, the doctests and the notebooks
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --doctest-modules hierbayes tests

test-fast: $(WARM) ## the tests that take less than three minutes together
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow" tests

images: $(STAMP) ## draw the baselines of the image tests anew; look at each before it is kept
	$(BIN)/python -m pytest -q -k test_image_ --mpl-generate-path=tests/plots/baseline tests/plots

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy hierbayes

format: $(STAMP) ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: $(WARM) ## execute the notebooks into build/notebooks
	$(BIN)/python notebooks/execute.py

docs: $(WARM) ## build the documentation in build/docs; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

trust: $(WARM) ## calibrate every engine, plant faults, and write docs/trust.md (an hour or so on two cores; goes on if stopped)
	$(BIN)/python docs/make_trust.py

wheel: $(STAMP) ## build the wheel in dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

lock: $(STAMP) ## resolve requirements.lock anew (needs pip-tools)
	$(BIN)/python -m piptools compile --quiet --upgrade --all-extras --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --no-annotate --no-header --strip-extras --allow-unsafe --output-file requirements.lock pyproject.toml
	sed -i.bak -e '/^hierbayes /d' -e '/^ *#/d' -e '/^$$/d' requirements.lock && rm requirements.lock.bak

clean: ## remove everything that was built, the environment too
	rm -rf $(VENV) build dist docs/notebooks docs/images/gallery docs/api/generated .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find hierbayes tests docs notebooks -name __pycache__ -type d -prune -exec rm -rf {} +

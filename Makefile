# Two commands are enough: `make demo` and `make test`. Both make the environment in .venv when it is missing.
PYTHON ?= python3

.PHONY: demo test environment check site lab readme clean help

help:            ## what can be made
	@grep -E '^[a-z]+: .*##' Makefile | sed -E 's/: .*## /\t/'

demo: environment  ## run the mortgage story as notebooks and build the site
	@.venv/bin/mlops-lit demo

test: environment  ## run every notebook and the tests
	@.venv/bin/python .ci/tests.py

check: environment  ## formatting, lint, types, import walls
	@.venv/bin/ruff format --check nbs tests benchmarks .ci
	@.venv/bin/ruff check
	@.venv/bin/mypy
	@.venv/bin/lint-imports

site: environment  ## build docs, reports and the pages of runs into _site
	@.venv/bin/mlops-lit site

lab: environment  ## open JupyterLab
	@.venv/bin/mlops-lit lab

readme: environment  ## make README.md from nbs/index.ipynb
	@.venv/bin/mlops-lit readme

environment:  ## make .venv if it is missing or outdated
	@$(PYTHON) .ci/environment.py

clean:  ## remove what can be made again; runs and artifacts in .mlops stay
	@rm -rf _site _proc build dist .pytest_cache .mypy_cache .ruff_cache

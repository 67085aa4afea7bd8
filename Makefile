# A thin, self-documenting front of the playbooks: `make help`. Every target works without make as well.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3

# The controller's environment, and that of the tests beside it.
.venv/installed: requirements.txt
	@$(PYTHON) -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv-test/installed: requirements.txt tests/requirements.txt
	@$(PYTHON) -m venv .venv-test
	@.venv-test/bin/pip install --quiet --disable-pip-version-check uv
	@.venv-test/bin/uv pip install --quiet --python .venv-test/bin/python -r tests/requirements.txt
	@touch $@

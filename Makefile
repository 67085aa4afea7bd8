# A thin front of the playbooks and the tests. Every target works without make as well: ansible-playbook playbooks/NAME.yml
.DEFAULT_GOAL := help
PYTHON ?= python3
INVENTORY ?= local

# Of the settings of pip and uv, how an index is reached counts (as in plugins/module_utils/foreign_settings.py). Others would bring other
# packages than those meant, or bring them elsewhere. The zeros win over a pip.conf, too.
reaching := $(addprefix PIP_,INDEX_URL EXTRA_INDEX_URL FIND_LINKS NO_INDEX TRUSTED_HOST CERT CLIENT_CERT PROXY TIMEOUT DEFAULT_TIMEOUT \
  RETRIES RESUME_RETRIES CACHE_DIR NO_CACHE_DIR KEYRING_PROVIDER USE_FEATURE CONFIG_FILE) \
  $(addprefix UV_,DEFAULT_INDEX INDEX INDEX_% EXTRA_INDEX_URL FIND_LINKS NO_INDEX INSECURE_HOST KEYRING_PROVIDER NATIVE_TLS SYSTEM_CERTS \
  HTTP_% REQUEST_TIMEOUT CACHE_DIR NO_CACHE OFFLINE LINK_MODE CONCURRENT_% CREDENTIALS_DIR CONFIG_FILE NO_CONFIG)
unexport $(filter-out $(reaching),$(filter PIP_% UV_%,$(.VARIABLES))) PYTHONPATH PYTHONHOME
export PIP_USER := 0
export PIP_NO_DEPS := 0
export PIP_DRY_RUN := 0
export PIP_REQUIRE_HASHES := 0

# INVENTORY=single_vm   another inventory, a folder below inventories/ or a path
# CHECK=yes             show what would change, change nothing
# REBUILD=yes           deploy: build MLflow's image again, without Docker's cache
# SERVICE=mlflow        status, shell, logs, start, stop, restart, destroy: this service alone, or several with commas between them
# ARGS="-e …"           more words for ansible-playbook
# Words count on the command line only: LINES, USER and DATA may well stand in the environment and mean something else.
given = $(if $(filter command,$(origin $(1))),$(value $(1)))

# What somebody gives may hold spaces, quotes and dollars: one word for the shell, a string for Ansible, one path for make itself.
empty :=
quoted = '$(subst ','\'',$(1))'
string = "$(subst ",\",$(subst \,\\,$(1)))"
existing = $(wildcard $(subst $(empty) ,\ ,$(1)))
option = $(if $(call given,$(1)),-e $(call quoted,{"$(2)": $(call string,$(call given,$(1)))}))
# The same, and Jinja in it is text.
literal = $(if $(call given,$(1)),-e $(call quoted,{"$(2)": !unsafe $(call string,$(call given,$(1)))}))

inventory := $(if $(call existing,inventories/$(INVENTORY)),inventories/$(INVENTORY),$(INVENTORY))

# The configuration of this checkout, also where ANSIBLE_CONFIG names another one, and where others may write here, when Ansible would
# ignore it. Your own: make deploy ANSIBLE_CONFIG=path. The collection is found with each of them.
config := $(or $(call given,ANSIBLE_CONFIG),$(CURDIR)/ansible.cfg)
paths := $(CURDIR)/collections:$(or $(ANSIBLE_COLLECTIONS_PATH),~/.ansible/collections:/usr/share/ansible/collections)
configured = ANSIBLE_CONFIG=$(call quoted,$(config)) ANSIBLE_COLLECTIONS_PATH=$(call quoted,$(paths))
play = $(configured) .venv/bin/ansible-playbook -i $(call quoted,$(inventory)) $(if $(call given,CHECK),--check --diff) $(call option,SERVICE,stack_services) $(ARGS)

# Ansible needs a locale that is installed and in UTF-8. ssh brings the caller's, which may be neither.
ifneq ($(shell $(PYTHON) -c 'import locale; locale.setlocale(locale.LC_ALL, ""); print(locale.getlocale()[1])' 2>&1),UTF-8)
export LC_ALL := C.UTF-8
endif

# An inventory that needs more than ansible-core says so in its own requirements.yml.
needs := $(call existing,$(inventory)/requirements.yml)

# In the order that tests/conftest.py gives the files. Unit tests often wait, so that three workers keep two processors busy.
pytest = .venv-test/bin/pytest -v --dist loadfile --no-loadscope-reorder
quick = tests/deploy tests/lint tests/integration tests/unit
long = tests/system tests/operations

.PHONY: help collections deploy access access_dump verify status shell logs start stop restart destroy teardown credentials passwd \
  secrets_export secrets_import init_inventory pin lint test test-all profile-tests clean

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z_ -]+:.*## / {printf "  make %-30s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deploy: .venv/installed $(if $(needs),collections) ## Deploy the stack (INVENTORY=local CHECK=yes ARGS="-e mlflow_port=5001")
	@$(play) site.yml $(call option,REBUILD,mlflow_image_rebuild)

access: .venv/installed ## Bring users, roles, permissions, experiments and models to MLflow, and nothing else (CHECK=yes)
	@$(play) playbooks/access.yml

access_dump: .venv/installed ## Write what MLflow has as a group_vars file (ARGS="-e mlflow_access_file=…")
	@$(play) playbooks/access_dump.yml

verify: .venv/installed ## Use what was deployed with the real MLflow client
	@$(play) playbooks/verify.yml

status start stop restart: .venv/installed ## Look at, start, stop or restart the services, or one (SERVICE=mlflow)
	@$(play) playbooks/$@.yml

# The playbook writes the command into a file, since Ansible gives no terminal to what it runs. Only what the client itself says goes to
# standard output. How an interactive shell ends says nothing (255 is ssh's own error), and Ctrl-C in it is its own matter.
shell: .venv/installed ## Open psql, a shell with mc, or a shell beside MLflow (SERVICE=postgres; COMMAND="select 1" runs this alone)
	@file=$$(mktemp) && trap 'rm -f "$$file"' EXIT && trap : INT && \
	  $(play) playbooks/shell.yml $(call literal,COMMAND,stack_shell_command) -e "{\"stack_shell_file\": \"$$file\"}" >&2 && \
	  { sh "$$file" $(if $(call given,COMMAND),,|| [ $$? -ne 255 ]); }

# Ctrl-C is the end of following, not an error (99 is how ansible-playbook ends then).
logs: .venv/installed ## Show what the services said last (LINES=100; FOLLOW=yes goes on until Ctrl-C; SERVICE=mlflow)
	@trap : INT; $(play) playbooks/logs.yml $(call option,LINES,stack_log_lines) $(call option,FOLLOW,stack_log_follow) || [ $$? -eq 99 ]

destroy teardown: .venv/installed ## Remove the services (CONFIRM=yes does not ask; DATA=yes removes data and passwords, too)
	@$(play) playbooks/teardown.yml $(call option,CONFIRM,stack_teardown_confirm) $(call option,DATA,stack_teardown_data)

credentials: .venv/installed ## Write what a user's MLflow client needs, ready to hand over (USER=alice)
	@$(play) playbooks/credentials.yml $(call option,USER,credentials_user)

passwd: .venv/installed ## Ask for a new admin's password and set it
	@$(play) playbooks/passwd.yml

secrets_export secrets_import: .venv/installed ## Move the secrets to another controller (FILE=secrets.yml; ARGS=--ask-vault-pass)
	@$(play) playbooks/$@.yml $(call option,FILE,secrets_file)

pin: .venv/installed ## Write down which images are meant, by their digests (INVENTORY=local_docker)
	@$(play) playbooks/pin.yml

init_inventory: .venv/installed ## Write a commented inventory to begin with (INTO=inventories/mine)
	@$(play) playbooks/init_inventory.yml $(call option,INTO,inventory_path)

lint: .venv-test/installed ## Run all linters and documentation checks
	@.venv-test/bin/pytest -v tests/lint

test: .venv/installed .venv-test/installed ## Lint, unit and integration tests, and a whole deployment of its own (10 minutes at most)
	@$(pytest) --numprocesses 3 $(quick)

test-all: .venv/installed .venv-test/installed ## What `make test` leaves out: operations, faults, versions, systemd hosts in Docker (root)
	@.venv-test/bin/uv pip install --quiet --python .venv-test/bin/python -r tests/requirements-system.txt
	@$(pytest) --numprocesses 2 $(long)

profile-tests: .venv/installed .venv-test/installed ## Run tests, and say where their time goes (TESTS="tests/unit tests/deploy"; all when not given)
	@.venv-test/bin/uv pip install --quiet --python .venv-test/bin/python -r tests/requirements-system.txt
	@export MLOPS_TEST_TIMES=$$(mktemp -d) && chmod 0755 $$MLOPS_TEST_TIMES || exit 1; \
	  $(pytest) --numprocesses 2 $(or $(call given,TESTS),$(quick) $(long)); code=$$?; \
	  .venv-test/bin/python tests/timing/report.py $$MLOPS_TEST_TIMES; rm -rf $$MLOPS_TEST_TIMES; exit $$code

clean: ## Remove the environments of the controller and of the tests
	@rm -rf .venv .venv-test .ansible .pytest_cache .ruff_cache .hypothesis

# From Galaxy, or from the PyPI package `ansible` (500 MB) where only a package index exists.
collections: .venv/installed
	@$(configured) .venv/bin/ansible-galaxy collection install -r $(call quoted,$(needs)) -p ~/.ansible/collections > /dev/null 2>&1 \
	  || { echo "Galaxy does not answer: taking the collections of the inventory from the package ansible ..."; \
	       .venv/bin/uv pip install --quiet --python .venv/bin/python ansible -c requirements.txt; }

# The controller's environment, and the one of the tests beside it.
.venv/installed: requirements.txt
	@echo "Preparing the controller's environment (.venv) ..."
	@$(PYTHON) -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@test -x .venv/bin/ansible-playbook || { echo "pip has put the packages elsewhere than into .venv: remove target, prefix and root" \
	  "from its configuration, which .venv/bin/pip config list shows." >&2; exit 1; }
	@touch $@

.venv-test/installed: requirements.txt tests/requirements.txt
	@echo "Preparing the environment of the tests (.venv-test) ..."
	@$(PYTHON) -m venv .venv-test
	@.venv-test/bin/pip install --quiet --disable-pip-version-check uv
	@.venv-test/bin/uv pip install --quiet --python .venv-test/bin/python -r tests/requirements.txt
	@touch $@

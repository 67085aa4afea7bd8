#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_verify
short_description: Use an MLflow server as a declared user does, with the real client
version_added: 0.1.0
description:
  - "As O(writer): logs a run with metrics and an artifact to O(experiment), reads both back, and registers a model version."
  - "As O(writer) again: runs O(scripts), each of which must log a run."
  - "As O(reader): tries to log a run to O(experiment), which the server must refuse."
  - Removes runs, logged models and model versions afterwards. Their files stay in the artifact store until C(mlflow gc) runs.
  - Runs with an interpreter that has MLflow, such as the server's own environment.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  url:
    description: The tracking server.
    type: str
    required: true
  use_proxy:
    description:
      - Whether an HTTP proxy that the environment names may carry the requests, and with them the logins.
      - A server on loopback is never reached through a proxy.
    type: bool
    default: true
  experiment:
    description: Name of an experiment to which O(writer) may log, and O(reader) may not.
    type: str
    required: true
  registered_model:
    description: Name of a registered model of which O(writer) may create a version. Nothing is registered when omitted.
    type: str
  writer:
    description: The user who may write.
    type: dict
    required: true
    suboptions:
      name:
        description: User name.
        type: str
        required: true
      password:
        description: Password.
        type: str
        required: true
  scripts:
    description:
      - Python programs that use the server, such as the examples of this collection. Each runs in a process and an empty folder
        of its own, with the interpreter of this module, and has 120 seconds.
      - Server, experiment and login reach them by the environment, as C(MLFLOW_TRACKING_URI), C(MLFLOW_EXPERIMENT_NAME),
        C(MLFLOW_TRACKING_USERNAME) and C(MLFLOW_TRACKING_PASSWORD).
      - What they log with the functions of the package C(mlflow) itself, such as C(mlflow.start_run), is found and removed; runs
        created in another way, and experiments, are not.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What to call it in messages.
        type: str
        required: true
      content:
        description: The program.
        type: str
        required: true
      arguments:
        description: Its command line arguments. Every user of the host may read them.
        type: list
        elements: str
        default: []
  reader:
    description: The user who may not write. Nobody is refused when omitted.
    type: dict
    suboptions:
      name:
        description: User name.
        type: str
        required: true
      password:
        description: Password.
        type: str
        required: true
attributes:
  check_mode:
    description: Only asks the server for the experiment, as O(writer).
    support: full
  diff_mode:
    description: Nothing remains that could be shown.
    support: none
  idempotent:
    description: What it creates it removes, so that it never reports a change.
    support: full
"""

EXAMPLES = r"""
- name: Does the server do what it is there for?
  mlops.stack.mlflow_verify:
    url: http://127.0.0.1:5000
    experiment: churn
    writer: {name: bob, password: "{{ bob_password }}"}
    scripts:
      - name: our own check
        content: "{{ lookup('ansible.builtin.file', 'check.py') }}"
  vars:
    ansible_python_interpreter: /opt/mlops-stack/mlflow/venvs/3.17.2/bin/python
"""

RETURN = r"""
proven:
  description: What was seen to work, one sentence each.
  returned: success
  type: list
  elements: str
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
import uuid
from urllib.parse import urlsplit

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.mlops.stack.plugins.module_utils.addresses import is_loopback
from ansible_collections.mlops.stack.plugins.module_utils.foreign_settings import is_foreign, reach_directly
from ansible_collections.mlops.stack.plugins.module_utils.texts import clean
from ansible_collections.mlops.stack.plugins.module_utils.unlogged import UnloggedModule

# Settings of another client (MLFLOW_TRACKING_TOKEN, MLFLOW_WORKSPACE, …) are not those of the users here; whose certificates are trusted
# still is. MLflow reads some of them while it is imported.
OTHERS = "MLFLOW_(?!TRACKING_(SERVER_CERT|CLIENT_CERT|INSECURE)_)"
for _name in [name for name in os.environ if is_foreign(name) or re.match(OTHERS, name)]:
    del os.environ[_name]
# Without the first, it leaves a file in the user's configuration folder. Without the second, requests takes a login from ~/.netrc
# rather than the one that MLflow was given.
os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", NETRC=os.devnull)

try:
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    MLFLOW_ERROR = None
except ImportError:
    MLFLOW_ERROR = traceback.format_exc()


# Seconds. Importing MLflow and scikit-learn takes 3 of them on a quick machine.
SCRIPT_TIMEOUT = 120
# The tag by which what a script logged is found again.
TAG = "mlops.stack.verify"


class VerificationError(Exception):
    """One sentence for the user."""


def log_in(user):
    """The client reads its credentials from the environment at every request."""
    os.environ["MLFLOW_TRACKING_USERNAME"] = user["name"]
    os.environ["MLFLOW_TRACKING_PASSWORD"] = clean(user["password"])


def find_experiment(client, name, user):
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        raise VerificationError(f"The user {user['name']} can't see the experiment '{name}': it does not exist.")
    return experiment.experiment_id


def write_and_read(client, experiment_id, params, proven):
    """Everything that the writer does; returns the run for the clean-up."""
    name, experiment = params["writer"]["name"], params["experiment"]
    run_id = client.create_run(experiment_id, run_name="mlops.stack verify").info.run_id
    try:
        for step in range(3):
            client.log_metric(run_id, "loss", 1.0 / (step + 1), step=step)
        client.log_param(run_id, "by", "mlops.stack")
        client.log_text(run_id, "written and read back\n", "note.txt")
        history = [round(metric.value, 3) for metric in client.get_metric_history(run_id, "loss")]
        if history != [1.0, 0.5, 0.333]:
            raise VerificationError(f"The metrics of run {run_id} came back as {history}, not as they were written.")
        with tempfile.TemporaryDirectory() as folder:
            path = client.download_artifacts(run_id, "note.txt", folder)
            with open(path, encoding="utf-8") as handle:
                text = handle.read()
        if text != "written and read back\n":
            raise VerificationError(f"The artifact of run {run_id} did not come back as it was written.")
        client.set_terminated(run_id)
        proven.append(f"{name} logged a run with metrics and an artifact to '{experiment}' and read them back")
        if params["registered_model"]:
            register(client, run_id, params, proven)
    finally:
        client.delete_run(run_id)


def register(client, run_id, params, proven):
    model = params["registered_model"]
    artifact_uri = client.get_run(run_id).info.artifact_uri
    version = client.create_model_version(model, artifact_uri, run_id).version
    try:
        if client.get_model_version(model, version).run_id != run_id:
            raise VerificationError(f"Version {version} of the model '{model}' did not come back as it was registered.")
        proven.append(f"{params['writer']['name']} registered a version of '{model}'")
    finally:
        client.delete_model_version(model, version)


def run_scripts(client, experiment_id, params, proven):
    for script in params["scripts"]:
        mark = str(uuid.uuid4())
        try:
            run_script(script, params, mark)
        finally:
            logged = remove_logged(client, experiment_id, mark)
        if not logged:
            raise VerificationError(f"{script['name']} ended well, but logged no run to '{params['experiment']}'.")
        proven.append(f"{script['name']} ran as {params['writer']['name']}")


def run_script(script, params, mark):
    environment = {
        **os.environ,  # with the writer's login, see log_in()
        "MLFLOW_TRACKING_URI": params["url"],
        "MLFLOW_REGISTRY_URI": params["url"],
        "MLFLOW_EXPERIMENT_NAME": params["experiment"],
        # MLflow's own way to put tags on every run of a process.
        "MLFLOW_RUN_CONTEXT": json.dumps({TAG: mark}),
    }
    with tempfile.TemporaryDirectory() as folder:
        # MLflow leaves copies of the models that it loads among the temporary files.
        environment["TMPDIR"] = folder
        path = os.path.join(folder, "script.py")
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(script["content"])
        try:
            done = subprocess.run(
                [sys.executable, path, *script["arguments"]],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SCRIPT_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise VerificationError(f"{script['name']} did not end within {SCRIPT_TIMEOUT} seconds.") from None
    if done.returncode:
        said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        reason = said[-1] if said else f"it said nothing and ended with {done.returncode}"
        # As it was given, and as the client has it: Ansible hides the former alone.
        for password in (params["writer"]["password"], clean(params["writer"]["password"])):
            reason = reason.replace(password, "********")
        raise VerificationError(f"{script['name']} failed for {params['writer']['name']}: {reason}")


def remove_logged(client, experiment_id, mark):
    """Remove what a script logged; returns the number of its runs."""
    runs = client.search_runs([experiment_id], filter_string=f"tags.`{TAG}` = '{mark}'")
    for run in runs:
        run_id = run.info.run_id
        for version in client.search_model_versions(f"run_id = '{run_id}'"):
            client.delete_model_version(version.name, version.version)
        for model in client.search_logged_models([experiment_id], filter_string=f"source_run_id = '{run_id}'"):
            client.delete_logged_model(model.model_id)
        client.delete_run(run_id)
    return len(runs)


def be_refused(client, experiment_id, params, proven):
    name, experiment = params["reader"]["name"], params["experiment"]
    log_in(params["reader"])
    try:
        run_id = client.create_run(experiment_id, run_name="mlops.stack verify").info.run_id
    except MlflowException as error:
        if error.get_http_status_code() != 403 and "403" not in str(error):
            raise
        proven.append(f"{name} was refused to log to '{experiment}'")
        return
    log_in(params["writer"])
    client.delete_run(run_id)
    raise VerificationError(f"The user {name} could log a run to '{experiment}', although nothing declared allows it.")


def verify(module, proven):
    params = module.params
    log_in(params["writer"])
    client = MlflowClient(tracking_uri=params["url"], registry_uri=params["url"])
    # Artifacts go through a client that MLflow makes itself, from the process's own settings.
    mlflow.set_tracking_uri(params["url"])
    experiment_id = find_experiment(client, params["experiment"], params["writer"])
    if module.check_mode:
        proven.append(f"{params['writer']['name']} can see the experiment '{params['experiment']}'")
        return
    write_and_read(client, experiment_id, params, proven)
    run_scripts(client, experiment_id, params, proven)
    if params["reader"]:
        be_refused(client, experiment_id, params, proven)


def main():
    user = {"name": {"type": "str", "required": True}, "password": {"type": "str", "required": True, "no_log": True}}
    module = UnloggedModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "use_proxy": {"type": "bool", "default": True},
            "experiment": {"type": "str", "required": True},
            "registered_model": {"type": "str"},
            "writer": {"type": "dict", "required": True, "options": user},
            "scripts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "content": {"type": "str", "required": True},
                    "arguments": {"type": "list", "elements": "str", "default": []},
                },
            },
            "reader": {"type": "dict", "options": user},
        },
        supports_check_mode=True,
    )
    if MLFLOW_ERROR:
        module.fail_json(msg=missing_required_lib("mlflow"), exception=MLFLOW_ERROR)
    # A server that does not answer is a sentence after seconds, not after the client's minutes.
    os.environ.update(
        MLFLOW_HTTP_REQUEST_MAX_RETRIES="2",
        MLFLOW_HTTP_REQUEST_TIMEOUT="30",
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
    )
    host = urlsplit(module.params["url"]).hostname or ""
    if is_loopback(host) or not module.params["use_proxy"]:
        reach_directly(host)
    proven = []
    try:
        verify(module, proven)
    except VerificationError as error:
        module.fail_json(msg=str(error), proven=proven)
    except MlflowException as error:
        done = f" after: {'; '.join(proven)}" if proven else ""
        module.fail_json(
            msg=f"MLflow at {module.params['url']} did not do what was asked{done}: {str(error).splitlines()[0]}",
            proven=proven,
        )
    module.exit_json(changed=False, proven=proven)


if __name__ == "__main__":
    main()

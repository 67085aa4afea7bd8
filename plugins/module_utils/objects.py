# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The things permissions point at: experiments and registered models. Gather once, plan purely, apply last."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Callable
from urllib.parse import unquote, urlsplit

from .api_empty import EmptyApi
from .capabilities import can
from .client import Client, MlflowError, PartialFailureError, UnreachableError
from .entries import duplicate_names, parse_entries, parse_entry, readable
from .resources import (
    EXPERIMENTS,
    FEW,
    MODELS,
    get_experiment,
    get_model,
    is_prompt,
    list_experiments,
    list_models,
)
from .texts import QUOTES, text_problem

NOTE_TAG = "mlflow.note.content"  # where MLflow's UI keeps the description of an experiment

COMMON_SPEC = {
    "description": {"type": "str"},
    "tags": {"type": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
EXPERIMENT_SPEC = {"artifact_location": {"type": "str"}, **COMMON_SPEC}
MODEL_SPEC = {**COMMON_SPEC, "force": {"type": "bool", "default": False}}


@dataclass(frozen=True)
class Item:
    """A declared object. `description`, `artifact_location` None: not declared. A tag that is None must not exist."""

    where: str
    name: str
    description: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    state: str = "present"
    artifact_location: str | None = None
    force: bool = False


@dataclass(frozen=True)
class Found:
    """An object on the server. `tags` without the tag that holds the description."""

    id: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    deleted: bool = False
    artifact_location: str = ""


@dataclass(frozen=True)
class Step:
    """One write: create, restore, describe, set_tag, delete_tag or delete."""

    action: str
    item: Item
    id: str = ""
    tag: str | None = None


def parse(raw: Mapping, spec: Mapping, plural: str) -> tuple[list[Item], list[str]]:
    """The declared objects: a list under the option `plural`, or one object in the module's own options."""
    entry_spec = {"name": {"type": "str", "required": True}, **spec}
    problems: list[str] = []
    if raw.get(plural) is not None:
        alone = [key for key in spec if raw.get(key) is not None]
        if alone:
            problems.append(f"{', '.join(alone)} belongs into each entry of {plural}, not beside it")
        entries, wrong = parse_entries(raw[plural], entry_spec, plural)
        problems += wrong
    else:
        if raw.get("name") is None:
            return [], []  # required_one_of of the argument spec has the better sentence
        where = f"{plural[:-1]} {readable(raw['name'])}"
        entries = [(where, parse_entry({k: raw[k] for k in entry_spec if k in raw}, entry_spec, where, problems))]
        if problems:
            return [], problems
    items = []
    for where, values in entries:
        name = values["name"]
        if not name.strip() or not name.isprintable():
            problems.append(f"{where}: name must be printable, and not empty")
        tags = _tags(where, values.get("tags", {}), problems)
        problems += _location_problems(where, values.get("artifact_location") or "")
        items.append(Item(where, name, **{**{k: v for k, v in values.items() if k != "name"}, "tags": tags}))
    problems += duplicate_names(raw.get(plural), plural, plural[:-1])
    return items, problems


def _location_problems(where: str, location: str) -> list[str]:
    """Places that MLflow takes, and which cannot be changed later."""
    problem = text_problem(location)
    if not problem and location and not re.match(r"/|[A-Za-z][A-Za-z0-9+.-]*:", location):
        problem = (
            f"{location!r} would be a folder below the one that the server happens to run in, and cannot be changed later:"
            f" write a URL such as s3://bucket/path, or an absolute path"
        )
    return [f"{where}: artifact_location {problem}"] if problem else []


def _tags(where: str, raw: Mapping, problems: list[str]) -> dict[str, str | None]:
    tags: dict[str, str | None] = {}
    for key, value in raw.items():
        if not isinstance(key, str) or not key.strip():
            hint = "" if isinstance(key, str) else f": {QUOTES}"
            problems.append(f"{where}: tags: a tag needs a name that is a string, {key!r} is none{hint}")
        elif key == NOTE_TAG:
            problems.append(f"{where}: tags: {NOTE_TAG} is the description; write description instead")
        elif not isinstance(value, (str, type(None))):
            problems.append(f"{where}: tags: {key} must be a string: {QUOTES}")
        else:
            tags[key] = value
    return tags


def plan(
    items: Sequence[Item], current: Mapping[str, Found], problems: list[str], store: str | None = ""
) -> list[Step]:
    """What has to be written. Pure; what cannot be done is added to `problems`.

    :arg store: where the server keeps artifacts, as far as that is known. None: nor is it known which experiments are new.
    """
    steps: list[Step] = []
    for item in items:
        now = current.get(item.name)
        if item.state == "absent":
            if now and not now.deleted:
                steps.append(Step("delete", item, now.id))
            continue
        wanted = item.artifact_location
        if now is None:
            if wanted and store is not None and _is_in(wanted, store):
                problems.append(
                    f"{item.where}: artifact_location {wanted!r} is a folder of the server's own store, where each experiment"
                    f" has the one with its id, and MLflow asks for the permissions of the experiment that a folder belongs"
                    f" to; it cannot be changed later: leave artifact_location out, or choose another store"
                )
            steps.append(Step("create", item))
            continue
        if wanted is not None and _place(wanted) != _place(now.artifact_location):
            problems.append(
                f"{item.where}: artifact_location is {now.artifact_location!r} and cannot be changed to {wanted!r}:"
                f" MLflow fixes it when the experiment is created"
            )
        if now.deleted:
            steps.append(Step("restore", item, now.id))
        if item.description is not None and item.description != now.description:
            steps.append(Step("describe", item, now.id))
        for tag, value in item.tags.items():
            if value is None and tag in now.tags:
                steps.append(Step("delete_tag", item, now.id, tag))
            elif value is not None and now.tags.get(tag) != value:
                steps.append(Step("set_tag", item, now.id, tag))
    return steps


def _is_in(location: str, store: str) -> bool:
    """Whether this is the server's own store or a folder of it, by MLflow's name for it or by its address."""
    if location.lower().startswith("mlflow-artifacts:"):
        return True
    return bool(store) and _address(location).startswith(_address(store))


def _address(location: str) -> str:
    """One way to write a folder or a URI, with / at its end: as MLflow reads it, and without what means the same."""
    scheme, bucket, path = "file", "", location
    if not location.startswith("/"):
        try:
            scheme, bucket, path, _query, _fragment = urlsplit(location)
        except ValueError:
            return location
    if scheme == "file":
        bucket, path = "", path if location.startswith("/") else unquote(path)
    folder = posixpath.normpath("/" + path.lstrip("/")).rstrip("/")
    return f"{scheme}://{bucket.lower()}{folder}/"


def _place(location: str) -> str:
    return location[len("file://") :].rstrip("/") if location.startswith("file:///") else location.rstrip("/")


class Experiments:
    """What MLflow's API calls an experiment. Deleting one is a mark that `restore` takes away."""

    plural = "experiments"

    def __init__(self, client: Client | None) -> None:
        self.client = client

    def gather(self, items: Sequence[Item], _problems: list[str]) -> dict[str, Found]:
        if self.client is None:
            return {"Default": Found("0", artifact_location="mlflow-artifacts:/0")}
        if len(items) > FEW:
            found = list_experiments(self.client)
        else:
            found = [entry for entry in (get_experiment(self.client, item.name) for item in items) if entry]
        result = {}
        for entry in found:
            tags = _tag_dict(entry)
            deleted = entry.get("lifecycle_stage") == "deleted"
            note = tags.pop(NOTE_TAG, "")
            result[entry["name"]] = Found(entry["experiment_id"], note, tags, deleted, entry["artifact_location"])
        return result

    def write(self, step: Step) -> str:
        """Make one change; returns the id of a created experiment."""
        item = step.item
        if step.action == "create":
            tags = _tag_list({**item.tags, NOTE_TAG: item.description or None})
            body = {"name": item.name, "artifact_location": item.artifact_location or "", "tags": tags}
            return self._post("create", body)["experiment_id"]
        if step.action in ("restore", "delete"):
            self._post(step.action, {"experiment_id": step.id})
        elif step.action == "delete_tag":
            self._post("delete-experiment-tag", {"experiment_id": step.id, "key": step.tag})
        else:
            key, value = (NOTE_TAG, item.description) if step.action == "describe" else (step.tag, item.tags[step.tag])
            self._post("set-experiment-tag", {"experiment_id": step.id, "key": key, "value": value})
        return step.id

    def _post(self, call: str, body: dict) -> dict:
        return self.client.call("POST", f"{EXPERIMENTS}/{call}", body=body)


class Models:
    """What MLflow's API calls a registered model. Its name is its id; a deleted one is gone."""

    plural = "models"

    def __init__(self, client: Client | None) -> None:
        self.client = client

    def gather(self, items: Sequence[Item], problems: list[str]) -> dict[str, Found]:
        if self.client is None:
            return {}
        if len(items) > FEW:
            found = list_models(self.client, "registered_model")
            if {item.name for item in items} - {entry["name"] for entry in found}:
                found += list_models(self.client, "prompt")
        else:
            found = [entry for entry in (get_model(self.client, item.name) for item in items) if entry]
        models = {entry["name"]: entry for entry in found}
        for item in items:
            entry = models.get(item.name)
            if entry and is_prompt(entry):
                problems.append(f"{item.where}: {item.name!r} is a prompt, not a registered model; choose another name")
            elif entry and item.state == "absent" and entry.get("latest_versions") and not item.force:
                problems.append(
                    f"{item.where}: {item.name!r} has versions, which would be deleted for good:"
                    f" delete them first, or set force: true"
                )
        return {name: Found(name, entry.get("description", ""), _tag_dict(entry)) for name, entry in models.items()}

    def write(self, step: Step) -> str:
        item = step.item
        if step.action == "create":
            body = {"name": item.name, "description": item.description or "", "tags": _tag_list(item.tags)}
            self.client.call("POST", f"{MODELS}/create", body=body)
        elif step.action == "describe":
            self.client.call("PATCH", f"{MODELS}/update", body={"name": item.name, "description": item.description})
        elif step.action == "set_tag":
            body = {"name": item.name, "key": step.tag, "value": item.tags[step.tag]}
            self.client.call("POST", f"{MODELS}/set-tag", body=body)
        elif step.action == "delete_tag":
            self.client.call("DELETE", f"{MODELS}/delete-tag", body={"name": item.name, "key": step.tag})
        else:
            self.client.call("DELETE", f"{MODELS}/delete", body={"name": item.name})
        return item.name


def converge(
    api: Any, items: Sequence[Item], kind: Callable[[Client | None], Any], check_mode: bool, store: str | None = ""
) -> dict:
    """Hold the server to the declaration, and return what the module returns. STORE: see `plan`.

    :raises MlflowError: nothing was changed. :raises PartialFailureError: some changes were made, others failed.
    """
    objects = kind(None if isinstance(api, EmptyApi) else api.client)
    problems: list[str] = []
    current = objects.gather(items, problems)
    steps = plan(items, current, problems, store)
    if objects.plural == "experiments" and not can(api.version, "delete_experiment_tag"):
        problems += [_cannot_delete_tag(step, api.version) for step in steps if step.action == "delete_tag"]
    if problems:
        raise MlflowError(*problems)
    done, errors = (steps, []) if check_mode else ([], [])
    ids: dict[str, str] = {}
    for step in [] if check_mode else steps:
        try:
            ids[step.item.name] = objects.write(step)
            done.append(step)
        except UnreachableError as error:
            errors.append(f"{error}; {len(steps) - len(done) - len(errors)} changes were not made")
            break
        except MlflowError as error:
            errors.append(f"{step.item.where}: {step.action.replace('_', ' ')}: {error}")
    result = _result(objects.plural, items, current, done, ids)
    result["server_version"] = api.version
    if errors:
        raise PartialFailureError(result, *errors)
    return result


def _cannot_delete_tag(step: Step, version: str) -> str:
    return (
        f"{step.item.where}: MLflow {version} cannot remove the tag {step.tag!r} of an experiment (MLflow can since"
        f" 3.2): give it another value, or upgrade MLflow"
    )


def _result(plural: str, items: Sequence[Item], current: Mapping, done: Sequence[Step], ids: Mapping) -> dict:
    before, after, final = {}, {}, []
    for item in sorted(items, key=lambda i: i.name):
        steps = [step for step in done if step.item is item]
        now = current.get(item.name)
        state = _after(item, now, steps, plural, ids)
        if steps and now is not None:
            before[item.name] = _diff_lines(_shown(plural, now))
        if steps and state is not None:
            after[item.name] = _diff_lines(_shown(plural, state))
        if state is not None:
            id_ = {"experiment_id": state.id} if plural == "experiments" else {}
            final.append({"name": item.name, **id_, **_shown(plural, state)})
    return {
        "changed": bool(done),
        "actions": [
            {"action": step.action, "name": step.item.name, **({"tag": step.tag} if step.tag else {})} for step in done
        ],
        plural: final,
        "diff": {"before": {plural: before}, "after": {plural: after}},
    }


def _after(item: Item, now: Found | None, steps: Sequence[Step], plural: str, ids: Mapping[str, str]) -> Found | None:
    """What the steps made of an object."""
    for step in steps:
        if step.action == "create":
            tags = {key: value for key, value in item.tags.items() if value is not None}
            now = Found(ids.get(item.name, ""), item.description or "", tags, False, item.artifact_location or "")
        elif step.action == "delete":
            now = replace(now, deleted=True) if plural == "experiments" else None
        elif step.action == "restore":
            now = replace(now, deleted=False)
        elif step.action == "describe":
            now = replace(now, description=item.description)
        elif step.action == "set_tag":
            now = replace(now, tags={**now.tags, step.tag: item.tags[step.tag]})
        else:
            now = replace(now, tags={key: value for key, value in now.tags.items() if key != step.tag})
    return now


def _shown(plural: str, state: Found) -> dict:
    shown: dict[str, Any] = {"description": state.description, "tags": dict(sorted(state.tags.items()))}
    if plural == "experiments":
        shown["artifact_location"] = state.artifact_location
        shown["state"] = "absent" if state.deleted else "present"
    return shown


def _diff_lines(shown: dict) -> dict:
    """What is empty says nothing."""
    return {key: value for key, value in shown.items() if value}


def _tag_dict(entry: dict) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in entry.get("tags") or []}


def _tag_list(tags: Mapping[str, str | None]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items() if value is not None]

# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the names people use to the ids of grants, and back. MLflow itself accepts grants on what does not exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from .client import ApiError, Client

EXPERIMENTS = "/api/2.0/mlflow/experiments"
MODELS = "/api/2.0/mlflow/registered-models"
PROMPT_TAG = "mlflow.prompt.is_prompt"
PROMPT_FILTER = f"tags.`{PROMPT_TAG}` = 'true'"
PAGE = 1000  # what the server's search of registered models accepts at most

# Up to this many objects are asked for one by one; beyond, a listing costs less than the logins of the requests.
FEW = 5

# type -> path, key of the list, field with the id, field with the name. These listings have no pages.
_GATEWAY = {
    "gateway_secret": ("/api/3.0/mlflow/gateway/secrets/list", "secrets", "secret_id", "secret_name"),
    "gateway_endpoint": ("/api/3.0/mlflow/gateway/endpoints/list", "endpoints", "endpoint_id", "name"),
    "gateway_model_definition": (
        "/api/3.0/mlflow/gateway/model-definitions/list",
        "model_definitions",
        "model_definition_id",
        "name",
    ),
}
# type -> path and key of the list; paged, 100 at a time is what the server suggests.
_REGISTRIES = {
    "mcp_server": ("/api/3.0/mlflow/mcp-servers", "mcp_servers"),
    "skill": ("/api/3.0/mlflow/skills", "skills"),
}


@dataclass(frozen=True)
class Scope:
    """What a run wants to know of the server's users. Servers before 3.13 tell it one by one, newer ones all at once.

    `wanted`: user -> the declared (type, resource as declared); None means all grants of this user. `everybody`: also
    the users who are not in `wanted`, with all their grants.
    """

    wanted: Mapping[str, set[tuple[str, str]] | None]
    everybody: bool = False


@dataclass
class Names:
    """Resources of one type: name -> id, and name -> sentence for those that cannot be granted on."""

    ids: dict[str, str] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, id_: str) -> None:
        self.ids[name] = id_
        self.labels[id_] = name


def lookup(client: Client, kind: str, names: set[str], ids: set[str]) -> Names:
    """Find resources of one type. `names` as declared; `ids` from grants, wanted for display only.

    :raises ApiError: the server did not list them.
    """
    names, ids = names - {"*"}, ids - {"*"}
    if not names and not (ids and kind in ("experiment", "scorer", *_GATEWAY)):
        return Names()  # ids of the other types are names
    if kind == "experiment":
        return _experiments(client, names, ids)
    if kind in ("registered_model", "prompt"):
        return _models(client, kind, names)
    if kind == "scorer":
        return _scorers(client, names, ids)
    found = Names()
    if kind in _GATEWAY:
        path, key, id_field, name_field = _GATEWAY[kind]
        for entry in client.call("GET", path).get(key) or []:
            found.add(entry[name_field], entry[id_field])
        for id_ in names & found.labels.keys() - found.ids.keys():
            found.ids[id_] = id_  # these may be declared by id as well
    elif kind in _REGISTRIES:
        path, key = _REGISTRIES[kind]
        for entry in client.pages(path, key, {"max_results": 100}):
            name = f"@{entry['organization']}/{entry['name']}" if entry.get("organization") else entry["name"]
            found.add(name, name)
    return found


def get_experiment(client: Client, name: str) -> dict | None:
    """The experiment with this name, also a deleted one."""
    return _get(client, f"{EXPERIMENTS}/get-by-name", {"experiment_name": name}, "experiment")


def list_experiments(client: Client) -> list[dict]:
    """All experiments, also deleted ones."""
    return client.pages(f"{EXPERIMENTS}/search", "experiments", {"view_type": "ALL", "max_results": PAGE})


def get_model(client: Client, name: str) -> dict | None:
    """The registered model with this name, also if it is a prompt."""
    return _get(client, f"{MODELS}/get", {"name": name}, "registered_model")


def list_models(client: Client, kind: str) -> list[dict]:
    """All registered models, or all prompts: MLflow's search leaves prompts out unless they are asked for."""
    filters = {"filter": PROMPT_FILTER} if kind == "prompt" else {}
    return client.pages(f"{MODELS}/search", "registered_models", {"max_results": PAGE, **filters})


def is_prompt(model: dict) -> bool:
    tags = {tag["key"]: tag["value"] for tag in model.get("tags") or []}
    return tags.get(PROMPT_TAG, "").lower() == "true"


def _get(client: Client, path: str, params: dict, key: str) -> dict | None:
    try:
        return client.call("GET", path, params=params)[key]
    except ApiError as error:
        if error.missing:
            return None
        raise


def _experiments(client: Client, names: set[str], ids: set[str]) -> Names:
    if len(names) + len(ids) > FEW:
        found = list_experiments(client)
    else:
        by_name = {name: get_experiment(client, name) for name in sorted(names)}
        # A declared name that is a number may be an id.
        numbers = ids | {name for name, entry in by_name.items() if entry is None and name.isdecimal()}
        numbers -= {entry["experiment_id"] for entry in by_name.values() if entry}
        by_id = [_get(client, f"{EXPERIMENTS}/get", {"experiment_id": i}, "experiment") for i in sorted(numbers)]
        found = [entry for entry in [*by_name.values(), *by_id] if entry]
    result = Names()
    by_id = {entry["experiment_id"]: entry for entry in found}
    for entry in found:
        result.add(entry["name"], entry["experiment_id"])
    for name in names:
        if name not in result.ids and name in by_id:
            result.ids[name] = name
        entry = by_id.get(result.ids.get(name, ""))
        if entry and entry.get("lifecycle_stage") == "deleted":
            result.dead[name] = _deleted(name)
    return result


def _models(client: Client, kind: str, names: set[str]) -> Names:
    if len(names) > FEW:
        found = list_models(client, kind)
        if names - {entry["name"] for entry in found}:
            found += list_models(client, "registered_model" if kind == "prompt" else "prompt")
    else:
        found = [entry for entry in (get_model(client, name) for name in sorted(names)) if entry]
    result = Names()
    for entry in found:
        name, actual = entry["name"], "prompt" if is_prompt(entry) else "registered_model"
        result.add(name, name)
        if actual != kind:
            result.dead[name] = f"{name!r} is a {actual.replace('_', ' ')}: write resource_type: {actual}"
    return result


def _scorers(client: Client, names: set[str], ids: set[str]) -> Names:
    """Declared as <experiment name or id>/<scorer name>, stored as <experiment id>/<scorer name, url-quoted>.

    Both names may contain slashes, so every slash is tried as the border, the first one first.
    """
    found = list_experiments(client)
    experiments = {entry["name"]: entry["experiment_id"] for entry in found}
    title = {id_: name for name, id_ in experiments.items()}
    deleted = {entry["experiment_id"] for entry in found if entry.get("lifecycle_stage") == "deleted"}
    listed: dict[str, set[str]] = {}

    def exists(experiment_id: str, scorer: str) -> bool:
        if experiment_id not in listed:
            data = client.call("GET", "/api/3.0/mlflow/scorers/list", params={"experiment_id": experiment_id})
            listed[experiment_id] = {entry["scorer_name"] for entry in data.get("scorers") or []}
        return scorer in listed[experiment_id]

    result = Names()
    for name in sorted(names):
        for border in (i for i, letter in enumerate(name) if letter == "/"):
            experiment, scorer = name[:border], name[border + 1 :]
            experiment_id = experiments.get(experiment, experiment if experiment in title else None)
            if experiment_id is not None and exists(experiment_id, scorer):
                result.add(name, f"{experiment_id}/{quote(scorer, safe='')}")
                if experiment_id in deleted:
                    result.dead[name] = _deleted(experiment)
                break
    for id_ in ids - set(result.labels):
        experiment_id, _sep, scorer = id_.partition("/")
        result.labels[id_] = f"{title.get(experiment_id, experiment_id)}/{unquote(scorer)}"
    return result


def _deleted(experiment: str) -> str:
    return f"experiment {experiment!r} is deleted; restore it first (mlflow_experiment, state: present)"


def unknown(kind: str, name: str) -> str:
    """The sentence for a resource that is not there."""
    what = kind.replace("_", " ")
    if kind == "experiment" and name.isdecimal():
        return f"there is no experiment with the name or id {name!r}; create it first, or correct resource"
    if kind == "scorer" and "/" not in name:
        return f"scorer {name!r} must be written <experiment name or id>/<scorer name>"
    return f"{what} {name!r} does not exist; create it first, or correct resource"

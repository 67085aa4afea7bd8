"""Where a run is killed: the table of fault points, and times that are drawn.

A point is the moment BEFORE the event that it names, or `delay` seconds after it. The events of a whole deployment, from
which a new point is chosen, are shown by: python -m tests.faults --events
"""

from __future__ import annotations

import random
from dataclasses import dataclass

# What a run finds, and so has to do. See Harness.prepare_*.
VIRGIN = "virgin"  # nothing is there
REINSTALL = "reinstall"  # data and passwords are there, programs and configuration are not
ENVIRONMENT = "environment"  # all runs, but MLflow's virtual environment was not finished
SETTING = "setting"  # all runs, and a setting of MLflow was changed in the inventory
ACCESS = "access"  # all runs, but users and grants were removed by hand
UPGRADE = "upgrade"  # the databases are those of an older MLflow, the server is stopped
TEARDOWN = "teardown"  # all runs; it is not deployed but removed, with the data kept


@dataclass(frozen=True)
class Point:
    name: str
    state: str
    module: str = ""
    kind: str = ""
    match: str = ""
    nth: int = 1
    delay: float = 0.0
    file: str = ""  # The delay begins once there is something in this file of the data.
    power: bool = False  # The services end together with the run, as if the power had failed.
    seconds: float = 0.0  # A random point instead: the run is killed so long after its start, whatever it does then.


def at(state: str, what: str, kind: str, match: str, **more) -> Point:
    """WHAT is 'module: when'."""
    return Point(f"{state}: {what}", state, what.split(":")[0], kind, match, **more)


POINTS = [
    at(VIRGIN, "secrets: before the first is written", "write", r"mlflow_"),
    at(VIRGIN, "secrets: written, before it has its name", "link", r"mlflow_", nth=2),
    at(VIRGIN, "secrets: named, before its temporary name goes", "remove", r"mlflow_"),
    at(VIRGIN, "secrets: between two of them", "write", r"mlflow_", nth=3),
    at(REINSTALL, "virtualenv: before MLflow's environment is created", "start", r" venv .*/mlflow/venvs/"),
    at(REINSTALL, "virtualenv: while MLflow's environment is created", "start", r" venv .*/mlflow/venvs/", delay=0.02),
    at(
        REINSTALL,
        "virtualenv: created, before packages are installed",
        "start",
        r" pip install .*/mlflow/venvs/.*mlflow\[",
    ),
    at(
        REINSTALL,
        "virtualenv: while packages are installed",
        "start",
        r" pip install .*/mlflow/venvs/.*mlflow\[",
        delay=0.6,
    ),
    at(REINSTALL, "virtualenv: installed, before it counts as complete", "write", r"/mlflow/venvs/.*/\.complete$"),
    at(
        REINSTALL,
        "virtualenv: while supervisor is installed",
        "start",
        r" pip install .*/supervisor/venv/.*supervisor==",
        delay=0.05,
    ),
    at(ENVIRONMENT, "virtualenv: before the unfinished one is removed", "rmtree", r"/mlflow/venvs/"),
    at(ENVIRONMENT, "virtualenv: while the unfinished one is removed", "remove", r"", nth=3000),
    at(SETTING, "config_files: before the marker is removed", "remove", r"/\.started$"),
    at(SETTING, "config_files: marker removed, before the first file", "write", r"/mlflow/\."),
    at(SETTING, "config_files: a file is written, before it takes its place", "rename", r"/mlflow/"),
    at(REINSTALL, "config_files: a folder is made, before it has its mode", "chmod", r"/mlflow/log$"),
    at(REINSTALL, "config_files: between the first and the second file", "write", r"/mlflow/\.secrets\."),
    at(REINSTALL, "config_files: before a file with secrets takes its place", "rename", r"/mlflow/secrets$"),
    at(REINSTALL, "config_files: before the last file takes its place", "rename", r"/conf\.d/mlflow\.conf$"),
    at(REINSTALL, "native_service: before supervisord is started", "start", r"supervisor\.supervisord "),
    at(REINSTALL, "native_service: right after supervisord was started", "start", r" status mlflow$"),
    at(SETTING, "native_service: before the server is stopped", "start", r" stop mlflow$"),
    at(SETTING, "native_service: while the server stops", "start", r" stop mlflow$", delay=0.5),
    at(SETTING, "native_service: stopped, before supervisord reads the files", "start", r" update$"),
    at(SETTING, "native_service: before the server is started", "start", r" start mlflow$"),
    at(SETTING, "native_service: while it waits for the server", "start", r" status mlflow$", nth=2),
    at(SETTING, "native_service: power fails while it waits", "start", r" status mlflow$", nth=2, power=True),
    at(SETTING, "native_service: healthy, before that is noted", "write", r"/\.started$"),
    *(
        at(
            VIRGIN,
            f"native_service: power fails while MLflow creates {file} ({delay} s)",
            *("start", r" status mlflow$"),
            delay=delay,
            file=f"mlflow/{file}",
            power=True,
        )
        for file, delays in (("mlflow.db", (0.1, 0.5, 1)), ("auth.db", (0.05, 0.3)))
        for delay in delays
    ),
    at(UPGRADE, "mlflow_database: before the copy", "database", r"/backups/"),
    at(UPGRADE, "mlflow_database: copied, before its upgrade", "start", r"db upgrade .*/mlflow\.db"),
    at(UPGRADE, "mlflow_database: while the copy is upgraded", "start", r"db upgrade .*/mlflow\.db", delay=3),
    at(UPGRADE, "mlflow_database: upgraded, before the swap", "rename", r"/mlflow\.db$"),
    at(UPGRADE, "mlflow_database: between the two databases", "start", r"db upgrade .*/auth\.db"),
    at(UPGRADE, "mlflow_database: while the users are upgraded", "start", r"db upgrade .*/auth\.db", delay=2),
    at(UPGRADE, "mlflow_database: users upgraded, before the swap", "rename", r"/auth\.db$"),
    at(UPGRADE, "mlflow_experiment: started, before users and permissions", "request", r"experiments/"),
    at(VIRGIN, "mlflow_experiment: between two experiments", "request", r"experiments/create", nth=2),
    at(VIRGIN, "mlflow_registered_model: before a model", "request", r"registered-models/create"),
    at(VIRGIN, "mlflow_access: between two users", "request", r"users/create", nth=2),
    at(ACCESS, "mlflow_access: a user is asked for, the answer unread", "request", r"users/create", delay=0.03),
    at(ACCESS, "mlflow_access: users created, before one is made admin", "request", r"users/update-admin"),
    at(ACCESS, "mlflow_access: between two grants", "request", r"permissions/grant", nth=2),
    at(ACCESS, "mlflow_access: power fails between two grants", "request", r"permissions/grant", nth=3, power=True),
    at(TEARDOWN, "native_service: before supervisord is shut down", "start", r" shutdown$"),
    at(TEARDOWN, "config_files: stopped, before files are removed", "remove", r"/conf\.d/mlflow\.conf$"),
    at(TEARDOWN, "config_files: while the programs are removed", "remove", r"", nth=3000),
]

# Those of every run of the tests: one for each kind of work that can be half done.
CHOSEN = [
    "setting: config_files: a file is written, before it takes its place",
    "setting: native_service: power fails while it waits",
    "access: mlflow_access: between two grants",
    "reinstall: virtualenv: while packages are installed",
    "upgrade: mlflow_database: upgraded, before the swap",
]

# While it is upgraded, and the server runs already.
BEFORE_ACCESS = "upgrade: mlflow_experiment: started, before users and permissions"

# How long a run takes in each state, about; the times that are drawn lie within.
SECONDS = {REINSTALL: 26, ENVIRONMENT: 24, SETTING: 24, ACCESS: 10, UPGRADE: 34, VIRGIN: 26, TEARDOWN: 7}


def drawn(count: int, seed: int) -> list[Point]:
    """COUNT points at random times; the same ones for the same SEED."""
    draw = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    points = []
    for _number in range(count):
        state = draw.choice(sorted(SECONDS))
        seconds, power = round(draw.uniform(1, SECONDS[state]), 1), draw.random() < 0.3
        what = "power fails" if power else "killed"
        points.append(Point(f"{state}: {what} {seconds} s after the start", state, power=power, seconds=seconds))
    return points


def select(count: int, seed: int) -> list[Point]:
    """COUNT points: the named ones in an order that SEED decides, then drawn ones.

    They are sorted by state, because it is cheaper, and new passwords come last: the old databases know the old ones.
    """
    named = list(POINTS)
    random.Random(seed).shuffle(named)  # noqa: S311 - see above
    chosen = named[:count] + drawn(max(0, count - len(named)), seed)
    return sorted(chosen, key=lambda point: list(SECONDS).index(point.state))


def named(name: str) -> Point:
    (found,) = (point for point in POINTS if point.name == name)
    return found


def chosen() -> list[Point]:
    return [named(name) for name in CHOSEN]

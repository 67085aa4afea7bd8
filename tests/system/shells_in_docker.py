"""`make shell` by an ordinary user in the group docker, whose stack runs in containers."""

from __future__ import annotations

import grp
import re

from support.terminal import talk


def look_around(laptop) -> None:
    """One command in each, and a shell on a terminal."""

    def said(service: str, command: str) -> str:
        words = ("make", "shell", "INVENTORY=local_docker", f"SERVICE={service}", f"COMMAND={command}")
        # What counts in this environment is meant for something else.
        return laptop.run(*words, DOCKER_HOST="unix:///nowhere", PGSERVICE="other", MLFLOW_TRACKING_TOKEN="x").ok().out

    assert re.search(
        r"^ +2$", said("postgres", "select count(*) from pg_database where datname like 'mlflow%'"), re.MULTILINE
    )
    assert re.search(r"^\[.* mlflow/$", said("minio", "mc ls stack"), re.MULTILINE)
    assert re.search(r"^\d+ +churn +mlflow-artifacts:/", said("mlflow", "mlflow experiments search"), re.MULTILINE)
    # Nothing was left in the folders of the data, which are the homes in the containers.
    data = laptop.home / ".local/share/mlops-stack"
    left = [path for path in data.rglob(".*") if path.name in (".mc", ".psql_history", ".bash_history", ".mlflow")]
    assert left == []

    groups = str(grp.getgrnam("docker").gr_gid)
    words = ["--reuid", str(laptop.uid), "--regid", str(laptop.uid), "--groups", groups, "make", "shell"]
    words = ["setpriv", *words, "INVENTORY=local_docker", "SERVICE=mlflow"]
    by_admin = f"http://mlops-stack-mlflow:{laptop.ports['mlflow_port']} by admin"
    dialogue = [
        (
            "as admin: python and mlflow are those of the server",
            "echo $MLFLOW_TRACKING_URI by $MLFLOW_TRACKING_USERNAME",
        ),
        (by_admin, "exit 3"),
    ]
    assert talk(words, dialogue, laptop.clone, laptop.env) == 0

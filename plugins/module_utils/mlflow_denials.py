# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is kept out of what (NO_PERMISSIONS) in the databases of an MLflow before 3.13, with names in the place of ids."""

from __future__ import annotations

from urllib.parse import unquote

# Table of the auth database -> what is declared of its rows, and the column with the id.
_TABLES = {
    "experiment_permissions": ("experiment", "experiment_id"),
    "registered_model_permissions": ("registered_model", "name"),
    "scorer_permissions": ("scorer", "experiment_id, scorer_name"),
    "gateway_secret_permissions": ("gateway_secret", "secret_id"),
    "gateway_endpoint_permissions": ("gateway_endpoint", "endpoint_id"),
    "gateway_model_definition_permissions": ("gateway_model_definition", "model_definition_id"),
}
# What is declared -> table and columns of the tracking database that have its name.
_NAMES = {
    "experiment": ("experiments", "experiment_id, name"),
    "registered_model": ("registered_models", "name, name"),
    "gateway_secret": ("secrets", "secret_id, secret_name"),
    "gateway_endpoint": ("endpoints", "endpoint_id, name"),
    "gateway_model_definition": ("model_definitions", "model_definition_id, name"),
}


def find_denials(auth, tracking):
    """[{user, resource_type, resource, id}], sorted; of admins and of what is gone there is none.

    :arg auth, tracking: databases with `select({table: query})`, which returns the rows of the tables that exist.
    :raises DatabaseError: one of them can't be read.
    """
    rows = auth.select(
        {
            table: f"select username, {columns} from {table} join users on users.id = user_id"  # noqa: S608 - our constants
            " where permission = 'NO_PERMISSIONS' and (is_admin is null or not is_admin)"
            for table, (_kind, columns) in _TABLES.items()
        }
    )
    if not any(rows.values()):
        return []
    names = _names(tracking)
    found = []
    for table, (kind, _columns) in _TABLES.items():
        for user, id_, *part in rows.get(table, ()):
            known = names.get("experiment" if part else kind)
            if known is None or str(id_) in known:  # Nobody is let in to what is gone, or to "*", which meant nothing.
                name = (known or {}).get(str(id_)) or str(id_)
                ids = [str(id_), *part]
                found.append(
                    {
                        "user": user,
                        "resource_type": kind,
                        "resource": "/".join([name, *map(unquote, part)]),
                        "id": "/".join(ids),
                    }
                )
    return sorted(found, key=lambda row: (row["user"], row["resource_type"], row["resource"]))


def _names(tracking):
    """What is declared -> {id: name}; without what the database has no table for."""
    rows = tracking.select(
        {
            table: f"select {columns} from {table}"  # noqa: S608 - our constants
            for table, columns in _NAMES.values()
        }
    )
    return {
        kind: {str(id_): name for id_, name in rows[table]}
        for kind, (table, _columns) in _NAMES.items()
        if table in rows
    }


def in_words(rows, limit=10):
    """Who is kept out of what: the first ones by name, the rest as a number."""
    named = [f"{row['user']} ({row['resource_type']} {row['resource']})" for row in rows[:limit]]
    return ", ".join(named) + (f" and {len(rows) - limit} more" if len(rows) > limit else "")


def warning_of_denials(found):
    """One sentence; '' where there is nothing to lose."""
    if not found:
        return ""
    return (
        f"MLflow's upgrade drops these denials (NO_PERMISSIONS): {in_words(found)}. Afterwards mlflow_default_permission counts "
        "there: set that to NO_PERMISSIONS, or declare the permission DENY, which MLflow 3.17 and newer have."
    )

"""Print the routes of MLflow with basic-auth as JSON: [method, path]. Run by the interpreter that has this MLflow."""

import json
import logging
import os
import sys
import warnings


def fastapi_routes(routes, prefix=""):
    """Newer versions of FastAPI keep an included router as one entry, older ones copy its routes."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from fastapi_routes(included.routes, prefix + route.include_context.prefix)
        elif getattr(route, "methods", None):
            yield route.methods, prefix + route.path


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    os.environ["_MLFLOW_SGI_NAME"] = "uvicorn"  # otherwise create_app() is the Flask application alone
    from mlflow.server import app as flask_app
    from mlflow.server import auth

    application = auth.create_app()
    found = [(rule.methods, rule.rule) for rule in flask_app.url_map.iter_rules()]
    found += fastapi_routes(application.routes)
    rows = {(method, path) for methods, path in found for method in methods - {"HEAD", "OPTIONS"}}
    json.dump(sorted(rows), sys.stdout)


if __name__ == "__main__":
    main()

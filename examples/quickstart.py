"""The first run on a tracking server: log parameters, metrics and a file, then find the run again.

    pip install mlflow
    export MLFLOW_TRACKING_URI=http://127.0.0.1:5000
    export MLFLOW_TRACKING_USERNAME=bob
    export MLFLOW_TRACKING_PASSWORD=...
    python quickstart.py --experiment churn

Server and login come from the environment (or from ~/.mlflow/credentials), so that no password is in the program.
"""

import argparse
import os

import mlflow


def main():
    parser = argparse.ArgumentParser(description="Log a run to an MLflow server and find it again.")
    parser.add_argument("--experiment", default=os.environ.get("MLFLOW_EXPERIMENT_NAME", "quickstart"))
    args = parser.parse_args()

    # Finds the experiment, or creates it. Who creates one may do everything with it.
    experiment = mlflow.set_experiment(args.experiment)

    with mlflow.start_run(run_name="quickstart") as run:
        mlflow.set_tag("example", "quickstart")
        mlflow.log_params({"learning_rate": 0.1, "epochs": 5})
        loss = 1.0
        for epoch in range(5):
            loss *= 0.7
            mlflow.log_metric("loss", loss, step=epoch)
        mlflow.log_text("It went down at every step.\n", "notes.txt")

    # What was logged can be asked for from any machine: here, the latest good runs.
    found = mlflow.search_runs(
        [experiment.experiment_id],
        filter_string="metrics.loss < 0.5 AND tags.example = 'quickstart'",
        order_by=["attributes.start_time DESC"],
        max_results=10,
    )
    print(found[["run_id", "params.learning_rate", "metrics.loss"]].to_string(index=False))
    assert run.info.run_id in set(found["run_id"]), "the run that was just logged is not found"

    notes = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes.txt")
    print(f"notes.txt says: {notes.strip()}")
    print(f"{mlflow.get_tracking_uri()}/#/experiments/{experiment.experiment_id}/runs/{run.info.run_id}")


if __name__ == "__main__":
    main()

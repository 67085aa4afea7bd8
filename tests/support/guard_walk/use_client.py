"""Work as a user does with MLflow's own client, in the interpreter of the version. It fails where something is refused."""

import filecmp
import os
import sys
import time

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

NAME = sys.argv[1]


def runs(client: MlflowClient, experiment: str) -> str:
    mlflow.set_experiment(experiment_id=experiment)
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_params({"a": 1, "b": "x"})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metrics({"loss": 0.25, "other": 1.0}, step=2)
        mlflow.set_tag("key", "value")
        mlflow.log_text("text", "notes/hello.txt")
        mlflow.log_dict({"a": [1]}, "data.json")
        with open("large", "wb") as stream:
            stream.write(os.urandom(1_000_000) * 100)
        mlflow.log_artifact("large")
    id_ = run.info.run_id
    now = int(time.time() * 1000)
    client.log_batch(id_, [Metric("loss", 0.1, now, 3)], [Param("c", "y")], [RunTag("t", "u")])
    client.delete_tag(id_, "t")
    assert [each.value for each in client.get_metric_history(id_, "loss")] == [0.5, 0.25, 0.1]
    assert {each.path for each in client.list_artifacts(id_)} == {"notes", "data.json", "large"}
    os.mkdir("downloads")
    assert filecmp.cmp("large", client.download_artifacts(id_, "large", "downloads"), shallow=False)
    with open(client.download_artifacts(id_, "notes/hello.txt")) as stream:
        assert stream.read() == "text"
    assert [each.info.run_id for each in client.search_runs([experiment], "params.a = '1'")] == [id_]
    client.update_run(id_, name="renamed")
    client.delete_run(id_)
    client.restore_run(id_)
    client.set_terminated(id_)
    return id_


def models(client: MlflowClient, experiment: str, run: str) -> None:
    logged = client.create_logged_model(experiment, name="logged", source_run_id=run, params={"p": "1"})
    client.set_logged_model_tags(logged.model_id, {"k": "v"})
    client.finalize_logged_model(logged.model_id, "READY")
    assert client.search_logged_models([experiment])
    client.delete_logged_model_tag(logged.model_id, "k")
    client.create_registered_model(NAME, tags={"k": "v"}, description="about")
    version = client.create_model_version(NAME, f"runs:/{run}/notes", run_id=run, tags={"k": "v"}).version
    client.set_registered_model_alias(NAME, "best", version)
    assert client.get_model_version_by_alias(NAME, "best").run_id == run
    client.update_model_version(NAME, version, "about")
    client.set_model_version_tag(NAME, version, "k", "w")
    client.delete_model_version_tag(NAME, version, "k")
    assert client.search_model_versions(f"name = '{NAME}'")
    client.delete_registered_model_alias(NAME, "best")
    client.rename_registered_model(NAME, f"{NAME}-renamed")
    client.delete_model_version(f"{NAME}-renamed", version)
    client.delete_registered_model(f"{NAME}-renamed")
    client.delete_logged_model(logged.model_id)


def genai(client: MlflowClient, experiment: str, run: str) -> None:
    mlflow.genai.register_prompt(f"{NAME}-prompt", "Hello {{name}}", tags={"k": "v"})
    mlflow.genai.set_prompt_alias(f"{NAME}-prompt", "live", 1)
    assert mlflow.genai.load_prompt(f"prompts:/{NAME}-prompt@live").template == "Hello {{name}}"

    @mlflow.trace
    def answer(question: str) -> str:
        mlflow.update_current_trace(tags={"k": "v"})
        return question.upper()

    answer("what?")
    mlflow.flush_trace_async_logging()
    trace = mlflow.get_last_active_trace_id()
    client.set_trace_tag(trace, "key", "value")
    client.delete_trace_tag(trace, "key")
    mlflow.log_feedback(trace_id=trace, name="quality", value={"experiment_id": "03", "a_b": 1})
    mlflow.log_expectation(trace_id=trace, name="expected", value="WHAT?")
    client.link_traces_to_run([trace], run)
    assert client.get_trace(trace).data.spans[0].name == "answer"
    assert [each.info.trace_id for each in client.search_traces([experiment])] == [trace]
    dataset = mlflow.genai.datasets.create_dataset(f"{NAME}-data", experiment_id=experiment, tags={"k": "v"})
    dataset.merge_records([{"inputs": {"question": "what?"}, "expectations": {"answer": "WHAT?"}}])
    assert len(dataset.to_df()) == 1
    mlflow.genai.datasets.delete_dataset(dataset_id=dataset.dataset_id)
    client.delete_traces(experiment, trace_ids=[trace])


def main() -> None:
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiment = client.create_experiment(NAME, tags={"k": "v"})
    client.set_experiment_tag(experiment, "k", "w")
    assert client.get_experiment_by_name(NAME).experiment_id == experiment
    assert client.search_experiments(filter_string=f"name = '{NAME}'")
    run = runs(client, experiment)
    models(client, experiment, run)
    genai(client, experiment, run)
    client.rename_experiment(experiment, f"{NAME}-renamed")
    client.delete_experiment(experiment)
    client.restore_experiment(experiment)
    client.delete_experiment(experiment)


if __name__ == "__main__":
    main()

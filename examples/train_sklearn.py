"""Train a model, log it with its signature, register it as a version, load that version back and use it.

    pip install mlflow
    export MLFLOW_TRACKING_URI=http://127.0.0.1:5000
    export MLFLOW_TRACKING_USERNAME=bob
    export MLFLOW_TRACKING_PASSWORD=...
    python train_sklearn.py --experiment churn --model churn-classifier

The data set comes with scikit-learn: nothing is downloaded. Server and login come from the environment (or from
~/.mlflow/credentials), so that no password is in the program.
"""

import argparse
import os

import mlflow
import sklearn
from mlflow.models import infer_signature
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main():
    parser = argparse.ArgumentParser(description="Train, log, register and use a model.")
    parser.add_argument("--experiment", default=os.environ.get("MLFLOW_EXPERIMENT_NAME", "quickstart"))
    parser.add_argument("--model", help="register a version of this model; without it the model stays with its run")
    args = parser.parse_args()

    inputs, target = load_breast_cancer(return_X_y=True, as_frame=True)
    train_x, test_x, train_y, test_y = train_test_split(inputs, target, test_size=0.25, random_state=7)
    params = {"C": 0.5, "max_iter": 500}

    mlflow.set_experiment(args.experiment)
    with mlflow.start_run(run_name="train_sklearn"):
        model = make_pipeline(StandardScaler(), LogisticRegression(**params)).fit(train_x, train_y)
        predicted = model.predict(test_x)
        mlflow.log_params(params)
        mlflow.log_metrics(
            {
                "accuracy": accuracy_score(test_y, predicted),
                "roc_auc": roc_auc_score(test_y, model.predict_proba(test_x)[:, 1]),
            }
        )
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            # What goes in and what comes out: a later caller with a wrong column is told so.
            signature=infer_signature(test_x, predicted),
            # Said rather than found out, which takes MLflow many seconds.
            pip_requirements=[f"scikit-learn=={sklearn.__version__}"],
        )

    uri = logged.model_uri
    if args.model:
        version = mlflow.register_model(uri, args.model).version
        uri = f"models:/{args.model}/{version}"

    # As a service would do it, elsewhere and later: it needs the name and the version only.
    loaded = mlflow.pyfunc.load_model(uri)
    again = loaded.predict(test_x)
    assert list(again) == list(predicted), "the model that was loaded back predicts something else"
    print(f"{uri} predicts {accuracy_score(test_y, again):.1%} of {len(test_x)} cases right")


if __name__ == "__main__":
    main()

"""Registers models in an MLflow server, as whoever trains them does. Arguments: its address, and files of models.

Prints the version and the names of the files of each.
"""

import sys

import mlflow
import mlflow.onnx
import onnx

address, *paths = sys.argv[1:]
mlflow.set_tracking_uri(address)
client = mlflow.MlflowClient()
for path in paths:
    with mlflow.start_run():
        # By default weights go to a file beside the model.
        info = mlflow.onnx.log_model(onnx.load(path), name="model", registered_model_name="iris")
    version = info.registered_model_version
    client.set_registered_model_alias("iris", "champion", version)
    listed = mlflow.artifacts.list_artifacts(artifact_uri=info.model_uri)
    print(version, " ".join(sorted(file.path.split("/")[-1] for file in listed)))

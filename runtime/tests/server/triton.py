"""Triton's own client against the server. Arguments: the addresses of HTTP and of gRPC, the model's name."""

import sys

import numpy
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

http_address, grpc_address, model = sys.argv[1:]
rows = numpy.array([[1, 2], [3, -2]], numpy.float32)

for kind, address in [(tritonclient.http, http_address), (tritonclient.grpc, grpc_address)]:
    client = kind.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(model)
    assert client.get_server_metadata() is not None
    metadata = client.get_model_metadata(model)
    if kind is tritonclient.http:
        assert metadata["inputs"] == [{"name": "X", "datatype": "FP32", "shape": [-1, 2]}], metadata
    else:
        assert metadata.inputs[0].name == "X" and list(metadata.inputs[0].shape) == [-1, 2], metadata
    answers = []
    ways = [{}] if kind is tritonclient.grpc else [{"binary_data": True}, {"binary_data": False}]
    for way in ways:
        tensor = kind.InferInput("X", rows.shape, "FP32")
        tensor.set_data_from_numpy(rows, **way)
        for outputs in [None, [kind.InferRequestedOutput(name, **way) for name in ("scores", "label")]]:
            result = client.infer(model, [tensor], request_id="mine", outputs=outputs)
            answers.append((result.as_numpy("label").tolist(), result.as_numpy("scores")))
            response = result.get_response()
            assert (response["id"] if kind is tritonclient.http else response.id) == "mine"
    for labels, scores in answers:
        assert labels == [2, 0], labels
        assert scores.shape == (2, 3) and numpy.allclose(scores.sum(axis=1), 1), scores
    wrong = kind.InferInput("X", [1, 3], "FP32")
    wrong.set_data_from_numpy(numpy.zeros((1, 3), numpy.float32))
    try:
        client.infer(model, [wrong])
        sys.exit("a wrong shape was taken")
    except InferenceServerException as error:
        assert "inputs[0].shape is [1,3], and the model takes [-1,2]" in str(error), error
    client.close()
print("agreed")

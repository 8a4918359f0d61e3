"""MLServer's own clients against the server. Arguments: the addresses of HTTP and of gRPC, the model's name."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request

import grpc
import numpy
from mlserver.codecs import NumpyCodec, NumpyRequestCodec
from mlserver.grpc import converters, dataplane_pb2, dataplane_pb2_grpc
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse, MetadataServerResponse

http_address, grpc_address, model = sys.argv[1:]
rows = numpy.array([[1, 2], [3, -2]], numpy.float32)
request = InferenceRequest(id="mine", inputs=[NumpyCodec.encode_input("X", rows)])


def agrees(response):
    assert response.id == "mine" and response.model_name == model, response
    outputs = {output.name: NumpyCodec.decode_output(output) for output in response.outputs}
    assert outputs["label"].ravel().tolist() == [2, 0], outputs
    assert outputs["scores"].shape == (2, 3) and numpy.allclose(outputs["scores"].sum(axis=1), 1), outputs


def ask(path, body=None):
    request = urllib.request.Request(f"http://{http_address}{path}", body, {"content-type": "application/json"})
    return json.loads(urllib.request.urlopen(request, timeout=30).read())


MetadataServerResponse(**ask("/v2"))
metadata = MetadataModelResponse(**ask(f"/v2/models/{model}"))
assert [tensor.name for tensor in metadata.inputs] == ["X"], metadata
body = request.model_dump_json(exclude_none=True).encode()
agrees(InferenceResponse(**ask(f"/v2/models/{model}/infer", body)))

with grpc.insecure_channel(grpc_address) as channel:
    stub = dataplane_pb2_grpc.GRPCInferenceServiceStub(channel)
    assert stub.ServerReady(dataplane_pb2.ServerReadyRequest()).ready
    assert stub.ModelReady(dataplane_pb2.ModelReadyRequest(name=model)).ready
    message = converters.ModelInferRequestConverter.from_types(request, model_name=model, model_version=None)
    agrees(converters.ModelInferResponseConverter.to_types(stub.ModelInfer(message)))

# `mlserver infer` sends a file of requests, one a line.
with tempfile.TemporaryDirectory() as folder:
    given, got = os.path.join(folder, "in"), os.path.join(folder, "out")
    with open(given, "w") as file:
        for _ in range(5):
            file.write(request.model_dump_json(exclude_none=True) + "\n")
    infer = ["-u", http_address, "-m", model, "-i", given, "-o", got, "--transport", "rest"]
    run = [sys.executable, "-c", "from mlserver.cli import main; main()", "infer", *infer]
    outcome = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert outcome.returncode == 0, outcome.stderr
    with open(got) as file:
        lines = [InferenceResponse(**json.loads(line)) for line in file]
    assert len(lines) == 5, lines
    for line in lines:
        agrees(line.model_copy(update={"id": "mine"}))
print("agreed")

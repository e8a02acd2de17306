"""The clients that the Open Inference Protocol's own descriptions are made into, over gRPC and REST."""
# requires: open-inference-openapi==2.0.0.1 open-inference-grpc==2.0.0 protobuf==4.25.8

import os
import sys

sys.path.pop(0)  # this directory, where a script is called like the package

import grpc
from open_inference.grpc.protocol import (
    ModelInferRequest,
    ModelMetadataRequest,
    ModelReadyRequest,
    ServerLiveRequest,
    ServerMetadataRequest,
    ServerReadyRequest,
)
from open_inference.grpc.service import GRPCInferenceServiceStub
from open_inference.openapi.client import InferenceRequest, OpenInferenceClient

A = [0.0, 1.0, 2.0, 3.0]
B = [1.0, 1.0, 1.0, 1.0]
SUM = [1.0, 2.0, 3.0, 4.0]

with grpc.insecure_channel(os.environ["MODELD_GRPC"]) as channel:
    client = GRPCInferenceServiceStub(channel)
    assert client.ServerLive(ServerLiveRequest()).live
    assert client.ServerReady(ServerReadyRequest()).ready
    assert client.ModelReady(ModelReadyRequest(name="add")).ready
    assert client.ServerMetadata(ServerMetadataRequest()).name == "modeld"
    metadata = client.ModelMetadata(ModelMetadataRequest(name="add"))
    first = metadata.inputs[0]
    assert (first.name, first.datatype, list(first.shape)) == ("a", "FP32", [-1, 4])
    inputs = [
        {"name": name, "datatype": "FP32", "shape": [1, 4], "contents": {"fp32_contents": values}}
        for name, values in (("a", A), ("b", B))
    ]
    answer = client.ModelInfer(ModelInferRequest(model_name="add", id="one", inputs=inputs))
    assert answer.id == "one"
    assert {one.name: list(one.contents.fp32_contents) for one in answer.outputs}["sum"] == SUM

client = OpenInferenceClient(base_url=f"http://{os.environ['MODELD_HTTP']}")
client.check_server_liveness()
client.check_server_readiness()
client.check_model_readiness("add")
assert client.read_server_metadata().name == "modeld"
assert client.read_model_metadata("add").name == "add"
inputs = [
    {"name": name, "datatype": "FP32", "shape": [1, 4], "data": values}
    for name, values in (("a", A), ("b", B))
]
answer = client.model_infer("add", request=InferenceRequest(inputs=inputs))
outputs = {one.name: one.data for one in answer.outputs}
data = outputs["sum"]
assert list(getattr(data, "__root__", getattr(data, "root", data))) == SUM, data

"""The same random requests by every protocol have the same answers, to the bit, and the same errors.

By modeld.v1, and by the Open Inference Protocol over gRPC, and over HTTP with binary data and with JSON.
"""

from __future__ import annotations

import http.client
import importlib
import json
import queue
import random
import signal
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from daemon_process import DaemonProcess, wait_live

from modeld_client._proto import model_service_pb2

ROOT = Path(__file__).resolve().parents[2]
SIZES = {
    "BOOL": 1,
    "INT8": 1,
    "INT16": 2,
    "INT32": 4,
    "INT64": 8,
    "UINT8": 1,
    "FP16": 2,
    "BF16": 2,
    "FP32": 4,
    "FP64": 8,
}
FORMATS = {
    "BOOL": "?",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "FP32": "f",
    "FP64": "d",
}
ROUNDS = 400


@dataclass
class Request:
    model: str = "m"
    version: str = ""
    inputs: list[tuple[str, str, list[int], bytes]] = field(default_factory=list)


@dataclass
class Answer:
    code: str
    message: str = ""
    outputs: list[tuple[str, list[int], bytes]] = field(default_factory=list)


@pytest.fixture(scope="module")
def oip(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The messages of the Open Inference Protocol."""
    from grpc_tools import protoc

    made = tmp_path_factory.mktemp("oip")
    files = [str(path) for path in (ROOT / "proto/inference").glob("*.proto")]
    assert protoc.main(["protoc", f"-I{ROOT / 'proto'}", f"--python_out={made}", *files]) == 0
    sys.path.insert(0, str(made))
    return importlib.import_module("inference.grpc_service_pb2")


class Callers:
    def __init__(self, daemon: DaemonProcess, oip: Any) -> None:
        self._oip = oip
        self._channel = grpc.insecure_channel(daemon.address)
        self._http = http.client.HTTPConnection(daemon.http_address, timeout=30)
        self._predict = self._channel.unary_unary(
            "/modeld.v1.ModelService/Predict",
            request_serializer=model_service_pb2.PredictRequest.SerializeToString,
            response_deserializer=model_service_pb2.PredictResponse.FromString,
        )
        self._infer = self._channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=oip.ModelInferRequest.SerializeToString,
            response_deserializer=oip.ModelInferResponse.FromString,
        )

    def own(self, request: Request) -> Answer:
        message = model_service_pb2.PredictRequest(model=request.model)
        if request.version:
            message.version = request.version
        for name, dtype, shape, raw in request.inputs:
            tensor = message.inputs[name].tensor
            tensor.dtype, tensor.raw = dtype, raw
            tensor.shape.extend(shape)
        try:
            answer = self._predict(message, timeout=30)
        except grpc.RpcError as error:
            return Answer(error.code().name, error.details())
        tensors = [value.tensor for _, value in sorted(answer.outputs.items())]
        return Answer("OK", outputs=[(each.dtype, list(each.shape), each.raw) for each in tensors])

    def grpc(self, request: Request) -> Answer:
        message = self._oip.ModelInferRequest(model_name=request.model, model_version=request.version)
        for name, dtype, shape, raw in request.inputs:
            message.inputs.add(name=name, datatype=dtype, shape=shape)
            message.raw_input_contents.append(raw)
        try:
            answer = self._infer(message, timeout=30)
        except grpc.RpcError as error:
            return Answer(error.code().name, error.details())
        outputs = zip(answer.outputs, answer.raw_output_contents, strict=True)
        return Answer("OK", outputs=[(each.datatype, list(each.shape), raw) for each, raw in outputs])

    def _post(self, request: Request, body: bytes, headers: dict[str, str]) -> tuple[int, Any, bytes]:
        version = f"/versions/{request.version}" if request.version else ""
        self._http.request("POST", f"/v2/models/{request.model}{version}/infer", body, headers)
        answer = self._http.getresponse()
        content = answer.read()
        length = int(answer.headers.get("Inference-Header-Content-Length", len(content)))
        return answer.status, json.loads(content[:length]), content[length:]

    def binary(self, request: Request) -> Answer:
        inputs = [
            {"name": name, "datatype": dtype, "shape": shape, "parameters": {"binary_data_size": len(raw)}}
            for name, dtype, shape, raw in request.inputs
        ]
        text = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
        body = text + b"".join(raw for *_, raw in request.inputs)
        status, answer, rest = self._post(request, body, {"Inference-Header-Content-Length": str(len(text))})
        if status != 200:
            return Answer(answer["code"], answer["error"])
        outputs = []
        for output in answer["outputs"]:
            size = output["parameters"]["binary_data_size"]
            outputs.append((output["datatype"], output["shape"], rest[:size]))
            rest = rest[size:]
        return Answer("OK", outputs=outputs)

    def json(self, request: Request) -> Answer:
        inputs = [
            {"name": name, "datatype": dtype, "shape": shape, "data": elements(dtype, raw)}
            for name, dtype, shape, raw in request.inputs
        ]
        status, answer, _ = self._post(request, json.dumps({"inputs": inputs}).encode(), {})
        if status != 200:
            return Answer(answer["code"], answer["error"])
        return Answer(
            "OK",
            outputs=[
                (
                    output["datatype"],
                    output["shape"],
                    struct.pack(f"<{len(output['data'])}{FORMATS[output['datatype']]}", *output["data"]),
                )
                for output in answer["outputs"]
            ],
        )


def elements(dtype: str, raw: bytes) -> list[Any]:
    return list(struct.unpack(f"<{len(raw) // SIZES[dtype]}{FORMATS[dtype]}", raw))


def has_json(request: Request) -> bool:
    """Whether its elements can be written as JSON: whole ones, of a known dtype, finite, in the shape."""
    for _, dtype, shape, raw in request.inputs:
        count = 1
        for size in shape:
            count *= size
        if dtype not in FORMATS or len(raw) != count * SIZES[dtype]:
            return False
        if any(each != each or abs(each) == float("inf") for each in elements(dtype, raw)):
            return False
    return True


def random_request(rng: random.Random) -> Request:
    dtype = rng.choice(list(SIZES))
    shape = [rng.randint(0, 4) for _ in range(rng.randint(0, 3))]
    count = 1
    for size in shape:
        count *= size
    raw = (
        bytes(rng.randint(0, 1) for _ in range(count))
        if dtype == "BOOL"
        else rng.randbytes(count * SIZES[dtype])
    )
    request = Request(inputs=[("x", dtype, shape, raw)])
    fault = rng.randint(0, 15)
    if fault == 0:
        request.model = rng.choice(["n", "mm", "M"])
    elif fault == 1:
        request.version = rng.choice(["1.0", "2.0", "x"])
    elif fault == 2:
        request.inputs[0] = ("y", dtype, shape, raw)
    elif fault == 3:
        request.inputs[0] = ("x", rng.choice(["FP8", "fp32", "TENSOR"]), shape, raw)
    elif fault == 4:
        request.inputs[0] = ("x", dtype, [*shape, rng.choice([-1, 2, 1 << 62])], raw)
    elif fault == 5:
        request.inputs[0] = ("x", dtype, shape, raw + b"\x00")
    elif fault == 6:
        request.inputs = []
    elif fault == 7:
        request.inputs.append(("fail", "BOOL", [1], b"\x01"))
    elif fault == 8:
        request.inputs.append(("fail", "FP32", [2], bytes(8)))
    elif fault == 9:
        request.inputs[0] = ("x", "BYTES", [1], b"\x02\x00\x00\x00ab")
    return request


@pytest.fixture(scope="module")
def callers(shared_daemons: Any, shared_artifacts: Any, oip: Any) -> Iterator[Callers]:
    daemon = shared_daemons.start()
    with daemon.client() as client:
        daemon.move_in(shared_artifacts.save("raising", {"name": "m", "version": "1.0"}))
        wait_live(client, "m", "1.0")
    return Callers(daemon, oip)


def test_random_requests_have_the_same_answers(callers: Callers) -> None:
    rng = random.Random(20260)
    by_code: dict[str, int] = {}
    by_json = 0
    for _ in range(ROUNDS):
        request = random_request(rng)
        own, rpc, binary = callers.own(request), callers.grpc(request), callers.binary(request)
        assert binary == rpc, request
        assert (own.code, own.outputs) == (rpc.code, rpc.outputs), request
        if has_json(request):
            by_json += 1
            assert callers.json(request) == rpc, request
        by_code[rpc.code] = by_code.get(rpc.code, 0) + 1
    # The rounds were about something.
    assert by_json > ROUNDS / 4
    assert {"OK", "NOT_FOUND", "INVALID_ARGUMENT", "INTERNAL"} <= by_code.keys(), by_code


def test_what_a_stream_has_read_is_answered_at_a_stop(daemons: Any, artifacts: Any, oip: Any) -> None:
    """Streams of the Open Inference Protocol were cancelled there, with the requests that they had read."""
    daemon = daemons.start("--instances=1", "--probe=false")
    with daemon.client() as client:
        daemon.move_in(artifacts.save("slow", {"name": "s", "version": "1.0"}))
        wait_live(client, "s", "1.0")
    requests: queue.Queue[Any] = queue.Queue()
    rounds = np.array([20_000], np.int64)
    for number in range(4):
        message = oip.ModelInferRequest(model_name="s", id=str(number), raw_input_contents=[rounds.tobytes()])
        message.inputs.add(name="rounds", datatype="INT64", shape=[1])
        requests.put(message)
    with grpc.insecure_channel(daemon.address) as channel:
        answers = channel.stream_stream(
            "/inference.GRPCInferenceService/ModelStreamInfer",
            request_serializer=oip.ModelInferRequest.SerializeToString,
            response_deserializer=oip.ModelStreamInferResponse.FromString,
        )(iter(requests.get, None), timeout=60)
        ids = [next(answers).infer_response.id]
        daemon.signal(signal.SIGTERM)
        code = None
        try:
            for answer in answers:
                assert not answer.error_message, answer.error_message
                ids.append(answer.infer_response.id)
        except grpc.RpcError as error:
            code = error.code()
        requests.put(None)
    assert daemon.wait() == 0
    assert ids == [str(number) for number in range(len(ids))]
    assert code == grpc.StatusCode.UNAVAILABLE

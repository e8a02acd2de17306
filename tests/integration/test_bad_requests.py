"""Requests that are off: refused with a message that names the input, and the daemon keeps serving."""

import time

import grpc
import numpy as np
import pytest
from daemon_process import wait_live

from modeld_client import (
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
    ModeldError,
    ResourceExhaustedError,
    _rpc,
)
from modeld_client._proto import model_service_pb2 as pb
from modeld_client._proto import value_pb2

INPUTS = [{"name": "x", "dtype": "FP32", "shape": [-1, 3]}]
GOOD = {"x": np.zeros((2, 3), np.float32)}
LIMIT = 1 << 20


@pytest.fixture(scope="module")
def daemon(shared_daemons, shared_artifacts):
    daemon = shared_daemons.start(f"--max-message-bytes={LIMIT}")
    daemon.move_in(shared_artifacts.save("raising", {"name": "m", "version": "1", "inputs": INPUTS}))
    daemon.move_in(shared_artifacts.save("slow", {"name": "slow", "version": "1"}))
    with daemon.client() as client:
        wait_live(client, "m", "1")
        wait_live(client, "slow", "1")
    return daemon


@pytest.fixture
def client(daemon):
    """Fails the test if the daemon does not serve on after it."""
    with daemon.client() as client:
        yield client
        assert client.predict("m", GOOD).version == "1"


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"x": np.zeros((2, 3), np.float64)}, ["x", "FP64", "FP32"]),
        ({"x": np.zeros((2, 3), np.int64)}, ["x", "INT64", "FP32"]),
        ({"x": np.zeros(3, np.float32)}, ["x", "[3]", "[-1,3]"]),
        ({"x": np.zeros((2, 4), np.float32)}, ["x", "[2,4]", "[-1,3]"]),
        ({}, ["x", "missing"]),
        ({**GOOD, "y": 1}, ["y", "unknown"]),
        ({"X": GOOD["x"]}, ["X", "x"]),
        ({"x": "text"}, ["x", "Tensor"]),
        ({"x": None}, ["x", "Tensor"]),
        ({**GOOD, "fail": "yes"}, ["fail", "bool"]),
    ],
    ids=["dtype", "integers", "rank", "shape", "missing", "unknown", "near miss", "string", "None", "scalar"],
)
def test_inputs_that_do_not_fit_are_named(client, inputs, words):
    with pytest.raises(InvalidArgumentError) as caught:
        client.predict("m", inputs)
    for word in words:
        assert word in caught.value.message


def predict_raw(daemon, value: value_pb2.Value) -> None:
    """Sends a value that the client's own code would not make."""
    with grpc.insecure_channel(daemon.address) as channel:
        _rpc.PREDICT.stub(channel)(pb.PredictRequest(model="m", inputs={"x": value}), timeout=10)


def tensor(**fields) -> value_pb2.Value:
    return value_pb2.Value(tensor=value_pb2.Tensor(**fields))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (tensor(dtype="FP32", shape=[2, 3], raw=b"\0" * 23), ["23", "24"]),
        (tensor(dtype="FP32", shape=[2, 3]), ["24"]),
        (tensor(dtype="FP32", shape=[1 << 62, 1 << 62], raw=b"\0" * 24), ["overflow"]),
        (tensor(dtype="FP32", shape=[1 << 32, 1 << 32, 0]), ["x"]),
        (tensor(dtype="FP32", shape=[-1, 3], raw=b"\0" * 24), ["-1"]),
        (tensor(dtype="FP31", shape=[2, 3], raw=b"\0" * 24), ["FP31"]),
        (tensor(shape=[2, 3], raw=b"\0" * 24), ["dtype"]),
        (tensor(dtype="FP32", shape=[2, 3], float_values=[1.0] * 5), ["5", "6"]),
        (tensor(dtype="FP32", shape=[1, 3], raw=b"\0" * 12, float_values=[1.0] * 3), ["raw"]),
        (tensor(dtype="FP32", shape=[1, 3], int_values=[1, 2, 3]), ["int_values"]),
        (tensor(dtype="INT8", shape=[1], int_values=[300]), ["300", "INT8"]),
        (tensor(dtype="BOOL", shape=[1], raw=b"\2"), ["2"]),
        (tensor(dtype="BYTES", shape=[1], raw=b"\xff\xff\xff\xffa"), ["4294967295"]),
        (value_pb2.Value(), ["none"]),
    ],
    ids=[
        "byte length",
        "no elements",
        "overflow",
        "overflow hidden by 0",
        "negative",
        "unknown dtype",
        "no dtype",
        "count",
        "raw and typed",
        "wrong field",
        "out of range",
        "bool byte",
        "bytes lengths",
        "no kind",
    ],
)
def test_messages_that_break_the_protocol_are_refused(daemon, client, value, words):
    with pytest.raises(grpc.RpcError) as caught:
        predict_raw(daemon, value)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT, caught.value.details()
    for word in ["x", *words]:
        assert word in caught.value.details()


def nested(depth: int) -> value_pb2.Value:
    value = value_pb2.Value(int_value=1)
    for _ in range(depth):
        value = value_pb2.Value(list=value_pb2.ListValue(items=[value]))
    return value


def test_nesting_beyond_the_limit_is_refused(daemon, client):
    with pytest.raises(grpc.RpcError) as caught:
        predict_raw(daemon, nested(40))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "32" in caught.value.details()


def test_typed_fields_are_taken(daemon, client):
    predict_raw(daemon, tensor(dtype="FP32", shape=[1, 3], float_values=[1, 2, 3]))


def test_a_message_over_the_limit_is_resource_exhausted(client):
    with pytest.raises(ResourceExhaustedError):
        client.predict("m", {"x": np.zeros((LIMIT // 12 + 1, 3), np.float32)})


def test_a_model_that_raises_is_internal_with_its_words(client):
    with pytest.raises(InternalError, match="the model itself raised"):
        client.predict("m", {**GOOD, "fail": True})


def test_a_shape_that_only_the_model_finds_wrong_does_not_end_the_daemon(client):
    with pytest.raises(ModeldError):
        client.predict("slow", {"rounds": "many"})


def test_a_deadline_ends_the_call(client):
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError):
        client.predict("slow", {"rounds": 300_000}, timeout=0.2)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", ["", "../m", "M", "x" * 10_000])
def test_impossible_model_names_are_refused(client, name):
    with pytest.raises(ModeldError) as caught:
        client.predict(name, GOOD)
    assert caught.value.code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)


def test_a_full_queue_refuses_at_once(shared_daemons, shared_artifacts):
    daemon = shared_daemons.start("--instances=1", "--max-queue=1")
    daemon.move_in(shared_artifacts.save("slow", {"name": "slow", "version": "1"}))
    with daemon.client() as client:
        wait_live(client, "slow", "1")
        with grpc.insecure_channel(daemon.address) as channel:
            request = pb.PredictRequest(model="slow", inputs={"rounds": value_pb2.Value(int_value=200_000)})
            stub = _rpc.PREDICT.stub(channel)
            calls = [stub.future(request, timeout=60) for _ in range(6)]
            codes = [call.code() for call in calls]
    assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) >= 3
    assert codes.count(grpc.StatusCode.OK) >= 1
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}

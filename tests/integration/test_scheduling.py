"""Batches, sequences and streams, against the real daemon."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from daemon_process import wait_dropped, wait_for, wait_live

from modeld_client import (
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    Priority,
    ResourceExhaustedError,
    SequenceStep,
    VersionState,
    codec,
)
from modeld_client._proto import model_service_pb2 as pb

INPUTS = [{"name": "x", "dtype": "FP32", "shape": [-1, 2]}]
BATCHING = {"max_batch_size": 8, "max_queue_delay_us": 2000}


def wait_quarantined(client, model: str) -> str:
    """The reason why the model's only version was refused."""

    def reason() -> str:
        for known in client.list_models():
            if known.name == model and known.versions[0].state == VersionState.QUARANTINED:
                return known.versions[0].reason
        return ""

    return wait_for(f"{model} to be refused", reason)


def test_requests_share_batches_and_each_gets_its_own_answer(daemon, client, artifacts):
    daemon.move_in(
        artifacts.tagged("1.0", 10.0, inputs=INPUTS, batching=BATCHING, execution={"instances": 1})
    )
    wait_live(client, "m", "1.0")
    rng = np.random.default_rng(7)
    requests = [rng.random((1 + number % 3, 2), dtype=np.float32) for number in range(400)]

    def ask(x: np.ndarray) -> np.ndarray:
        return client.predict("m", {"x": x}, priority=Priority.LOW if len(x) == 3 else None).output

    with ThreadPoolExecutor(16) as pool:
        for x, answer in zip(requests, pool.map(ask, requests), strict=True):
            np.testing.assert_array_equal(answer, x + np.float32(10))
    (version,) = client.get_model("m").model.versions
    assert (version.stats.requests, version.stats.errors) == (400, 0)


def test_one_bad_request_of_a_batch_fails_alone(daemon, client, artifacts):
    config = {"name": "touchy", "version": "1.0", "inputs": INPUTS, "batching": BATCHING}
    daemon.move_in(artifacts.save("touchy", config, "raise"))
    # Generated inputs reach above a half, and so the model raises on them: it is told of, and served.
    wait_live(client, "touchy", "1.0")

    def ask(number: int) -> bool:
        x = np.full((1, 2), 1.0 if number % 10 == 0 else 0.25, np.float32)
        try:
            np.testing.assert_array_equal(client.predict("touchy", {"x": x}).output, x)
        except InternalError as error:
            return "touched" not in str(error)
        return True

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(200))) == [number % 10 != 0 for number in range(200)]


def test_a_model_whose_rows_depend_on_each_other_is_not_batched(daemon, client, artifacts):
    config = {"name": "mean", "version": "1.0", "inputs": INPUTS, "batching": BATCHING}
    daemon.move_in(artifacts.save("centred", config))
    assert "otherwise in a batch than alone" in wait_quarantined(client, "mean")


def test_batching_without_an_input_to_join_is_refused(daemon, client, artifacts):
    config = {
        "name": "m",
        "version": "1.0",
        "inputs": [{"name": "x", "dtype": "FP32", "shape": [2]}],
        "batching": BATCHING,
    }
    daemon.move_in(artifacts.save("tagged", config, 1.0))
    assert "leading -1" in wait_quarantined(client, "m")


def test_a_stateful_module_is_not_batched(daemon, client, artifacts):
    inputs = [{"name": "x", "dtype": "FP32", "shape": [-1]}]
    config = {"name": "sum", "version": "1.0", "inputs": inputs, "batching": BATCHING}
    daemon.move_in(artifacts.save("accumulator", config))
    wait_live(client, "sum", "1.0")
    (version,) = client.get_model("sum").model.versions
    assert any("writes its attributes" in warning for warning in version.warnings)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda x: total(client, float(x)), range(100))) == [float(x) for x in range(100)]


def total(client, x: float, **sequence) -> float:
    step = SequenceStep(**sequence) if sequence else None
    return float(client.predict("sum", {"x": np.float32([x])}, sequence=step).output[0])


def test_sequences_keep_a_state_of_their_own_and_other_requests_none(daemon, client, artifacts):
    daemon.move_in(artifacts.save("accumulator", {"name": "sum", "version": "1.0"}))
    wait_live(client, "sum", "1.0")
    assert [total(client, 1.0) for _ in range(3)] == [1.0, 1.0, 1.0]
    assert total(client, 1.0, id="a", start=True) == 1.0
    assert total(client, 10.0, id="b", start=True) == 10.0
    assert total(client, 2.0, id="a") == 3.0
    assert total(client, 20.0, id="b", end=True) == 30.0
    with pytest.raises(FailedPreconditionError, match="sequence_start"):
        total(client, 1.0, id="b")

    # A version that goes live meanwhile does not tear it apart.
    daemon.move_in(artifacts.save("accumulator", {"name": "sum", "version": "1.1"}))
    wait_live(client, "sum", "1.1")
    answer = client.predict("sum", {"x": np.float32([3])}, sequence=SequenceStep("a"))
    assert (answer.version, float(answer.output[0])) == ("1.0", 6.0)
    answer = client.predict("sum", {"x": np.float32([3])}, sequence=SequenceStep("c", start=True))
    assert (answer.version, float(answer.output[0])) == ("1.1", 3.0)
    with pytest.raises(FailedPreconditionError, match=r"runs on version 1\.0"):
        client.predict("sum", {"x": np.float32([3])}, version="1.1", sequence=SequenceStep("a"))


def test_an_abandoned_sequence_is_given_up(daemons, artifacts):
    daemon = daemons.start("--sequence-idle-s=1", "--max-sequences=1")
    daemon.move_in(artifacts.save("accumulator", {"name": "sum", "version": "1.0"}))
    with daemon.client() as client:
        wait_live(client, "sum", "1.0")
        total(client, 1.0, id="a", start=True)

        def begins() -> bool:
            try:
                return total(client, 1.0, id="b", start=True) == 1.0
            except ResourceExhaustedError:
                return False

        with pytest.raises(ResourceExhaustedError, match="--max-sequences"):
            total(client, 1.0, id="b", start=True)
        wait_for("the first sequence to be given up", begins)


def test_states_of_sequences_do_not_take_all_memory(daemons, artifacts):
    daemon = daemons.start("--max-sequences-mib=1")
    daemon.move_in(artifacts.save("keeps_inputs", {"name": "kept", "version": "1.0"}))
    part = {"x": np.ones(60_000, np.float32)}
    with daemon.client() as client:
        wait_live(client, "kept", "1.0")

        def kept(**sequence) -> int:
            return int(client.predict("kept", part, sequence=SequenceStep(**sequence)).output)

        assert [kept(id="a", start=True), kept(id="b", start=True)] == [1, 1]

        def refused() -> str:
            try:
                kept(id="a")
            except ResourceExhaustedError as error:
                return str(error)
            return ""

        # 0.24 MB each time; what a request adds is counted when it is answered already.
        assert "--max-sequences-mib" in wait_for("a to be refused", refused)
        assert kept(id="b") == 2, "it has not grown"
        with pytest.raises(ResourceExhaustedError, match="--max-sequences-mib"):
            kept(id="c", start=True)
        assert kept(id="a", end=True) >= 4
        assert [kept(id="b"), kept(id="c", start=True)] == [3, 1]


def streamed(model: str, x: np.ndarray) -> pb.PredictStreamRequest:
    request = pb.PredictStreamRequest(request=pb.PredictRequest(model=model))
    codec.encode(x, request.request.inputs["x"], "x")
    return request


def test_a_stream_is_answered_in_order_and_survives_a_swap(two_versions, client):
    numbers = range(2000)

    def inputs():
        for number in numbers:
            if number == 1000:
                two_versions.ctl("rollback", "m", "--reason", "test")
            yield {"x": np.float32([number])}

    versions = []
    for number, answer in zip(numbers, client.predict_stream("m", inputs()), strict=True):
        versions.append(answer.version)
        assert float(answer.output[0]) == number + {"1.0": 10, "1.1": 11}[answer.version]
    assert versions[0] == "1.1"
    assert versions[-1] == "1.0"
    assert versions == sorted(versions, reverse=True)


def test_a_request_of_a_stream_that_fails_yields_its_error(two_versions, client):
    inputs = [{"x": np.float32([1])}, {"y": np.float32([1])}, {"x": np.float32([3])}]
    first, failed, third = client.predict_stream("m", inputs, request_timeout=10)
    assert (float(first.output[0]), float(third.output[0])) == (12.0, 14.0)
    assert isinstance(failed, InvalidArgumentError)
    assert 'unknown input "y"' in str(failed)
    with pytest.raises(ValueError, match="both version"):
        list(client.predict_stream("m", inputs, version="1.0", label="live", timeout=5))


def test_a_stop_ends_streams_that_clients_keep_open(two_versions):
    with grpc.insecure_channel(two_versions.address) as channel:
        call = channel.stream_stream(
            "/modeld.v1.ModelService/PredictStream",
            request_serializer=pb.PredictStreamRequest.SerializeToString,
            response_deserializer=pb.PredictStreamResponse.FromString,
        )
        stop = threading.Event()

        def requests():
            yield streamed("m", np.float32([1]))
            stop.wait(60)

        responses = call(requests())
        assert next(responses).HasField("response")
        assert two_versions.terminate(timeout_s=10) == 0
        with pytest.raises(grpc.RpcError) as caught:
            next(responses)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        stop.set()


def test_a_file_that_asks_for_too_much_is_refused(daemon, client, artifacts):
    daemon.move_in(artifacts.tagged("1.0", 1.0, execution={"instances": -1}))
    assert "execution.instances" in wait_dropped(client, "m-1.0.pt").reason

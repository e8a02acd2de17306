"""Both clients against a fake daemon."""

import asyncio
import datetime
import threading

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2

import modeld_client
from modeld_client import NO_RETRY, AsyncClient, Priority, RetryPolicy, SequenceStep, _rpc
from modeld_client._proto import model_config_pb2
from modeld_client._proto import model_service_pb2 as pb

UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, "starting")


def test_predict_carries_values_there_and_back(client):
    answer = client.predict("digits", {"x": np.arange(4, dtype=np.float32), "flag": True})
    assert (answer.model, answer.version) == ("digits", "live")
    np.testing.assert_array_equal(answer.outputs["x"], np.arange(4, dtype=np.float32))
    assert answer.outputs["flag"] is True


@pytest.mark.parametrize(
    ("arguments", "selector", "value"),
    [({}, None, ""), ({"version": "1.0"}, "version", "1.0"), ({"label": "previous"}, "label", "previous")],
)
def test_predict_selects_a_version(client, daemon, arguments, selector, value):
    client.predict("m", {"x": 1}, **arguments)
    (request,) = daemon.requests
    assert request.WhichOneof("selector") == selector
    assert selector is None or getattr(request, selector) == value


def test_predict_names_the_method(client, daemon):
    client.predict("m", {"x": 1}, method="embed")
    assert daemon.requests[0].method == "embed"


def test_predict_sends_the_sticky_key(client, daemon):
    client.predict("m", {"x": 1}, sticky_key="user-7")
    client.predict("m", {"x": 1})
    assert [request.sticky_key for request in daemon.requests] == ["user-7", ""]


def test_predict_sends_priority_and_sequence(client, daemon):
    client.predict("m", {}, priority=Priority.HIGH, sequence=SequenceStep("s-1", start=True))
    client.predict("m", {}, sequence=SequenceStep("s-1", end=True))
    client.predict("m", {})
    assert [request.priority for request in daemon.requests] == [Priority.HIGH.value, 0, 0]
    assert [
        (request.sequence_id, request.sequence_start, request.sequence_end) for request in daemon.requests
    ] == [("s-1", True, False), ("s-1", False, True), ("", False, False)]


def test_version_and_label_together_are_refused(client, daemon):
    with pytest.raises(ValueError, match='both version "1" and label "live"'):
        client.predict("m", {}, version="1", label="live")
    assert daemon.requests == []


def test_an_input_that_cannot_be_sent_is_named(client, daemon):
    with pytest.raises(TypeError, match=r'input "x"\[1\]: a object cannot be sent'):
        client.predict("m", {"x": [1, object()]})
    assert daemon.requests == []


def test_output_is_the_only_one(client):
    assert client.predict("m", {"x": 3}).output == 3
    with pytest.raises(ValueError, match=r'model "m" returned 2 outputs \(.*\); use outputs\["name"\]'):
        _ = client.predict("m", {"x": 3, "y": 4}).output
    with pytest.raises(ValueError, match="returned 0 outputs"):
        _ = client.predict("m", {}).output


def test_output_is_the_only_one_beside_its_classes(client):
    assert client.predict("m", {"logits": 3, "logits_classes": [4]}).output == 3
    assert client.predict("m", {"logits_classes": [4]}).output == [4]
    with pytest.raises(ValueError, match=r"returned 2 outputs \((a, b|b, a)\)"):
        _ = client.predict("m", {"a": 1, "a_classes": [2], "b": 3}).output


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_call_carries_its_request_id_and_trace(client, daemon):
    client.predict("m", {"x": 1}, request_id="order-7", traceparent=TRACE)
    client.predict("m", {"x": 1}, traceparent="of another form")
    client.predict("m", {"x": 1})
    list(client.predict_stream("m", [{"x": 1}, {"x": 2}], request_id="order-8"))
    assert daemon.metadata == [
        {"x-request-id": "order-7", "traceparent": TRACE},
        {"traceparent": "of another form"},
        {},
        {"x-request-id": "order-8"},
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"request_id": ""}, "request_id is ''; expected 1 to 128 printable ASCII"),
        ({"request_id": "order 7"}, "request_id is 'order 7'"),
        ({"request_id": "é"}, "request_id is 'é'"),
        ({"request_id": "a" * 129}, "request_id is 'a"),
        ({"traceparent": "00\n"}, r"traceparent is '00\\n'; expected printable ASCII"),
    ],
    ids=str,
)
def test_a_request_id_that_cannot_be_sent_is_named(client, daemon, wrong, message):
    with pytest.raises(ValueError, match=message):
        client.predict("m", {"x": 1}, **wrong)
    with pytest.raises(ValueError, match=message):
        list(client.predict_stream("m", [{"x": 1}], **wrong))
    assert daemon.requests == []


def test_an_answer_that_breaks_the_protocol_is_an_internal_error(client, daemon):
    daemon.responses["Predict"] = lambda _: pb.PredictResponse(outputs={"y": {}})
    with pytest.raises(modeld_client.InternalError, match='the answer cannot be read: output "y"'):
        client.predict("m", {})


def test_errors_carry_the_daemons_code_and_message(client, daemon):
    daemon.failures = [(grpc.StatusCode.NOT_FOUND, 'model "x" is unknown')]
    with pytest.raises(modeld_client.NotFoundError, match='NOT_FOUND: model "x" is unknown') as caught:
        client.predict("x", {})
    assert caught.value.code == grpc.StatusCode.NOT_FOUND
    assert len(daemon.requests) == 1


def test_unavailable_is_tried_again(client, daemon):
    daemon.failures = [UNAVAILABLE] * 4
    assert client.predict("m", {"x": 1}).output == 1
    assert len(daemon.requests) == 5


def test_unavailable_is_given_up_after_five_attempts(client, daemon):
    daemon.failures = [UNAVAILABLE] * 6
    with pytest.raises(modeld_client.UnavailableError, match="starting"):
        client.predict("m", {})
    assert len(daemon.requests) == 5


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_nothing_else_is_tried_again(client, daemon, code):
    daemon.failures = [(code, "no")]
    with pytest.raises(modeld_client.ModeldError):
        client.predict("m", {})
    assert len(daemon.requests) == 1


def test_no_retry(connect, daemon):
    daemon.failures = [UNAVAILABLE]
    with pytest.raises(modeld_client.UnavailableError):
        connect(daemon.address, retry=NO_RETRY).predict("m", {})
    assert len(daemon.requests) == 1


def test_a_backoff_beyond_the_deadline_is_not_waited_for(connect, daemon):
    daemon.failures = [UNAVAILABLE]
    client = connect(daemon.address, retry=RetryPolicy(initial_backoff_s=3600, max_backoff_s=3600))
    with pytest.raises(modeld_client.UnavailableError):
        client.predict("m", {}, timeout=10)
    assert len(daemon.requests) == 1


def test_a_daemon_that_was_restarted_is_found_again(connect, fake_daemon, tmp_path):
    address = f"unix:{tmp_path}/socket"
    first = fake_daemon(address)
    client = connect(address, retry=RetryPolicy(max_attempts=50, initial_backoff_s=0.01))
    assert client.predict("m", {"x": 1}).output == 1
    first.stop()
    second = fake_daemon(address)
    assert client.predict("m", {"x": 2}).output == 2
    second.stop()


def test_a_daemon_that_takes_its_time_to_accept_is_connected_to():
    """gRPC gave up connecting after the first back-off, or 100 ms, which a far or busy daemon may need."""
    options = dict(_rpc.channel_options(RetryPolicy(), 1000, ()))
    assert "grpc.min_reconnect_backoff_ms" not in options


def test_nobody_listening_is_unavailable(connect, tmp_path):
    with pytest.raises(modeld_client.UnavailableError):
        connect(f"unix:{tmp_path}/none").predict("m", {})


def test_the_timeout_of_the_call_goes_before_the_clients(connect, daemon):
    release = threading.Event()

    def hang(request):
        release.wait(30)
        return pb.PredictResponse()

    daemon.responses["Predict"] = hang
    try:
        with pytest.raises(modeld_client.DeadlineExceededError):
            connect(daemon.address, timeout=0.05).predict("m", {})
        with pytest.raises(modeld_client.DeadlineExceededError):
            connect(daemon.address, timeout=60).predict("m", {}, timeout=0.05)
    finally:
        release.set()


def test_a_message_over_the_limit_is_resource_exhausted(connect, daemon):
    client = connect(daemon.address, max_message_bytes=1000)
    with pytest.raises(modeld_client.ResourceExhaustedError):
        client.predict("m", {"x": np.zeros(1000)})
    assert daemon.requests == []


def page(number: int, of: int) -> pb.ListModelsResponse:
    response = pb.ListModelsResponse(models=[pb.Model(name=f"m{number}", live_version="1")])
    if number == 0:
        response.dropped_files.add(path="a.pt", state=pb.DROPPED_FILE_STATE_QUARANTINED, reason="truncated")
        response.source_error = "not mounted"
    if number < of - 1:
        response.next_page_token = str(number + 1)
    return response


def test_list_models_fetches_all_pages(client, daemon):
    daemon.responses["ListModels"] = lambda request: page(int(request.page_token or 0), of=3)
    assert [model.name for model in client.list_models()] == ["m0", "m1", "m2"]
    listing = client.listing()
    assert len(listing.models) == 3
    assert [file.path for file in listing.dropped_files] == ["a.pt"]
    assert listing.source_error == "not mounted"


def test_dropped_files_need_one_short_page(client, daemon):
    daemon.responses["ListModels"] = lambda request: page(int(request.page_token or 0), of=3)
    (file,) = client.dropped_files()
    assert (file.path, file.reason) == ("a.pt", "truncated")
    assert file.state is modeld_client.DroppedFileState.QUARANTINED
    assert [request.page_size for request in daemon.requests] == [1]


def test_get_model(client, daemon):
    version = pb.Version(
        version="1.1", state=pb.VERSION_STATE_READY, sha256="ab", size_bytes=7, warnings=["unknown key"]
    )
    version.registered_at.FromDatetime(datetime.datetime(2026, 1, 2))
    response = pb.GetModelResponse(
        model=pb.Model(name="digits", versions=[version], live_version="1.1", labels={"live": "1.1"}),
        methods=[
            pb.MethodSignature(
                name="forward",
                inputs=[pb.ArgumentSignature(name="x", type="Tensor", dtype="FP32", shape=[-1, 8])],
            )
        ],
        config=model_config_pb2.ModelConfig(version="1.1", metadata={"trained_on": "scans"}),
    )
    daemon.responses["GetModel"] = lambda request: response if request.model == "digits" else None
    details = client.get_model("digits")
    assert details.model.version("1.1").state is modeld_client.VersionState.READY
    assert details.model.version("1.1").registered_at == datetime.datetime(
        2026, 1, 2, tzinfo=datetime.timezone.utc
    )
    assert details.model.version("1.1").warnings == ("unknown key",)
    assert details.model.labels == {"live": "1.1"}
    assert details.methods[0].inputs[0].shape == (-1, 8)
    assert details.config == {"version": "1.1", "metadata": {"trained_on": "scans"}}
    with pytest.raises(KeyError, match='model "digits" has no version "2"'):
        details.model.version("2")


def test_what_versions_and_traffic_have_come_to(client, daemon):
    stats = pb.VersionStats(
        requests=7, errors=2, not_a_number=1, latency_p50_seconds=0.25, latency_p99_seconds=0.5
    )
    shadow = pb.ShadowStats(
        compared=9,
        agreed=8,
        failed=1,
        skipped=3,
        max_absolute=0.125,
        last_difference="logits[0]: 1, live has 2",
        live_seconds=0.25,
        shadow_seconds=0.5,
    )
    model = pb.Model(
        name="m",
        versions=[pb.Version(version="2", resident_bytes=4096, stats=stats), pb.Version(version="1")],
        traffic=pb.Traffic(
            canary_version="3", canary_share=0.125, shadow_version="4", shadow_share=0.5, shadow=shadow
        ),
        watch=pb.Watch(version="2", previous_version="1"),
    )
    model.watch.ends_at.FromDatetime(datetime.datetime(2026, 1, 2))
    plain = pb.Model(name="n", traffic=pb.Traffic(canary_version="3", canary_share=1))
    daemon.responses["ListModels"] = lambda _: pb.ListModelsResponse(
        models=[model, plain, pb.Model(name="o")]
    )
    model, plain, quiet = client.list_models()
    assert model.version("2").resident_bytes == 4096
    assert model.version("2").stats == modeld_client.VersionStats(7, 2, 1, 0.25, 0.5)
    assert model.version("1").stats is None
    assert model.traffic == modeld_client.Traffic(
        "3",
        0.125,
        "4",
        0.5,
        modeld_client.ShadowStats(9, 8, 1, 3, 0.125, "logits[0]: 1, live has 2", 0.25, 0.5),
    )
    assert model.watch == modeld_client.Watch(
        "2", "1", datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
    )
    assert plain.traffic.shadow is None
    assert plain.watch is None
    assert quiet.traffic is None


def test_a_state_of_a_newer_daemon_is_unspecified(client, daemon):
    daemon.responses["ListModels"] = lambda _: pb.ListModelsResponse(
        models=[pb.Model(name="m", versions=[pb.Version(version="1", state=99)])]
    )
    assert client.list_models()[0].versions[0].state is modeld_client.VersionState.UNSPECIFIED


@pytest.mark.parametrize(
    ("status", "serving"),
    [(health_pb2.HealthCheckResponse.SERVING, True), (health_pb2.HealthCheckResponse.NOT_SERVING, False)],
)
def test_is_serving(client, daemon, status, serving):
    daemon.responses["Check"] = lambda _: health_pb2.HealthCheckResponse(status=status)
    assert client.is_serving("digits") is serving
    assert daemon.requests[0].service == "digits"


def test_what_there_is_not_does_not_serve(client, daemon):
    daemon.failures = [(grpc.StatusCode.NOT_FOUND, "unknown service"), (grpc.StatusCode.INTERNAL, "broken")]
    assert client.is_serving("nope") is False
    with pytest.raises(modeld_client.InternalError):
        client.is_serving("nope")


def test_one_client_serves_many_threads(daemon):
    with modeld_client.Client(daemon.address) as client:
        answers: list = []
        threads = [
            threading.Thread(target=lambda i=i: answers.append(client.predict("m", {"x": i}).output))
            for i in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == list(range(8))


def test_one_asyncio_client_serves_many_calls_at_once(daemon):
    async def run():
        async with AsyncClient(daemon.address) as client:
            answers = await asyncio.gather(*(client.predict("m", {"x": i}) for i in range(20)))
            return [answer.output for answer in answers]

    assert asyncio.run(run()) == list(range(20))


def test_a_closed_asyncio_client_says_so(daemon):
    async def run():
        client = AsyncClient(daemon.address)
        await client.close()
        await client.predict("m", {})

    with pytest.raises(ValueError, match="the client is closed"):
        asyncio.run(run())

"""Log lines about single requests, and the request id and trace that they and the reply carry."""

import asyncio

import grpc
import numpy as np
import pytest
from daemon_process import wait_for, wait_live

from modeld_client import AsyncClient, _rpc
from modeld_client._proto import model_service_pb2 as pb

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def predict(daemon, request_id, *, fail=False, traceparent=TRACE):
    """The trailing metadata of a call."""
    request = pb.PredictRequest(model="m")
    tensor = request.inputs["x"].tensor
    tensor.dtype = "FP32"
    tensor.shape.append(3)
    tensor.raw = np.zeros(3, np.float32).tobytes()
    request.inputs["fail"].bool_value = fail
    metadata = [("x-request-id", request_id), ("traceparent", traceparent)]
    with grpc.insecure_channel(daemon.address) as channel:
        try:
            _, call = _rpc.PREDICT.stub(channel).with_call(request, metadata=metadata, timeout=30)
            return dict(call.trailing_metadata())
        except grpc.RpcError as error:
            return dict(error.trailing_metadata())


@pytest.fixture
def serve(daemons, artifacts):
    def serve(*options):
        daemon = daemons.start(*options)
        daemon.move_in(artifacts.save("raising", {"name": "m", "version": "1"}))
        with daemon.client() as client:
            wait_live(client, "m", "1")
        return daemon

    return serve


def lines_about(daemon, request_id):
    return [line for line in daemon.log.splitlines() if f"request_id={request_id}" in line]


def test_a_fault_of_the_model_is_found_by_the_callers_id_and_trace(serve):
    daemon = serve()
    echoed = predict(daemon, "order-7", fail=True)
    assert echoed["x-request-id"] == "order-7"
    assert echoed["traceparent"] == TRACE
    assert predict(daemon, "order-8")["x-request-id"] == "order-8"
    (line,) = wait_for("the line", lambda: lines_about(daemon, "order-7"), 30)
    assert "level=error" in line
    assert "model=m version=1 code=INTERNAL" in line
    assert f"traceparent={TRACE}" in line
    assert "the model itself raised" in line
    assert not lines_about(daemon, "order-8"), "answered requests are not logged"


def test_all_requests_are_logged_where_that_is_asked_for(serve):
    daemon = serve("--log-requests")
    predict(daemon, "order-9")
    (line,) = wait_for("the line", lambda: lines_about(daemon, "order-9"), 30)
    assert 'level=info msg="request" model=m version=1 code=OK' in line


def test_what_is_no_trace_is_neither_echoed_nor_logged(serve):
    daemon = serve("--log-requests")
    echoed = predict(daemon, "order-10", traceparent=TRACE.upper())
    assert "traceparent" not in echoed
    (line,) = wait_for("the line", lambda: lines_about(daemon, "order-10"), 30)
    assert "traceparent" not in line


@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
def test_the_python_clients_send_them(serve, kind):
    daemon = serve("--log-requests")
    asked = {"request_id": f"order-{kind}", "traceparent": TRACE}
    inputs = {"x": np.zeros(3, np.float32), "fail": False}
    streamed = {"request_id": f"stream-{kind}"}

    async def run():
        async with AsyncClient(daemon.address) as client:
            await client.predict("m", inputs, **asked)
            return [answer async for answer in client.predict_stream("m", [inputs, inputs], **streamed)]

    if kind == "asyncio":
        assert len(asyncio.run(run())) == 2
    else:
        with daemon.client() as client:
            client.predict("m", inputs, **asked)
            assert len(list(client.predict_stream("m", [inputs, inputs], **streamed))) == 2
    (line,) = wait_for("the line", lambda: lines_about(daemon, f"order-{kind}"), 30)
    assert f"traceparent={TRACE}" in line
    wait_for("a line for each of the stream", lambda: len(lines_about(daemon, f"stream-{kind}")) == 2, 30)


def test_over_http_too(serve):
    import urllib.error
    import urllib.request

    daemon = serve()
    body = b'{"inputs": {"x": [0, 0, 0], "fail": true}}'
    headers = {"Content-Type": "application/json", "X-Request-Id": "order-9", "traceparent": TRACE}
    url = f"http://{daemon.http_address}/v1/models/m:predict"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30)
    assert refused.value.code == 500
    assert refused.value.headers["X-Request-Id"] == "order-9"
    assert refused.value.headers["traceparent"] == TRACE
    (line,) = wait_for("the line", lambda: lines_about(daemon, "order-9"), 30)
    assert "model=m version=1 code=INTERNAL" in line

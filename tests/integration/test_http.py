"""HTTP against the real daemon: routes, forms, errors, limits, connections, and the end of the daemon."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon_process import DaemonProcess, wait_live

MODEL = {"inputs": [{"name": "x", "dtype": "FP32", "shape": [-1]}]}


class Http:
    """One kept connection."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self.address = daemon.http_address
        self._connection = http.client.HTTPConnection(self.address, timeout=30)

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def json(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, headers, answer = self.raw(method, path, None if body is None else json.dumps(body).encode())
        assert headers["Content-Type"] == "application/json", answer
        return status, json.loads(answer)

    def infer(self, data: Any, datatype: str = "FP32", shape: Any = None, **request: Any) -> tuple[int, Any]:
        tensor = {"name": "x", "datatype": datatype, "shape": shape or [len(data)], "data": data}
        return self.json("POST", "/v2/models/m/infer", {"inputs": [tensor], **request})


@pytest.fixture(scope="module")
def served(shared_daemons: Any, shared_artifacts: Any) -> Iterator[DaemonProcess]:
    daemon = shared_daemons.start("--max-message-bytes=1048576")
    with daemon.client() as client:
        for version, tag in (("1.0", 10.0), ("1.1", 11.0)):
            daemon.move_in(shared_artifacts.tagged(version, tag, **MODEL))
            wait_live(client, "m", version)
    return daemon


@pytest.fixture
def web(served: DaemonProcess) -> Http:
    return Http(served)


def test_the_server_says_what_it_is(web: Http) -> None:
    status, metadata = web.json("GET", "/v2")
    assert status == 200
    assert metadata["name"] == "modeld"
    assert "binary_tensor_data" in metadata["extensions"]
    for path in ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/v2/models/m/ready"):
        assert web.json("GET", path)[0] == 200
    assert web.json("GET", "/v2/models/m/versions/1.0/ready") == (200, {"ready": True})
    assert web.json("GET", "/v2/models/m/versions/previous/ready") == (200, {"ready": True})


def test_models_are_described(web: Http) -> None:
    status, metadata = web.json("GET", "/v2/models/m")
    assert status == 200
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1]}]
    assert sorted(metadata["versions"]) == ["1.0", "1.1"]
    assert web.json("GET", "/v2/models/m/config")[1]["input"][0]["data_type"] == "TYPE_FP32"
    assert web.json("GET", "/v2/models/m/stats")[1]["model_stats"][0]["name"] == "m"
    index = web.json("POST", "/v2/repository/index", {"ready": True})[1]
    assert {(entry["name"], entry["version"], entry["state"]) for entry in index} == {
        ("m", "1.0", "READY"),
        ("m", "1.1", "READY"),
    }
    assert web.json("GET", "/v1/models")[1]["models"][0]["live_version"] == "1.1"
    assert web.json("GET", "/v1/models/m")[1]["name"] == "m"


def test_versions_and_labels_are_named(web: Http) -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}
    for version, expected in (("1.0", 11.0), ("1.1", 12.0), ("live", 12.0), ("previous", 11.0)):
        status, answer = web.json("POST", f"/v2/models/m/versions/{version}/infer", {"inputs": [tensor]})
        assert status == 200
        assert answer["outputs"][0]["data"] == [expected]
    plain = {"inputs": {"x": [1]}}
    for path in ("versions/1.0", "labels/previous"):
        answer = web.json("POST", f"/v1/models/m/{path}:predict", plain)[1]
        assert answer == {"outputs": {"output": [11.0]}}
    assert web.json("POST", "/v1/models/m:predict", {"instances": [1, 2]})[1] == {"predictions": [12.0, 13.0]}


def test_tensors_are_sent_as_binary_data(web: Http) -> None:
    request = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}],
        "parameters": {"binary_data_output": True},
    }
    text = json.dumps(request).encode()
    body = text + struct.pack("<2f", 1, float("nan"))
    status, headers, answer = web.raw(
        "POST", "/v2/models/m/infer", body, {"Inference-Header-Content-Length": str(len(text))}
    )
    assert status == 200
    assert headers["Content-Type"] == "application/octet-stream"
    length = int(headers["Inference-Header-Content-Length"])
    assert json.loads(answer[:length])["outputs"][0]["parameters"] == {"binary_data_size": 8}
    first, second = struct.unpack("<2f", answer[length:])
    assert first == 12.0
    assert second != second


OPENAPI = json.loads((Path(__file__).parents[2] / "daemon" / "http" / "openapi.json").read_text())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/logging", 200),
        ("POST", "/v2/logging", 200),
        ("GET", "/v2/trace/setting", 200),
        ("POST", "/v2/trace/setting", 200),
        ("GET", "/v2/models/{model}/trace/setting", 200),
        ("GET", "/v2/models/{model}/versions/{version}/trace/setting", 200),
        ("POST", "/v2/repository/index", 200),
        ("POST", "/v2/repository/models/{model}/load", 501),
        ("POST", "/v2/repository/models/{model}/unload", 501),
        *(
            (method, f"/v2/{kind}/{what}", status)
            for kind in ("systemsharedmemory", "cudasharedmemory")
            for method, what, status in (
                ("GET", "status", 200),
                ("GET", "region/{region}/status", 200),
                ("POST", "region/{region}/register", 501),
                ("POST", "region/{region}/unregister", 200),
                ("POST", "unregister", 200),
            )
        ),
    ],
)
def test_what_other_servers_answer_is_described(web: Http, method: str, path: str, status: int) -> None:
    assert str(status) in OPENAPI["paths"][path][method.lower()]["responses"]
    assert web.json(method, path.format(model="m", version="1.0", region="r"), {})[0] == status


def test_settings_that_cannot_be_changed_are_refused_as_described(web: Http) -> None:
    for path, change in (
        ("/v2/logging", {"log_verbose_level": 1}),
        ("/v2/trace/setting", {"trace_level": ["TIMESTAMPS"]}),
    ):
        assert "501" in OPENAPI["paths"][path]["post"]["responses"]
        assert web.json("POST", path, change)[0] == 501


def test_all_kinds_of_bodies_are_described() -> None:
    for path, operations in OPENAPI["paths"].items():
        kinds = set(operations.get("post", {}).get("requestBody", {}).get("content", ()))
        if path.endswith(":predict"):
            assert kinds == {"application/json", "image/*"}
        elif path.endswith("/infer"):
            assert kinds == {"application/json", "application/octet-stream"}


def test_faults_are_errors_with_code_and_message(web: Http) -> None:
    for method, path, body, status, code, message in (
        ("POST", "/v2/models/n/infer", {"inputs": []}, 404, "NOT_FOUND", 'no model "n"'),
        ("POST", "/v2/models/m/versions/9/infer", {"inputs": []}, 404, "NOT_FOUND", 'no version "9"'),
        ("POST", "/v2/models/m/infer", {"inputs": []}, 400, "INVALID_ARGUMENT", 'missing input "x"'),
        ("POST", "/v2/models/m/infer", [], 400, "INVALID_ARGUMENT", "expected an object"),
        ("POST", "/v1/models/m:predict", {"inputs": {"y": 1}}, 400, "INVALID_ARGUMENT", 'unknown input "y"'),
        ("POST", "/v2/repository/models/m/load", {}, 501, "UNIMPLEMENTED", "administrative socket"),
        ("POST", "/v2/systemsharedmemory/region/r/register", {}, 501, "UNIMPLEMENTED", "shared memory"),
        ("GET", "/v2/models/m/infer", None, 405, "UNIMPLEMENTED", "use POST"),
        ("DELETE", "/v2/models/m", None, 405, "UNIMPLEMENTED", "use GET"),
        ("PUT", "/v2", {}, 405, "UNIMPLEMENTED", "use GET"),
        ("GET", "/nothing", None, 404, "NOT_FOUND", "nothing at"),
        ("GET", "/v1/models/n", None, 404, "NOT_FOUND", 'no model "n"'),
    ):
        got, answer = web.json(method, path, body)
        assert (got, answer["code"]) == (status, code), (path, answer)
        assert message in answer["error"]
    assert web.raw("HEAD", "/v2")[0] == 200


def test_json_has_no_nan(web: Http) -> None:
    body = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[NaN]}]}'
    status, _, answer = web.raw("POST", "/v2/models/m/infer", body)
    assert status == 400
    assert b"binary" in answer
    assert web.infer([3e38], shape=[1])[0] == 200


def test_what_is_too_large_is_refused(web: Http, served: DaemonProcess) -> None:
    status, _, answer = web.raw("POST", "/v2/models/m/infer", b" " * (1 << 20) + b"{}")
    assert status == 413
    assert json.loads(answer)["code"] == "RESOURCE_EXHAUSTED"
    assert Http(served).infer([1.0])[0] == 200


def test_a_request_without_its_body_holds_nobody_up(served: DaemonProcess) -> None:
    host, port = served.http_address.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert Http(served).infer([1.0])[0] == 200


def test_a_body_that_nobody_reads_is_not_taken_for_a_request(served: DaemonProcess) -> None:
    host, port = served.http_address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as peer:
        inner = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        peer.sendall(b"GET /v2 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner)
        received = b""
        while part := peer.recv(65536):
            received += part
    assert received.count(b"HTTP/1.1 200") == 1


def test_a_range_neither_cuts_nor_multiplies_an_answer(web: Http) -> None:
    _, _, whole = web.raw("GET", "/openapi.json", b"")
    for ranges in ("bytes=0-9", "bytes=" + ",".join(["0-"] * 2000)):
        status, _, answer = web.raw("GET", "/openapi.json", b"", {"Range": ranges})
        assert (status, answer) == (200, whole)


MUCH = 64 << 20  # bytes


def sent_before_it_closed(daemon: DaemonProcess, head: bytes, part: bytes) -> int:
    """How much was taken of one part after another, until the connection was closed."""
    host, port = daemon.http_address.rsplit(":", 1)
    sent = 0
    with (
        socket.create_connection((host, int(port)), timeout=30) as peer,
        contextlib.suppress(ConnectionError),
    ):
        peer.sendall(head)
        while sent < MUCH:
            peer.sendall(part)
            sent += len(part)
    return sent


@pytest.mark.parametrize(
    "part",
    [b"a" * 65536, b"\r\n" * 4096, b"X-Header: some value\r\n" * 4096],
    ids=["line", "blank lines", "headers"],
)
def test_a_head_that_does_not_end_is_not_read_for_ever(served: DaemonProcess, part: bytes) -> None:
    assert sent_before_it_closed(served, b"GET /healthz HTTP/1.1\r\nX: ", part) < MUCH
    assert Http(served).infer([1.0])[0] == 200


def test_a_chunk_whose_length_does_not_end_is_not_read_for_ever(served: DaemonProcess) -> None:
    head = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert sent_before_it_closed(served, head, b"0" * 65536) < MUCH


def test_requests_that_cannot_be_read_are_counted(served: DaemonProcess) -> None:
    def refused() -> float:
        text = Http(served).raw("GET", "/metrics", b"")[2].decode()
        lines = [
            line for line in text.splitlines() if line.startswith("modeld_") and "requests_total" in line
        ]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if 'code="INVALID_ARGUMENT"' in line)

    before = refused()
    assert Http(served).raw("POST", "/v2/models/m/infer", b"{")[0] == 400
    assert Http(served).raw("POST", "/v1/models/m:predict", b"{")[0] == 400
    assert refused() == before + 2


def test_idle_connections_do_not_hold_others_up(served: DaemonProcess) -> None:
    idle = [Http(served) for _ in range(64)]
    for each in idle:
        assert each.json("GET", "/healthz")[0] == 200
    begin = time.monotonic()
    busy = Http(served)
    for _ in range(200):
        assert busy.infer([1.0])[0] == 200
    assert time.monotonic() - begin < 10
    assert all(each.infer([1.0])[0] == 200 for each in idle)


@pytest.fixture
def slow(daemons: Any, artifacts: Any) -> DaemonProcess:
    """`s` takes as many rounds as it is told, on one instance, with room for one more."""
    daemon: DaemonProcess = daemons.start("--instances=1", "--max-queue=1", "--probe=false")
    with daemon.client() as client:
        daemon.move_in(artifacts.save("slow", {"name": "s", "version": "1.0"}))
        wait_live(client, "s", "1.0")
    return daemon


def slow_request(rounds: int, **more: Any) -> bytes:
    return json.dumps({"inputs": {"rounds": rounds}, **more}).encode()


def test_a_full_queue_a_deadline_and_a_caller_who_left(slow: DaemonProcess) -> None:
    host, port = slow.http_address.rsplit(":", 1)
    path = "/v1/models/s:predict"

    begun = time.monotonic()
    assert Http(slow).raw("POST", path, slow_request(20_000))[0] == 200
    second = int(20_000 / (time.monotonic() - begun))

    def begin(rounds: int) -> socket.socket:
        body = slow_request(rounds)
        peer = socket.create_connection((host, int(port)), timeout=30)
        peer.sendall(
            b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(body)) + body
        )
        return peer

    running = begin(3 * second)
    time.sleep(0.3)
    status, _, answer = Http(slow).raw("POST", path, slow_request(1, timeout_ms=100))
    assert (status, json.loads(answer)["code"]) == (504, "DEADLINE_EXCEEDED")
    waiting = begin(60 * second)
    time.sleep(0.3)
    status, headers, answer = Http(slow).raw("POST", path, slow_request(1))
    assert (status, json.loads(answer)["code"]) == (429, "RESOURCE_EXHAUSTED")
    assert int(headers["Retry-After"]) >= 1
    # It is not run any more, or the next one would wait for it.
    waiting.close()
    assert running.recv(65536).startswith(b"HTTP/1.1 200")
    begun = time.monotonic()
    while Http(slow).raw("POST", path, slow_request(1))[0] == 429:
        time.sleep(0.05)
    assert time.monotonic() - begun < 20


def test_curl(served: DaemonProcess) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    url = f"http://{served.http_address}/v1/models/m:predict"
    # Without a Content-Type, which curl then says is a form's.
    answer = subprocess.run(
        ["curl", "-sS", url, "-d", json.dumps({"inputs": {"x": [0.5] * 5000}})],
        capture_output=True,
        check=True,
        text=True,
    )
    assert json.loads(answer.stdout)["outputs"]["output"] == [11.5] * 5000


def test_a_stop_answers_what_has_begun(daemons: Any, artifacts: Any) -> None:
    daemon = daemons.start()
    with daemon.client() as client:
        daemon.move_in(artifacts.tagged("1.0", 1.0, **MODEL))
        wait_live(client, "m", "1.0")
    failures: list[str] = []
    counts = [0] * 4
    stopping = threading.Event()

    def ask(index: int) -> None:
        web = Http(daemon)
        while True:
            try:
                status, answer = web.infer([1.0])
            except (http.client.HTTPException, OSError) as error:
                # A kept connection may be closed between two requests, once the stop began; an answer that
                # has begun is never cut.
                if not stopping.is_set() or isinstance(error, http.client.IncompleteRead):
                    failures.append(repr(error))
                return
            if status != 200 and not (stopping.is_set() and status == 503):
                failures.append(str(answer))
            counts[index] += 1

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(counts))]
    for thread in threads:
        thread.start()
    while min(counts) < 50:
        time.sleep(0.01)
    stopping.set()
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    for thread in threads:
        thread.join()
    assert failures == []


def test_http_can_be_off(daemons: Any) -> None:
    daemon = daemons.start("--http-listen=none")
    assert "http=" not in daemon.log

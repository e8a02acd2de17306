"""What the system grants may be little: files, inotify instances; and clients that only sit there."""

import re
import socket
import subprocess
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
from daemon_process import wait_live
from grpc_health.v1 import health_pb2
from half_requests import HalfRequests

NO_INOTIFY = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$0" "$@"'


def run_by(daemon, tmp_path, command):
    """Has the daemon started by a shell command that ends in the daemon's own."""
    script = tmp_path / "modeld.sh"
    script.write_text(f'#!/bin/sh\n{command} {daemon.modeld} "$@"\n')
    script.chmod(0o700)
    daemon.modeld = script


def test_idle_connections_do_not_end_listening(daemons, tmp_path):
    daemon = daemons.make()
    run_by(daemon, tmp_path, "ulimit -Sn 64; exec")
    daemon.start()
    host, port = daemon.address.rsplit(":", 1)
    idle = [socket.create_connection((host, int(port)), timeout=10) for _ in range(150)]
    with daemon.client() as client:
        assert client.is_serving()
    for connection in idle:
        connection.close()
    with daemon.client() as client:
        assert client.is_serving()


def test_without_inotify_files_are_found_by_rescans(daemons, artifacts, tmp_path):
    command = ["unshare", "-Ur", "sh", "-c"]
    if subprocess.run([*command, NO_INOTIFY, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this system lets nobody make a user namespace")
    daemon = daemons.make("--rescan-interval-s=1")
    run_by(daemon, tmp_path, f"exec unshare -Ur sh -c '{NO_INOTIFY}'")
    daemon.start()
    assert "max_user_instances" in daemon.log
    daemon.move_in(artifacts.tagged("1.0", 1.0))
    with daemon.client() as client:
        wait_live(client, "m", "1.0")


def test_a_client_that_watches_health_does_not_hold_up_the_stop(daemons):
    daemon = daemons.start("--shutdown-grace-s=60")
    with grpc.insecure_channel(daemon.address) as channel:
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answers = watch(health_pb2.HealthCheckRequest())
        assert next(answers).status == health_pb2.HealthCheckResponse.SERVING
        begin = time.monotonic()
        assert daemon.terminate() == 0
        assert time.monotonic() - begin < 30


def resident_mib(daemon):
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


def test_half_requests_do_not_take_all_memory(daemons, artifacts):
    daemon = daemons.start(f"--max-message-bytes={4 << 20}", "--max-received-mib=32")
    daemon.move_in(artifacts.tagged("1.0", 1.0))
    large = {"x": np.zeros(1 << 18, np.float32)}
    with daemon.client() as client:
        wait_live(client, "m", "1.0")
        client.predict("m", large)
        before = resident_mib(daemon)
        path = "/modeld.v1.ModelService/Predict"
        with HalfRequests(daemon.address, path, count=100, size=4 << 20) as half:
            half.send()
            assert half.sent > 32 << 20
            assert half.refused > 50
            assert half.reasons <= {"grpc-status: 8", "ENHANCE_YOUR_CALM", "NO_ERROR"}
            assert resident_mib(daemon) - before < 200
            # What came in there does not keep the operator's own socket from answering.
            assert "1.0" in daemon.ctl("models")
        client.predict("m", large)

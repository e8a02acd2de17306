"""What the system grants may be little: files, inotify instances; and clients that only sit there."""

import socket
import subprocess
import time

import grpc
import pytest
from daemon_process import wait_live
from grpc_health.v1 import health_pb2

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

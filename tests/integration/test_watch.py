"""Who did what: the history's actors, and events as they are made."""

import getpass
import json
import signal
import subprocess
import time

import grpc
import pytest
from admin_calls import admin_of
from daemon_process import wait_live

from modeld_client._proto import admin_service_pb2 as pb


class Watching:
    """`modelctl watch` in the background."""

    def __init__(self, daemon, *arguments):
        self.process = subprocess.Popen(
            [daemon.modelctl, f"--socket={daemon.socket}", "watch", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self):
        return self.process.stdout.readline()

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return self.process.returncode


def last_id(daemon):
    return daemon.ctl_json("history", "--limit", "1")["events"][0]["id"]


def test_the_actor_is_the_kernels_user_whatever_the_request_claims(two_versions):
    user = getpass.getuser()
    with admin_of(two_versions) as admin:
        admin.unary("Rollback", pb.RollbackRequest(model="m", reason="r", actor="the boss"))
        admin.unary("Unpin", pb.UnpinRequest(model="m"))
    two_versions.ctl("pin", "m", "--reason", "r")
    actors = {event["action"]: event["actor"] for event in two_versions.ctl_json("history", "m")["events"]}
    assert actors["rollback"] == f"{user}, as the boss"
    assert actors["unpin"] == user
    assert actors["pin"] == user
    assert actors["registered"] == "daemon"


def test_watch_prints_what_happens_line_by_line(two_versions):
    watching = Watching(two_versions, "m", "--after", last_id(two_versions))
    two_versions.ctl("rollback", "m", "--reason", "worse on sevens")
    line = watching.line()
    assert "rollback" in line
    assert "1.1 -> 1.0" in line
    assert "worse on sevens" in line
    assert watching.end() == -signal.SIGINT


def test_watch_in_json_sees_a_deployment_once_and_in_order(daemon, client, artifacts):
    watching = Watching(daemon, "-o", "json", "--after", last_id(daemon))
    daemon.move_in(artifacts.tagged("1.0", 10.0))
    wait_live(client, "m", "1.0")
    events = []
    while not events or events[-1]["action"] != "published":
        events.append(json.loads(watching.line()))
    assert events[0]["action"] == "registered"
    ids = [int(event["id"]) for event in events]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    watching.end()


def test_fifty_idle_watchers_hold_up_neither_a_command_nor_the_stop(two_versions):
    with admin_of(two_versions) as admin:
        streams = [admin.stream("WatchEvents", pb.WatchEventsRequest()) for _ in range(50)]
        for stream in streams:
            stream.initial_metadata()  # it is being watched from here on
        two_versions.ctl("rollback", "m", "--reason", "r", "--timeout", "30")
        for stream in streams:
            assert next(stream).event.action == "rollback"
        begin = time.monotonic()
        assert two_versions.terminate() == 0
        assert time.monotonic() - begin < 10
        for stream in streams:
            with pytest.raises(grpc.RpcError):
                list(stream)


def test_watch_ends_with_the_daemon(two_versions):
    watching = Watching(two_versions, "--after", last_id(two_versions))
    two_versions.ctl("unpin", "m")  # nothing to record
    two_versions.ctl("pin", "m", "--reason", "r")
    assert "pin" in watching.line()
    two_versions.terminate()
    watching.process.communicate(timeout=60)
    assert watching.process.returncode == 4


def test_labels_and_shares_by_modelctl(two_versions):
    daemon = two_versions
    assert "stable none -> 1.0" in daemon.ctl("label", "m", "stable", "1.0", "--reason", "holds")
    assert "5 %" in daemon.ctl("canary", "m", "1.0", "5%")
    assert "copies of 100 %" in daemon.ctl("shadow", "m", "1.0", "100")
    (model,) = daemon.ctl_json("models")["models"]
    assert model["labels"]["stable"] == "1.0"
    assert model["traffic"]["canary_share"] == 0.05
    assert "canary,previous,stable" in daemon.ctl("versions", "m")
    assert "canary 1.0 5 %" in daemon.ctl("models")
    daemon.ctl("canary", "m", "--off")
    daemon.ctl("shadow", "m", "--off")
    daemon.ctl("label", "m", "stable", "--remove")
    (model,) = daemon.ctl_json("models")["models"]
    assert "stable" not in model["labels"]
    actions = [event["action"] for event in daemon.ctl_json("history", "m", "--limit", "6")["events"]]
    assert actions == ["label", "shadow", "canary", "shadow", "canary", "label"]


def test_diff_of_two_versions_also_on_the_registry_file(two_versions, artifacts):
    two_versions.move_in(artifacts.tagged("1.2", 12.0, description="better on sevens"))
    with two_versions.client() as client:
        wait_live(client, "m", "1.2")
    table = two_versions.ctl("diff", "m", "1.1", "1.2")
    assert "better on sevens" in table
    difference = two_versions.ctl_json("diff", "m", "1.1", "1.2")
    assert difference["config"]["description"] == {"change": "added", "from": None, "to": "better on sevens"}
    assert "1.2" in two_versions.ctl("probe", "m", "1.2")
    two_versions.terminate()
    command = [
        two_versions.modelctl,
        f"--db={two_versions.database}",
        "-o",
        "json",
        "diff",
        "m",
        "1.1",
        "1.2",
    ]
    offline = json.loads(
        subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    )
    assert offline["config"] == difference["config"]

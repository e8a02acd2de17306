"""Deploying over the administrative socket, by a pipeline."""

import json
import random
import subprocess
import threading

import grpc
import numpy as np
import pytest
from admin_calls import admin_of, chunks_of, header_of, sha256_of
from daemon_process import wait_for

from modeld_client._proto import admin_service_pb2 as pb

X = {"x": np.zeros(2, np.float32)}
LIVE, FAILED, TIMED_OUT, REFUSED, KEPT = 0, 1, 5, 6, 7  # exit statuses, as modelctl(1) documents them


def large(artifacts, version, megabytes=8, tag=1.0):
    """A model whose file takes a while."""
    pad = random.Random(version).randbytes(megabytes << 20).hex()
    return artifacts.save("tagged", {"name": "m", "version": version}, tag, extra={"pad": pad})


def parts(daemon):
    return list((daemon.state / "artifacts" / "uploads").iterdir())


def test_push_and_wait(daemon, client, artifacts):
    answer = daemon.try_ctl("push", str(artifacts.tagged("1.0", 10.0)), "--wait")
    assert (answer.returncode, answer.stderr) == (LIVE, "")
    assert "m 1.0 is live" in answer.stdout
    assert client.predict("m", X).version == "1.0"
    assert parts(daemon) == []
    assert list(daemon.drop.iterdir()) == []
    again = daemon.try_ctl("push", str(artifacts.tagged("1.0", 10.0)), "--wait", "-o", "json")
    assert again.returncode == LIVE
    assert json.loads(again.stdout)["push"]["already_registered"] is True


def test_what_is_pushed_outlives_a_restart(daemon, artifacts):
    daemon.ctl("push", str(artifacts.tagged("1.0", 10.0)), "--wait")
    daemon.kill()
    daemon.start()
    with daemon.client() as client:
        assert client.predict("m", X).version == "1.0"


def test_push_of_a_model_that_is_refused_once_it_is_tried(daemon, artifacts):
    raising = artifacts.save("raising", {"name": "m", "version": "2", "warmup": {"batch_sizes": [1]}})
    conflict = artifacts.tagged("1.0", 99.0)
    daemon.ctl(
        "push", str(artifacts.save("tagged", {"name": "m", "version": "1.0"}, 1.0, file="a.pt")), "--wait"
    )
    answer = daemon.try_ctl("push", str(conflict), "--wait")
    assert answer.returncode == REFUSED
    assert "other bytes" in answer.stderr
    events = daemon.ctl_json("history")["events"]
    assert events[0]["action"] == "quarantined"
    assert conflict.name in events[0]["reason"]
    # Whatever becomes of a model that raises: the exit status is that of its fate.
    answer = daemon.try_ctl("push", str(raising), "--wait", "-o", "json")
    fate = json.loads(answer.stdout)["wait"]["fate"]
    expected = {"VERSION_FATE_LIVE": LIVE, "VERSION_FATE_REFUSED": REFUSED, "VERSION_FATE_READY": KEPT}
    assert answer.returncode == expected[fate]


def test_push_of_what_is_no_model(daemon, tmp_path):
    (tmp_path / "m.pt").write_bytes(b"no archive at all, but long enough to be one" * 100)
    answer = daemon.try_ctl("push", str(tmp_path / "m.pt"))
    assert answer.returncode == REFUSED
    assert answer.stderr.startswith("modelctl: ")
    assert parts(daemon) == []


def test_wait_tells_what_keeps_a_version_from_live(two_versions, artifacts):
    two_versions.ctl("pin", "m", "1.0", "--reason", "r")
    answer = two_versions.try_ctl("push", str(artifacts.tagged("1.2", 12.0)), "--wait")
    assert answer.returncode == KEPT
    assert "pinned to 1.0" in answer.stdout
    assert two_versions.try_ctl("wait", "m", "1.0").returncode == LIVE
    assert two_versions.try_ctl("wait", "m", "9", "--timeout", "300ms").returncode == TIMED_OUT


def test_wait_for_a_file_that_is_dropped_later_and_refused(daemon, artifacts):
    (daemon.drop / "m" / "3").mkdir(parents=True)
    waiting = subprocess.Popen(
        [daemon.modelctl, f"--socket={daemon.socket}", "wait", "m", "3"], stdout=subprocess.PIPE, text=True
    )
    daemon.copy_in(artifacts.save("tagged", '{"inputs": 7}', 1.0, file="bad.pt"), "m/3/model.pt")
    out, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == REFUSED
    assert "m/3/model.pt" in out


def test_sidecar_and_place(daemon, client, artifacts, tmp_path):
    bare = artifacts.save("tagged", None, 5.0, file="bare.pt")
    (tmp_path / "config.json").write_text('{"description": "five"}')
    daemon.ctl(
        "push", str(bare), "--as", "fives/7/model.pt", "--config", str(tmp_path / "config.json"), "--wait"
    )
    model = client.get_model("fives").model
    assert (model.live_version, model.versions[0].description) == ("7", "five")


def test_kill_in_the_middle_of_a_push_then_resume(daemon, artifacts):
    artifact = large(artifacts, "1.0")
    content = artifact.read_bytes()
    half = len(content) // 2
    with admin_of(daemon) as admin:
        hold = threading.Event()

        def requests():
            yield header_of(artifact)
            yield from chunks_of(content[:half])
            hold.wait(60)

        call = admin.push(requests())
        wait_for("half of it to be there", lambda: admin.received(sha256_of(artifact)) == half)
        daemon.kill()
        with pytest.raises(grpc.RpcError):
            call.result(timeout=60)
        hold.set()
    daemon.start()
    with admin_of(daemon) as admin:
        assert admin.received(sha256_of(artifact)) == half
    assert daemon.try_ctl("push", str(artifact), "--wait").returncode == LIVE
    assert parts(daemon) == []


def test_client_that_goes_in_the_middle_leaves_its_part(daemon, artifacts):
    artifact = large(artifacts, "1.0")
    content = artifact.read_bytes()
    with admin_of(daemon) as admin:
        hold = threading.Event()

        def requests():
            yield header_of(artifact)
            yield from chunks_of(content[:100_000])
            hold.wait(60)

        call = admin.push(requests())
        wait_for("its begin to be there", lambda: admin.received(sha256_of(artifact)) == 100_000)
        # Meanwhile nobody else writes the same file.
        other = daemon.try_ctl("push", str(artifact))
        assert other.returncode == FAILED
        assert "another push of the same file" in other.stderr
        call.cancel()
        hold.set()
        wait_for("the push to be over", lambda: daemon.try_ctl("push", str(artifact)).returncode == 0)


def test_push_goes_on_by_itself_when_the_daemon_comes_back(daemon, artifacts):
    artifact = large(artifacts, "1.0", megabytes=64)
    pushing = subprocess.Popen(
        [daemon.modelctl, f"--socket={daemon.socket}", "push", artifact, "--wait"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for("the upload to begin", lambda: any(part.stat().st_size > 0 for part in parts(daemon)))
    daemon.kill()
    daemon.start()
    _, err = pushing.communicate(timeout=120)
    assert (pushing.returncode, err) == (LIVE, "")
    with daemon.client() as client:
        assert client.predict("m", X).version == "1.0"


def test_damage_on_the_way_is_found(daemon, artifacts):
    artifact = artifacts.tagged("1.0", 1.0)
    damaged = bytearray(artifact.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    with admin_of(daemon) as admin:
        with pytest.raises(grpc.RpcError) as raised:
            admin.push([header_of(artifact), *chunks_of(bytes(damaged))]).result()
        assert raised.value.code() == grpc.StatusCode.DATA_LOSS
        assert admin.received(sha256_of(artifact)) == 0
    assert daemon.ctl_json("models")["models"] == []


@pytest.mark.parametrize("path", ["../m.pt", "/etc/m.pt", "a/b/c/m.pt", "m.zip", ".m.pt", "m\\x.pt"])
def test_paths_that_could_not_be_dropped_are_refused(daemon, artifacts, path):
    artifact = artifacts.tagged("1.0", 1.0)
    with admin_of(daemon) as admin, pytest.raises(grpc.RpcError) as raised:
        admin.push([header_of(artifact, path=path), *chunks_of(artifact.read_bytes())]).result()
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "expected NAME.pt" in raised.value.details()


def test_who_pushed_is_in_the_history(daemon, artifacts):
    artifact = artifacts.tagged("1.0", 1.0)
    with admin_of(daemon) as admin:
        admin.push([header_of(artifact), *chunks_of(artifact.read_bytes())]).result()
    (pushed,) = [event for event in daemon.ctl_json("history", "m")["events"] if event["action"] == "pushed"]
    assert pushed["actor"].endswith(", as somebody else")
    assert pushed["version"] == "1.0"


def test_pushing_is_not_for_the_public_listener(daemon):
    with grpc.insecure_channel(daemon.address) as channel:
        push = channel.stream_unary("/modeld.v1.AdminService/Push")
        with pytest.raises(grpc.RpcError) as raised:
            push(iter([pb.PushRequest().SerializeToString()]), timeout=60)
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED

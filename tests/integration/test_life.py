"""The life of versions: deploy, swap, undo, kill, stop."""

import signal
import threading
import time

import numpy as np
import pytest
from callers import Callers
from daemon_process import wait_for, wait_live

from modeld_client import (
    DroppedFileState,
    FailedPreconditionError,
    ModeldError,
    NotFoundError,
    UnavailableError,
    VersionState,
)

X = {"x": np.zeros(2, np.float32)}
SLOW_ROUNDS = 200_000  # more than a second


def tag(answer) -> float:
    return float(answer.output[0])


def test_an_empty_directory_is_ready_and_serves_nothing(client):
    assert client.is_serving()
    assert client.listing().models == ()
    assert client.listing().source_error == ""
    with pytest.raises(NotFoundError, match='"m"'):
        client.predict("m", X)


@pytest.mark.parametrize("way", ["copy_in", "move_in"])
def test_a_dropped_file_is_served(daemon, client, artifacts, way):
    getattr(daemon, way)(artifacts.tagged("1.0", 3.0, description="adds three"))
    wait_live(client, "m", "1.0")
    answer = client.predict("m", X)
    assert (answer.model, answer.version, tag(answer)) == ("m", "1.0", 3.0)
    assert client.is_serving("m")
    (version,) = client.get_model("m").model.versions
    assert (version.state, version.description) == (VersionState.READY, "adds three")
    assert version.format == "torchscript"
    assert version.engine.startswith("libtorch")


@pytest.mark.parametrize(
    ("path", "config", "model", "version"),
    [
        ("digits.pt", {"version": "2"}, "digits", "2"),
        ("digits/anything.pt", {"version": "2"}, "digits", "2"),
        ("digits/3/model.pt", {}, "digits", "3"),
        ("other.pt", {"name": "digits", "version": "1.0"}, "digits", "1.0"),
    ],
)
def test_layouts(daemon, client, artifacts, path, config, model, version):
    (daemon.drop / path).parent.mkdir(parents=True, exist_ok=True)
    daemon.copy_in(artifacts.save("tagged", config, 1.0, file="made.pt"), path)
    wait_live(client, model, version)


def test_a_file_without_config_takes_a_sidecar(daemon, client, artifacts):
    (daemon.drop / "m.pt.config.json").write_text('{"version": "4"}')
    daemon.copy_in(artifacts.save("tagged", None, 1.0), "m.pt")
    wait_live(client, "m", "4")


def test_live_follows_the_highest_version_not_the_latest_file(daemon, client, artifacts):
    for version in ("1.9", "1.10", "1.10-rc.1", "1.2"):
        daemon.copy_in(artifacts.tagged(version, 1.0))
    wait_for(
        "four versions",
        lambda: len(client.get_model("m").model.versions) == 4 if client.list_models() else False,
    )
    wait_live(client, "m", "1.10")
    versions = [version.version for version in client.get_model("m").model.versions]
    assert versions == ["1.10", "1.10-rc.1", "1.9", "1.2"]


def test_a_swap_under_load_fails_no_call_and_never_goes_back(daemon, client, artifacts):
    daemon.move_in(artifacts.tagged("1.0", 10.0))
    wait_live(client, "m", "1.0")
    with Callers(daemon.address, "m", X, 8) as callers:
        wait_for("calls by 1.0", lambda: callers.everybody_saw("1.0", 0))
        daemon.move_in(artifacts.tagged("1.1", 11.0))
        wait_live(client, "m", "1.1")
        published = time.monotonic()
        wait_for("calls by 1.1", lambda: callers.everybody_saw("1.1", published))
        until = time.monotonic()
        daemon.ctl("rollback", "m", "--reason", "test")
        returned = time.monotonic()
        wait_for("calls by 1.0 again", lambda: callers.everybody_saw("1.0", returned))
    assert callers.failures == []
    assert callers.went_back("1.0", "1.1", until) == 0
    assert set(callers.counts(since=published, until=until)) == {"1.1"}
    assert set(callers.counts(since=returned)) == {"1.0"}


def test_a_rollback_holds_against_rescans_newer_versions_and_kill(two_versions, daemons, artifacts):
    daemon = two_versions
    daemon.ctl("rollback", "m", "--reason", "worse")
    daemon.ctl("rescan")
    with daemon.client() as client:
        assert tag(client.predict("m", X)) == 10.0
        daemon.move_in(artifacts.tagged("1.2", 12.0))
        wait_for("1.2 to be prepared", lambda: is_ready(client, "1.2"))
        model = client.get_model("m").model
        assert (model.live_version, model.pinned_version, model.pin_reason) == ("1.0", "1.0", "worse")
        assert tag(client.predict("m", X)) == 10.0
    daemon.kill()
    daemon.start()
    with daemon.client() as client:
        assert tag(client.predict("m", X)) == 10.0
        daemon.ctl("unpin", "m", "--reason", "better")
        wait_live(client, "m", "1.2")
        assert tag(client.predict("m", X)) == 12.0


def is_ready(client, version: str) -> bool:
    states = {v.version: v.state for v in client.get_model("m").model.versions}
    return states.get(version) == VersionState.READY


def test_what_was_live_is_live_after_kill(two_versions):
    two_versions.kill()
    two_versions.start()
    with two_versions.client() as client:
        assert tag(client.predict("m", X)) == 11.0
        assert client.get_model("m").model.labels == {"live": "1.1", "previous": "1.0"}


def test_what_serves_needs_no_dropped_file(two_versions):
    for file in two_versions.drop.iterdir():
        file.unlink()
    two_versions.ctl("rescan")
    with two_versions.client() as client:
        assert tag(client.predict("m", X)) == 11.0
    two_versions.kill()
    two_versions.start()
    with two_versions.client() as client:
        assert tag(client.predict("m", X)) == 11.0
        two_versions.ctl("rollback", "m", "--reason", "test")
        assert tag(client.predict("m", X)) == 10.0


def test_versions_and_labels_can_be_asked_for(two_versions, client):
    assert tag(client.predict("m", X, version="1.0")) == 10.0
    assert tag(client.predict("m", X, version="1.1")) == 11.0
    assert tag(client.predict("m", X, label="live")) == 11.0
    assert tag(client.predict("m", X, label="previous")) == 10.0
    with pytest.raises(NotFoundError, match=r'model "m" has no version "1\.4"'):
        client.predict("m", X, version="1.4")
    with pytest.raises(NotFoundError, match='"canary"'):
        client.predict("m", X, label="canary")


def test_a_retired_version_is_never_served(two_versions, client):
    two_versions.ctl("retire", "m", "1.0", "--reason", "old")
    with pytest.raises(FailedPreconditionError, match="retired"):
        client.predict("m", X, version="1.0")
    assert two_versions.try_ctl("retire", "m", "1.1", "--reason", "live").returncode != 0
    assert tag(client.predict("m", X)) == 11.0


def test_a_version_at_fault_is_quarantined_and_the_old_one_serves(daemon, client, artifacts):
    daemon.move_in(artifacts.tagged("1.0", 10.0))
    wait_live(client, "m", "1.0")
    daemon.move_in(artifacts.tagged("1.1", 11.0, inputs=[{"name": "picture"}]))
    wait_for("1.1 to be quarantined", lambda: state_of(client, "1.1") == VersionState.QUARANTINED)
    assert "picture" in client.get_model("m").model.version("1.1").reason
    assert tag(client.predict("m", X)) == 10.0
    with pytest.raises(FailedPreconditionError, match="picture"):
        client.predict("m", X, version="1.1")


def test_a_model_that_raises_when_it_is_warmed_is_warned_of(daemon, client, artifacts):
    inputs = [{"name": "x", "dtype": "FP32", "shape": [2]}]
    daemon.move_in(artifacts.save("failing", {"name": "m", "version": "1.0", "inputs": inputs}))
    wait_live(client, "m", "1.0")
    (warning,) = client.get_model("m").model.version("1.0").warnings
    assert "always fails" in warning


def state_of(client, version: str):
    return {v.version: v.state for v in client.get_model("m").model.versions}.get(version)


def test_control_flow_takes_its_branch(daemon, client, artifacts):
    daemon.move_in(artifacts.save("branch", {"name": "branch", "version": "1"}))
    wait_live(client, "branch", "1")
    x = np.array([1.0, 2.0], np.float32)
    assert client.predict("branch", {"x": x, "flag": True}).output.tolist() == [-1, -2]
    assert client.predict("branch", {"x": x, "flag": False}).output.tolist() == [1, 2]


def test_sigterm_ends_with_status_0(daemon):
    assert daemon.terminate() == 0
    assert "level=error" not in daemon.log


def test_sigterm_finishes_what_is_in_flight(daemon, client, artifacts):
    daemon.move_in(artifacts.save("slow", {"name": "slow", "version": "1"}))
    wait_live(client, "slow", "1")
    answers: list = []

    def call():
        try:
            answers.append(client.predict("slow", {"rounds": SLOW_ROUNDS}).output)
        except ModeldError as error:
            answers.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    wait_for("the call to be in flight", lambda: daemon.status().requests_in_flight > 0)
    assert daemon.terminate() == 0
    thread.join()
    assert answers == [SLOW_ROUNDS]


def test_sigterm_does_not_wait_longer_than_the_grace(daemons, artifacts):
    daemon = daemons.start("--shutdown-grace-s=1")
    daemon.move_in(artifacts.save("slow", {"name": "slow", "version": "1"}))
    with daemon.client() as client:
        wait_live(client, "slow", "1")
        failed: list = []

        def call():
            try:
                client.predict("slow", {"rounds": SLOW_ROUNDS * 100}, timeout=60)
            except ModeldError as error:
                failed.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        wait_for("the call to be in flight", lambda: daemon.status().requests_in_flight > 0)
        began = time.monotonic()
        assert daemon.terminate() == 0
        assert time.monotonic() - began < 20
        thread.join()
        assert len(failed) == 1


def test_after_the_end_calls_are_unavailable(daemon, client):
    daemon.terminate()
    with pytest.raises(UnavailableError):
        client.is_serving()


def test_sighup_rescans(daemons, artifacts):
    daemon = daemons.start("--rescan-interval-s=3600")
    with daemon.client() as client:
        first = log_count(daemon, "rescan")
        daemon.signal(signal.SIGHUP)
        wait_for("the rescan to be told of", lambda: log_count(daemon, "rescan") > first)
        daemon.copy_in(artifacts.tagged("1.0", 1.0))
        wait_live(client, "m", "1.0")


def log_count(daemon, word: str) -> int:
    return daemon.log.lower().count(word)


def test_work_in_progress_of_copying_tools_is_left_alone(daemon, client, artifacts):
    artifact = artifacts.tagged("1.0", 1.0)
    for name in (".m.pt", "m.pt~", "m.pt.tmp", "m.pt.part", "readme.txt"):
        daemon.copy_in(artifact, name)
    daemon.ctl("rescan")
    assert client.listing().models == ()
    assert client.listing().dropped_files == ()


def test_the_same_file_again_changes_nothing(two_versions, client, artifacts):
    history = two_versions.ctl_json("history", "m")
    two_versions.copy_in(two_versions.drop / "m-1.1.pt", "again.pt")
    wait_for("the copy to be taken", lambda: not client.dropped_files())
    two_versions.ctl("rescan")
    assert client.dropped_files() == []
    assert two_versions.ctl_json("history", "m") == history


def test_a_half_copied_file_is_waited_for(daemons, artifacts):
    daemon = daemons.start("--incomplete-timeout-s=600")
    whole = artifacts.tagged("1.0", 5.0).read_bytes()
    with daemon.client() as client, (daemon.drop / "m.pt").open("wb") as target:
        target.write(whole[: len(whole) // 2])
        target.flush()
        file = wait_for("the half file to be seen", lambda: next(iter(client.dropped_files()), None))
        assert file.path == "m.pt"
        daemon.ctl("rescan")
        assert [f.state for f in client.dropped_files()] == [DroppedFileState.SETTLING]
        target.write(whole[len(whole) // 2 :])
        target.close()
        wait_live(client, "m", "1.0")
        assert client.dropped_files() == []

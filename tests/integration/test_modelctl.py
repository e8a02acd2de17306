"""modelctl against a running daemon and against the registry file."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from daemon_process import wait_live

X = {"x": np.zeros(2, np.float32)}


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def db(two_versions):
    """modelctl on the registry file itself, after the daemon has ended."""
    two_versions.terminate()

    return lambda *arguments: run(two_versions.modelctl, f"--db={two_versions.database}", *arguments)


def test_models_and_versions(two_versions):
    table = two_versions.ctl("models")
    assert "m" in table
    assert "1.1" in table
    (model,) = two_versions.ctl_json("models")["models"]
    assert (model["name"], model["live_version"]) == ("m", "1.1")
    assert "1.0" in two_versions.ctl("versions", "m")
    versions = two_versions.ctl_json("versions", "m")["model"]["versions"]
    assert [version["version"] for version in versions] == ["1.1", "1.0"]


def test_history_tells_who_when_what_and_why(two_versions):
    two_versions.ctl("rollback", "m", "--reason", "worse on sevens")
    events = two_versions.ctl_json("history", "m")["events"]
    rollback = events[0]
    assert rollback["action"] == "rollback"
    assert (rollback["from_version"], rollback["to_version"]) == ("1.1", "1.0")
    assert rollback["reason"] == "worse on sevens"
    assert rollback["actor"]
    assert rollback["time"]
    assert "registered" in [event["action"] for event in events]
    assert "worse on sevens" in two_versions.ctl("history", "m")


def live(daemon) -> tuple[str, str]:
    with daemon.client() as client:
        model = client.get_model("m").model
        answer = client.predict("m", X).version
    assert answer == model.live_version
    return model.live_version, model.pinned_version


def test_rollback_promote_pin_unpin_retire(two_versions):
    daemon = two_versions
    daemon.ctl("rollback", "m", "--reason", "r")
    assert live(daemon) == ("1.0", "1.0")
    daemon.ctl("promote", "m", "1.1", "--reason", "r")
    assert live(daemon) == ("1.1", "")
    daemon.ctl("rollback", "m", "--to", "1.0", "--reason", "r")
    assert live(daemon) == ("1.0", "1.0")
    daemon.ctl("unpin", "m", "--reason", "r")
    assert live(daemon) == ("1.1", "")
    daemon.ctl("pin", "m", "--reason", "r")
    assert live(daemon) == ("1.1", "1.1")
    daemon.ctl("pin", "m", "1.0", "--reason", "r")
    assert live(daemon) == ("1.0", "1.0")
    daemon.ctl("retire", "m", "1.1", "--reason", "r")
    with daemon.client() as client:
        states = {v.version: v.state.name for v in client.get_model("m").model.versions}
    assert states["1.1"] == "RETIRED"


def test_status(two_versions):
    status = two_versions.ctl_json("status")
    assert status["ready"] is True
    assert status["addresses"] == [two_versions.address]
    assert status["process_id"] == two_versions.pid
    assert any(engine.startswith("libtorch") for engine in status["engines"])
    assert two_versions.address in two_versions.ctl("status")


def test_rescan_tells_what_it_saw(two_versions):
    (two_versions.drop / "empty.pt").touch()
    answer = two_versions.ctl_json("rescan")
    assert answer["files"] == 3


def test_predict_takes_files_and_values(two_versions, artifacts, tmp_path):
    np.save(tmp_path / "x.npy", X["x"])
    answer = two_versions.ctl_json("predict", "m", f"x=@{tmp_path}/x.npy")
    assert answer["version"] == "1.1"
    assert "11" in two_versions.ctl("predict", "m", f"x=@{tmp_path}/x.npy")
    assert "10" in two_versions.ctl("predict", "m", f"x=@{tmp_path}/x.npy", "--version", "1.0")
    two_versions.move_in(artifacts.save("branch", {"name": "branch", "version": "1"}))
    with two_versions.client() as client:
        wait_live(client, "branch", "1")
    assert "-4" in two_versions.ctl("predict", "branch", "x=4.0", "flag=true")


DONE, FAILED, USAGE, NOT_FOUND, UNREACHABLE = range(5)  # exit statuses, as modelctl(1) documents them


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["versions", "unknown"], NOT_FOUND),
        (["history", "unknown"], NOT_FOUND),
        (["rollback", "unknown", "--reason", "r"], NOT_FOUND),
        (["promote", "m", "9.9"], NOT_FOUND),
        (["predict", "unknown", "x=1"], NOT_FOUND),
        (["predict", "m", "y=1"], FAILED),
        (["retire", "m", "1.1"], FAILED),
        (["inspect", "/nowhere.pt"], NOT_FOUND),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_failures_are_told_on_standard_error(two_versions, arguments, status):
    answer = two_versions.try_ctl(*arguments)
    assert (answer.returncode, answer.stdout) == (status, "")
    assert answer.stderr.startswith("modelctl: ")


@pytest.mark.parametrize("arguments", [[], ["fly"], ["rollback"], ["models", "--output=xml"]], ids=str)
def test_wrong_usage_is_status_2(two_versions, arguments):
    answer = two_versions.try_ctl(*arguments)
    assert answer.returncode == USAGE
    assert answer.stderr


def test_no_daemon_is_told_with_the_remedy(daemons):
    daemon = daemons.make()
    answer = daemon.try_ctl("models")
    assert answer.returncode == UNREACHABLE
    assert str(daemon.socket) in answer.stderr


def test_inspect_needs_no_daemon(daemons, artifacts):
    artifact = artifacts.tagged("1.0", 1.0, description="adds one")
    daemon = daemons.make()
    assert "adds one" in daemon.ctl("inspect", str(artifact))
    (told,) = daemon.ctl_json("inspect", str(artifact))["files"]
    assert (told["model"], told["version"], told["format"]) == ("m", "1.0", "torchscript")


def test_inspect_refuses_what_the_daemon_would_refuse(daemons, tmp_path):
    (tmp_path / "m.pt").write_bytes(b"")
    answer = daemons.make().try_ctl("inspect", str(tmp_path / "m.pt"))
    assert answer.returncode not in (0, 2)
    assert "m.pt" in answer.stderr


def test_the_registry_file_is_refused_while_the_daemon_holds_it(two_versions):
    for arguments in (["models"], ["rollback", "m", "--reason", "r"]):
        answer = run(two_versions.modelctl, f"--db={two_versions.database}", *arguments)
        assert answer.returncode == FAILED
        assert str(two_versions.pid) in answer.stderr
    assert live(two_versions) == ("1.1", "")


def test_a_rollback_in_the_registry_file_holds_at_the_next_start(two_versions, db):
    assert "1.1" in db("models").stdout
    assert json.loads(db("-o", "json", "versions", "m").stdout)["model"]["live_version"] == "1.1"
    done = db("rollback", "m", "--reason", "offline")
    assert done.returncode == 0, done.stderr
    assert "offline" in db("history", "m").stdout
    two_versions.start()
    assert live(two_versions) == ("1.0", "1.0")


def test_what_needs_the_daemon_is_refused_on_the_registry_file(db):
    for arguments in (["predict", "m", "x=1"], ["rescan"]):
        answer = db(*arguments)
        assert answer.returncode == USAGE
        assert answer.stderr.startswith("modelctl: ")


def test_a_registry_file_that_is_none(binaries, tmp_path):
    answer = run(binaries["modelctl"], f"--db={tmp_path}/none.db", "models")
    assert answer.returncode == NOT_FOUND
    assert "none.db" in answer.stderr
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_for_each_shell(binaries, shell):
    answer = run(binaries["modelctl"], "completion", shell)
    assert answer.returncode == 0, answer.stderr
    assert "modelctl" in answer.stdout


@pytest.mark.parametrize(
    ("words", "completions"),
    [(["rollb"], ["rollback"]), (["versions", ""], ["m"]), (["pin", "m", "1."], ["1.1", "1.0"])],
    ids=str,
)
def test_bash_completes_commands_models_and_versions(two_versions, words, completions):
    script = """
        source <("$1" completion bash)
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _modelctl "$1" "${@: -1}" "${@: -2:1}"
        printf '%s\n' "${COMPREPLY[@]}"
    """
    command = [str(two_versions.modelctl), *words]
    answer = subprocess.run(
        ["bash", "-c", script, "bash", *command],
        env={**os.environ, "MODELD_SOCKET": str(two_versions.socket)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert sorted(answer.stdout.split()) == sorted(completions)


def test_version_and_help(binaries):
    for binary in binaries.values():
        for argument in ("--version", "--help"):
            answer = run(binary, argument)
            assert answer.returncode == 0
            assert binary.name in answer.stdout

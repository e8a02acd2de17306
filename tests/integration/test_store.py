"""The care of the artifact store, with the real binaries."""

from pathlib import Path

import numpy as np
import pytest
from daemon_process import DaemonProcess, wait_live

X = {"x": np.zeros(2, np.float32)}


def stored(daemon: DaemonProcess, version: str, model: str = "m") -> Path:
    """Where the version's artifact lies."""
    versions = daemon.ctl_json("versions", model)["model"]["versions"]
    (sha256,) = [v["sha256"] for v in versions if v["version"] == version]
    return daemon.state / "artifacts" / "sha256" / sha256[:2] / sha256


def states(daemon: DaemonProcess, model: str = "m") -> dict[str, str]:
    versions = daemon.ctl_json("versions", model)["model"]["versions"]
    return {v["version"]: v["state"].removeprefix("VERSION_STATE_").lower() for v in versions}


def flip_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


@pytest.fixture
def four_versions(daemon, client, artifacts):
    """1.0 to 1.3, one after the other; 1.3 is live."""
    for minor in range(4):
        daemon.move_in(artifacts.tagged(f"1.{minor}", 10.0 + minor))
        wait_live(client, "m", f"1.{minor}")
    return daemon


def test_gc_dry_run_and_apply(four_versions, artifacts):
    daemon = four_versions
    old = stored(daemon, "1.0")
    table = daemon.ctl("gc", "--keep", "1")
    assert "1.0" in table
    assert "1.1" in table
    assert "1.2" not in table  # where a rollback goes
    assert "--apply" in table
    assert old.exists()

    applied = daemon.ctl_json("gc", "--keep", "1", "--apply", "--reason", "disk")
    assert [v["version"] for v in applied["versions"]] == ["1.0", "1.1"]
    assert int(applied["freed_bytes"]) > 0
    assert not old.exists()
    assert states(daemon)["1.0"] == "retired"
    event = daemon.ctl_json("history", "m")["events"][0]
    assert (event["action"], event["reason"]) == ("collected", "disk")
    assert daemon.ctl("gc", "--keep", "1") == "nothing to collect\n"
    daemon.ctl("verify")

    # What is served is served on, also after a restart that scans the same files again.
    daemon.kill()
    daemon.start()
    with daemon.client() as client:
        assert client.predict("m", X).version == "1.3"
    daemon.ctl("rescan")
    assert states(daemon)["1.0"] == "retired"
    assert not old.exists()

    # Dropped again and promoted, the collected version is back.
    daemon.move_in(artifacts.tagged("1.0", 10.0), "again.pt")
    daemon.ctl("rescan")
    assert old.exists()
    daemon.ctl("promote", "m", "1.0", "--reason", "needed after all")
    with daemon.client() as client:
        assert client.predict("m", X).output.tolist() == [10.0, 10.0]
    daemon.ctl("verify")


def test_verify_finds_a_flipped_byte_and_repairs_when_told(four_versions, artifacts):
    daemon = four_versions
    damaged = stored(daemon, "1.0")
    flip_byte(damaged)
    found = daemon.try_ctl("verify")
    assert found.returncode == 1
    assert "damaged" in found.stdout
    assert "m 1.0" in found.stdout
    assert states(daemon)["1.0"] == "available"

    daemon.ctl("verify", "--repair")
    assert states(daemon)["1.0"] == "quarantined"
    assert not damaged.exists()
    assert daemon.ctl_json("history")["events"][0]["action"] == "repaired"

    # Its file, dropped again, mends it.
    daemon.move_in(artifacts.tagged("1.0", 10.0), "again.pt")
    daemon.ctl("rescan")
    daemon.ctl("verify")
    daemon.ctl("promote", "m", "1.0", "--reason", "is it whole?")
    with daemon.client() as client:
        assert client.predict("m", X).output.tolist() == [10.0, 10.0]


def test_a_damaged_live_artifact_is_told_of_and_serves_on(four_versions):
    daemon = four_versions
    flip_byte(stored(daemon, "1.3"))
    repaired = daemon.try_ctl("verify", "--repair")
    assert repaired.returncode == 1
    assert "is live" in repaired.stdout
    with daemon.client() as client:
        assert client.predict("m", X).version == "1.3"

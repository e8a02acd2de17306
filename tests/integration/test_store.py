"""The care of the artifact store, with the real binaries."""

import json
import struct
import subprocess
import threading
import zipfile
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


def test_backup_under_load_then_restore_and_serve(four_versions, artifacts, daemons, tmp_path):
    daemon = four_versions
    backup = tmp_path / "backup"
    stop = threading.Event()
    failures: list[Exception] = []

    def ask() -> None:
        try:
            with daemon.client() as client:
                while not stop.is_set():
                    client.predict("m", X)
        except Exception as error:  # every kind counts
            failures.append(error)

    def drop() -> None:
        with daemon.client() as client:
            for minor in range(5):
                daemon.move_in(artifacts.tagged(f"2.{minor}", 20.0 + minor, name="other"))
                wait_live(client, "other", f"2.{minor}")

    threads = [threading.Thread(target=ask), threading.Thread(target=drop)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        daemon.ctl("backup", str(backup))
    threads[1].join()
    last = daemon.ctl_json("backup", str(backup))
    stop.set()
    threads[0].join()
    assert failures == []
    assert last["artifacts"] == 9
    assert last["left_out"] == []

    # Elsewhere, and with nothing to drop: all comes from the backup.
    other = daemons.make()
    restored = other.try_ctl("restore", str(backup), f"--state-directory={other.state}")
    assert restored.returncode == 0, restored.stderr
    other.start()
    with other.client() as client:
        assert client.predict("m", X).output.tolist() == [13.0, 13.0]
        assert client.predict("other", X).output.tolist() == [24.0, 24.0]
    other.ctl("verify")
    other.ctl("rollback", "m", "--reason", "does it still work?")
    with other.client() as client:
        assert client.predict("m", X).output.tolist() == [12.0, 12.0]

    refused = daemon.try_ctl("restore", str(backup), f"--state-directory={daemon.state}", "--force")
    assert refused.returncode == 1
    assert "stop the daemon" in refused.stderr


def test_backup_of_a_stopped_daemon(four_versions, tmp_path):
    daemon = four_versions
    daemon.terminate()
    backup = tmp_path / "backup"
    done = subprocess.run(
        [daemon.modelctl, f"--db={daemon.database}", "backup", backup],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (backup / "registry.db").exists()
    assert len(list((backup / "artifacts" / "sha256").glob("*/*"))) == 4


def record_offsets(path: Path) -> dict[str, int]:
    """Where each entry's bytes begin."""
    offsets = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        assert archive.testzip() is None
        for entry in archive.infolist():
            file.seek(entry.header_offset + 26)
            name_bytes, extra_bytes = struct.unpack("<HH", file.read(4))
            offsets[entry.filename] = entry.header_offset + 30 + name_bytes + extra_bytes
    return offsets


@pytest.fixture
def torchscript(tmp_path):
    """A model with tensors of its own and no config, and what it answers."""
    import torch

    torch.manual_seed(0)
    path = tmp_path / "net.pt"
    layers = [torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3)]
    module = torch.jit.script(torch.nn.Sequential(*layers).eval())
    torch.jit.save(module, str(path), _extra_files={"labels.txt": "a\nb\nc"})
    x = torch.randn(4, 5)
    return path, x, module(x)


def stamp(daemon: DaemonProcess, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [daemon.modelctl, "stamp", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_stamped_file_loads_as_before_and_can_be_dropped(daemon, client, torchscript):
    import torch

    path, x, expected = torchscript
    path.chmod(0o640)
    before = record_offsets(path)
    done = stamp(daemon, path, "--name", "net", "--version", "1.0", "--description", "three layers")
    assert done.returncode == 0, done.stderr
    assert path.stat().st_mode & 0o777 == 0o640

    after = record_offsets(path)
    assert {name: after[name] for name in before} == before
    assert all(offset % 64 == 0 for name, offset in after.items() if "/data/" in name)
    extra = {"config.json": "", "labels.txt": ""}
    loaded = torch.jit.load(str(path), _extra_files=extra)
    config = json.loads(extra["config.json"])
    assert config == {"name": "net", "version": "1.0", "description": "three layers"}
    assert extra["labels.txt"] == b"a\nb\nc"
    assert torch.equal(loaded(x), expected)

    daemon.move_in(path)
    wait_live(client, "net", "1.0")
    answer = client.predict("net", {"input": x.numpy()})
    assert np.allclose(answer.output, expected.detach().numpy(), atol=1e-6)

    # Another version of the same bytes: by force, and again loadable; LibTorch's own writer reads it too.
    refused = stamp(daemon, path, "--version", "1.1")
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    again = path.with_name("again.pt")
    assert stamp(daemon, path, "--version", "1.1", "--force", "--save-as", again).returncode == 0
    torch.jit.save(torch.jit.load(str(again)), str(path.with_name("resaved.pt")))
    daemon.move_in(again)
    wait_live(client, "net", "1.1")
    assert client.predict("net", {"input": x.numpy()}).version == "1.1"


def test_stamp_refuses_what_is_no_torchscript_and_leaves_it(daemon, tmp_path):
    import torch

    state_dict = tmp_path / "weights.pt"
    torch.save({"w": torch.zeros(3)}, state_dict)
    for path, content in ((state_dict, state_dict.read_bytes()), (tmp_path / "text.pt", b"hello")):
        path.write_bytes(content)
        refused = stamp(daemon, path, "--version", "1.0")
        assert refused.returncode == 1
        assert "TorchScript" in refused.stderr
        assert path.read_bytes() == content
    assert stamp(daemon, tmp_path / "none.pt", "--version", "1.0").returncode == 3
    assert stamp(daemon, state_dict).returncode == 2

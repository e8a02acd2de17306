"""Files that are off: refused with the reason, nothing lost, and what serves goes on serving."""

import contextlib
import json
import os
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
from daemon_process import wait_dropped, wait_for, wait_live

from modeld_client import DroppedFileState, FailedPreconditionError, NotFoundError

X = {"x": np.zeros(1, np.float32)}


@pytest.fixture(scope="module")
def daemon(shared_daemons, shared_artifacts):
    daemon = shared_daemons.start()
    daemon.move_in(shared_artifacts.tagged("1.0", 10.0, name="good"))
    with daemon.client() as client:
        wait_live(client, "good", "1.0")
    return daemon


@pytest.fixture
def client(daemon):
    """Checks that the good model serves after the test, and clears the bad files away."""
    with daemon.client() as client:
        yield client
        assert client.predict("good", X).version == "1.0"
        for entry in daemon.drop.iterdir():
            if entry.name != "good-1.0.pt":
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        wait_for("the bad files to be forgotten", lambda: not client.dropped_files())


def assert_refused(client, path: str, *words: str) -> None:
    file = wait_dropped(client, path)
    for word in words:
        assert word in file.reason
    assert file.model not in [model.name for model in client.list_models()]


@pytest.mark.parametrize("share", [0.1, 0.6, 0.99])
def test_truncated(daemon, client, shared_artifacts, share):
    whole = shared_artifacts.tagged("1.0", 1.0).read_bytes()
    (daemon.drop / "m.pt").write_bytes(whole[: int(len(whole) * share)])
    assert_refused(client, "m.pt", "incomplete")


def test_empty(daemon, client):
    (daemon.drop / "m.pt").touch()
    assert_refused(client, "m.pt", "empty")


def test_a_truncated_file_that_is_copied_again_is_served(daemon, client, shared_artifacts):
    whole = shared_artifacts.tagged("2.0", 2.0, name="again").read_bytes()
    (daemon.drop / "again.pt").write_bytes(whole[:-100])
    wait_dropped(client, "again.pt")
    (daemon.drop / "again.pt").write_bytes(whole)
    wait_live(client, "again", "2.0")
    assert client.dropped_files() == []


def test_text_that_is_no_archive(daemon, client):
    (daemon.drop / "m.pt").write_text("this is not a model\n" * 100)
    assert_refused(client, "m.pt")


def test_a_zip_that_is_no_torchscript(daemon, client):
    with zipfile.ZipFile(daemon.drop / "m.pt", "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert_refused(client, "m.pt", "TorchScript")


def test_weights_saved_by_torch_save(daemon, client, tmp_path):
    import torch

    torch.save({"weight": torch.zeros(3)}, tmp_path / "weights.pt")
    daemon.move_in(tmp_path / "weights.pt", "m.pt")
    assert_refused(client, "m.pt", "torch.jit.save")


def rewrite(source, target, replaced=(), added=()) -> None:
    """Copies an archive entry by entry, with other bytes for some, and more entries at its end.

    The copy appears under its name when it is complete.
    """
    part = target.with_name(f".{target.name}.part")
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(part, "w") as new:
        for entry in old.infolist():
            name = entry.filename.partition("/")[2]
            new.writestr(entry, dict(replaced).get(name, old.read(entry)))
        for name, content in added:
            new.writestr(name, content, zipfile.ZIP_DEFLATED)
    part.rename(target)


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "m/../../outside"])
def test_entries_that_lead_out(daemon, client, shared_artifacts, name):
    artifact = shared_artifacts.tagged("1.0", 1.0)
    rewrite(artifact, daemon.drop / "m.pt", added=[(name, b"x")])
    assert_refused(client, "m.pt", name)


def test_a_bomb(daemon, client, shared_artifacts):
    artifact = shared_artifacts.tagged("1.0", 1.0)
    zeros = [(f"bomb/{number}", bytes(64 << 20)) for number in range(8)]
    rewrite(artifact, daemon.drop / "m.pt", added=zeros)
    assert_refused(client, "m.pt", "unpack")


def test_damage_that_only_loading_finds(daemon, client, shared_artifacts):
    artifact = shared_artifacts.tagged("3.0", 1.0, name="damaged")
    rewrite(artifact, daemon.drop / "damaged.pt", replaced=[("data.pkl", b"broken")])
    wait_for("a refusal", lambda: refusal_of(client, "damaged", "damaged.pt"))
    with pytest.raises((NotFoundError, FailedPreconditionError)):
        client.predict("damaged", X)


def refusal_of(client, model: str, path: str) -> str:
    """Why a model was refused, as a version or as a file."""
    for m in client.list_models():
        if m.name == model and m.versions[0].state.name == "QUARANTINED":
            return m.versions[0].reason
    return next((file.reason for file in client.dropped_files() if file.path == path), "")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (None, ["config.json"]),
        ("{}", ["version"]),
        ("", ["config.json"]),
        ("not json", ["config.json", "line 1"]),
        ('{"version": "1.0",}', ["line 1"]),
        ('{"version": "1.0", "version": "1.1"}', ["version"]),
        ("[]", ["object"]),
        ('{"version": 1.0}', ["version"]),
        ('{"version": "a b"}', ["a b"]),
        ('{"version": ""}', ["version"]),
        ('{"version": "1", "name": "Digits"}', ["Digits"]),
        ('{"version": "1", "name": "../up"}', ["../up"]),
        ('{"version": "1", "inputs": [{"nme": "x"}]}', ["nme", "name"]),
        ('{"version": "1", "inputs": [{"name": "x", "dtype": "FLOAT"}]}', ["FLOAT"]),
        ('{"version": "1", "inputs": [{"name": "x", "shape": [-2]}]}', ["-2"]),
        ('{"version": "1", "execution": {"device": "gpu"}}', ["execution.device", "cuda:N", "gpu"]),
        ('{"version": "1", "batching": {"max_batch_size": -8}}', ["batching.max_batch_size", "-8"]),
        ('{"version": "1", "execution": {"device": "cuda:00x"}}', ["execution.device", "cuda:00x"]),
        (
            '{"version": "1", "postprocess": {"y": {"softmax": true, "sigmoid": true}}}',
            ["postprocess", "softmax"],
        ),
        (json.dumps({"version": "1", "description": "x" * (2 << 20)}), ["config.json"]),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_configs_that_are_off(daemon, client, shared_artifacts, config, words):
    artifact = shared_artifacts.save("tagged", config, 1.0, file="made.pt")
    daemon.move_in(artifact, "m.pt")
    assert_refused(client, "m.pt", *words)


def test_an_unknown_key_is_kept_and_warned_of(daemon, client, shared_artifacts):
    artifact = shared_artifacts.save("tagged", '{"version": "1.0", "desription": "x"}', 1.0, file="made.pt")
    daemon.move_in(artifact, "warned.pt")
    wait_live(client, "warned", "1.0")
    (warning,) = client.get_model("warned").model.version("1.0").warnings
    assert "desription" in warning
    assert "description" in warning
    assert "desription" in daemon.ctl("inspect", str(artifact))


def test_an_unknown_key_is_refused_if_strict(daemons, artifacts):
    daemon = daemons.start("--strict-config")
    daemon.move_in(artifacts.save("tagged", '{"version": "1.0", "mine": 1}', 1.0), "m.pt")
    with daemon.client() as client:
        assert "mine" in wait_dropped(client, "m.pt").reason


@pytest.mark.parametrize("file", ["Digits.pt", "a b.pt", "-m.pt", "ü.pt"])
def test_file_names_that_break_the_rule_for_models(daemon, client, shared_artifacts, file):
    daemon.move_in(shared_artifacts.save("tagged", '{"version": "1"}', 1.0, file="made.pt"), file)
    assert_refused(client, file, "name")


def test_a_numbered_directory_that_contradicts_the_config(daemon, client, shared_artifacts):
    (daemon.drop / "m" / "3").mkdir(parents=True)
    artifact = shared_artifacts.save("tagged", '{"version": "4"}', 1.0, file="made.pt")
    daemon.move_in(artifact, "m/3/model.pt")
    assert_refused(client, "m/3/model.pt", '"3"', '"4"')


def test_the_same_version_with_other_bytes(daemon, client, shared_artifacts):
    daemon.move_in(shared_artifacts.tagged("1.0", 99.0, name="good"), "conflict.pt")
    file = wait_dropped(client, "conflict.pt")
    assert (file.model, file.version) == ("good", "1.0")
    assert "1.0" in file.reason
    assert client.get_model("good").dropped_files == (file,)
    assert client.predict("good", X).output.tolist() == [10.0]
    assert "conflict.pt" in daemon.ctl("models")


def test_a_link_that_leads_out(daemon, client, shared_artifacts):
    (daemon.drop / "m.pt").symlink_to(shared_artifacts.tagged("1.0", 1.0))
    assert_refused(client, "m.pt", "link")


def test_a_link_that_leads_nowhere(daemon, client):
    (daemon.drop / "m.pt").symlink_to("nowhere.pt")
    wait_for("a report", lambda: any("link" in file.reason for file in client.dropped_files()))


def test_a_link_inside_the_directory_is_followed(daemons, artifacts):
    daemon = daemons.start()
    daemon.copy_in(artifacts.tagged("1.0", 1.0), "m.blob")
    (daemon.drop / "m.pt").symlink_to("m.blob")
    with daemon.client() as client:
        wait_live(client, "m", "1.0")


def test_a_directory_named_like_a_model(daemon, client):
    (daemon.drop / "m.pt").mkdir()
    daemon.ctl("rescan")
    assert "m" not in [model.name for model in client.list_models()]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(daemon, client, shared_artifacts):
    daemon.move_in(shared_artifacts.tagged("1.0", 1.0), "m.pt")
    (daemon.drop / "m.pt").chmod(0)
    file = wait_for("a report", lambda: next(iter(client.dropped_files()), None))
    assert "ermission" in file.reason


def test_files_that_vanish_while_they_are_looked_at(daemon, client, shared_artifacts):
    artifact = shared_artifacts.tagged("1.0", 1.0, name="vanishing")
    target = daemon.drop / "vanishing.pt"
    for _ in range(100):
        shutil.copyfile(artifact, target)
        target.unlink()
    daemon.ctl("rescan")
    assert client.dropped_files() == []


def test_a_drop_directory_that_is_deleted_and_made_again(daemons, artifacts):
    daemon = daemons.start("--rescan-interval-s=1")
    daemon.move_in(artifacts.tagged("1.0", 1.0))
    with daemon.client() as client:
        wait_live(client, "m", "1.0")
        shutil.rmtree(daemon.drop)
        error = wait_for("the trouble to be told of", lambda: client.listing().source_error)
        assert str(daemon.drop) in error
        # A scan that the deletion came into says it in other words than the next one.
        wait_for(
            "the status to tell the same",
            lambda: daemon.status().source_error == client.listing().source_error != "",
        )
        assert client.predict("m", X).version == "1.0"
        daemon.drop.mkdir()
        wait_for("the trouble to be over", lambda: not client.listing().source_error)
        daemon.move_in(artifacts.tagged("1.1", 1.0))
        wait_live(client, "m", "1.1")


def test_a_start_without_drop_directory_serves_what_was_live(daemons, artifacts):
    daemon = daemons.start()
    daemon.move_in(artifacts.tagged("1.0", 1.0))
    with daemon.client() as client:
        wait_live(client, "m", "1.0")
    daemon.terminate()
    shutil.rmtree(daemon.drop)
    daemon.start()
    with daemon.client() as client:
        assert client.predict("m", X).version == "1.0"
        assert wait_for("the trouble to be told of", lambda: client.listing().source_error)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB; skips where this user may not mount one."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(directory)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("may not mount a file system")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(path) -> None:
    """Writes until the disk is full."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def test_a_full_disk_while_staging(daemons, artifacts, small_disk):
    daemon = daemons.make()
    daemon.state.symlink_to(small_disk)
    daemon.start()
    with daemon.client() as client:
        daemon.move_in(artifacts.tagged("1.0", 10.0))
        wait_live(client, "m", "1.0")
        filler = small_disk / "filler"
        fill(filler)
        daemon.move_in(artifacts.tagged("1.1", 11.0, metadata={"padding": "x" * 500_000}))
        waiting = wait_dropped(client, "m-1.1.pt", DroppedFileState.RETRYING)
        assert "space" in waiting.reason.lower()
        assert client.predict("m", X).output.tolist() == [10.0]
        filler.unlink()
        wait_live(client, "m", "1.1")

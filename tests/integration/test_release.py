"""Several models that become live together or not at all: a directory with a manifest."""

import json
import shutil
import time

import numpy as np
import pytest
from callers import Callers
from daemon_process import wait_dropped, wait_for, wait_live

from modeld_client import DroppedFileState, NotFoundError, VersionState

X = {"x": np.zeros(2, np.float32)}
CALLERS = 4  # of each model
MODELS = ("a", "b")


@pytest.fixture
def both_live(daemon, client, artifacts):
    """A daemon on which 1.0 of both models is live."""
    for name in MODELS:
        daemon.move_in(artifacts.tagged("1.0", 10.0, name=name))
        wait_live(client, name, "1.0")
    return daemon


def drop_release(daemon, name, files, manifest=None):
    """Drops files as a release, all at once by a rename; the manifest lists them if none is given."""
    part = daemon.drop / f"{name}.part"
    part.mkdir()
    for file in files:
        shutil.copyfile(file, part / file.name)
    text = manifest if manifest is not None else json.dumps({"models": [file.name for file in files]})
    (part / "manifest.json").write_text(text)
    part.rename(daemon.drop / name)


def state_of(client, model, version):
    versions = client.get_model(model).model.versions
    return next((v.state for v in versions if v.version == version), None)


def live_versions(client):
    return [client.get_model(name).model.live_version for name in MODELS]


def test_two_models_become_live_in_one_step_under_load(both_live, client, artifacts):
    daemon = both_live
    with (
        Callers(daemon.address, "a", X, CALLERS) as of_a,
        Callers(daemon.address, "b", X, CALLERS) as of_b,
    ):
        started = time.monotonic()
        wait_for(
            "calls by both old versions",
            lambda: all(callers.everybody_saw("1.0", started) for callers in (of_a, of_b)),
        )
        drop_release(daemon, "week-48", [artifacts.tagged("1.1", 11.0, name=name) for name in MODELS])
        for name in MODELS:
            wait_live(client, name, "1.1")
        published = time.monotonic()
        wait_for(
            "calls by both new versions",
            lambda: all(callers.everybody_saw("1.1", published) for callers in (of_a, of_b)),
        )
    assert of_a.failures + of_b.failures == []
    answers = of_a.answers() + of_b.answers()
    # Whoever calls any of the models after anybody saw a new one gets a new one.
    first_new = min(answer.ended for answer in answers if answer.version == "1.1")
    late = [answer for answer in answers if answer.began > first_new]
    assert late
    assert {answer.version for answer in late} == {"1.1"}
    assert client.dropped_files() == []


def test_a_release_with_one_bad_model_leaves_both_old_versions_live(both_live, client, artifacts):
    daemon = both_live
    good = artifacts.tagged("1.1", 11.0, name="a")
    bad = artifacts.tagged("1.1", 11.0, name="b", inputs=[{"name": "picture"}])
    with (
        Callers(daemon.address, "a", X, CALLERS) as of_a,
        Callers(daemon.address, "b", X, CALLERS) as of_b,
    ):
        drop_release(daemon, "week-48", [good, bad])
        wait_for("b 1.1 to be refused", lambda: state_of(client, "b", "1.1") == VersionState.QUARANTINED)
        refused = time.monotonic()
        wait_for(
            "calls by both old versions",
            lambda: all(callers.everybody_saw("1.0", refused) for callers in (of_a, of_b)),
        )
    assert of_a.failures + of_b.failures == []
    assert set(of_a.counts()) == set(of_b.counts()) == {"1.0"}
    assert live_versions(client) == ["1.0", "1.0"]
    assert "picture" in daemon.ctl("versions", "b")
    assert "week-48/manifest.json" in daemon.ctl("models")
    assert "week-48" in daemon.ctl("history")

    # Not after a restart either.
    daemon.kill()
    daemon.start()
    with daemon.client() as restarted:
        wait_live(restarted, "a", "1.0")
        daemon.ctl("rescan")
        assert live_versions(restarted) == ["1.0", "1.0"]


def test_a_file_that_is_refused_registers_nothing_of_the_release(both_live, client, artifacts):
    daemon = both_live
    good = artifacts.tagged("1.1", 11.0, name="a")
    nameless = artifacts.save("tagged", {"name": "b"}, 11.0, file="b-without-version.pt")
    drop_release(daemon, "week-48", [good, nameless])
    file = wait_dropped(client, "week-48/manifest.json")
    assert "b-without-version.pt" in file.reason
    assert "no version" in file.reason
    assert state_of(client, "a", "1.1") is None
    assert "b-without-version.pt" in daemon.ctl("models")


def test_a_manifest_that_is_off_is_refused_by_the_field(daemon, client, artifacts):
    drop_release(daemon, "week-48", [artifacts.tagged("1.1", 11.0, name="a")], '{"model": ["a-1.1.pt"]}')
    assert 'did you mean "models"' in wait_dropped(client, "week-48/manifest.json").reason
    with pytest.raises(NotFoundError):
        client.get_model("a")


def test_a_release_waits_for_its_last_file(daemons, artifacts):
    daemon = daemons.start("--incomplete-timeout-s=600")
    files = [artifacts.tagged("1.1", 11.0, name=name) for name in MODELS]
    drop_release(daemon, "week-48", files[:1], json.dumps({"models": [file.name for file in files]}))
    with daemon.client() as client:
        wait_for(
            "the missing file to be named",
            lambda: (
                "b-1.1.pt" in wait_dropped(client, "week-48/manifest.json", DroppedFileState.SETTLING).reason
            ),
        )
        assert client.list_models() == []
        daemon.move_in(files[1], "week-48/b-1.1.pt")
        for name in MODELS:
            wait_live(client, name, "1.1")


def test_files_of_a_release_take_their_names_from_their_paths_in_it(daemon, client, artifacts):
    part = daemon.drop / "week-48.part"
    (part / "faces/3").mkdir(parents=True)
    shutil.copyfile(artifacts.save("tagged", {"version": "1.0"}, 1.0, file="x.pt"), part / "digits.pt")
    shutil.copyfile(artifacts.save("tagged", {}, 2.0, file="y.pt"), part / "faces/3/model.pt")
    (part / "manifest.json").write_text('{"models": ["digits.pt", "faces/3/model.pt"]}')
    part.rename(daemon.drop / "week-48")
    wait_live(client, "digits", "1.0")
    wait_live(client, "faces", "3")

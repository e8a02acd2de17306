"""The state directory: what the daemon refuses to start with, and never overwrites."""

import sqlite3
import stat

import numpy as np
import pytest
from daemon_process import wait_live

X = {"x": np.zeros(1, np.float32)}


@pytest.fixture
def stopped(daemon, client, artifacts):
    """A daemon that served 1.0 and was stopped."""
    daemon.move_in(artifacts.tagged("1.0", 10.0))
    wait_live(client, "m", "1.0")
    assert daemon.terminate() == 0
    return daemon


def assert_refuses_to_start(daemon, *words: str) -> None:
    before = daemon.database.read_bytes()
    logged = len(daemon.log)
    daemon.launch()
    assert daemon.wait() == 1
    said = daemon.log[logged:]
    for word in [str(daemon.database), *words]:
        assert word in said
    assert daemon.database.read_bytes() == before


def test_a_database_of_rubbish(stopped):
    stopped.database.write_bytes(b"rubbish" * 1000)
    assert_refuses_to_start(stopped)


def test_a_damaged_database(stopped):
    content = bytearray(stopped.database.read_bytes())
    content[4096:8192] = b"\xa5" * 4096
    stopped.database.write_bytes(content)
    assert_refuses_to_start(stopped, "damaged")


def test_a_database_of_a_newer_schema(stopped):
    with sqlite3.connect(stopped.database) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.execute(f"PRAGMA user_version = {version + 1}")
    database.close()
    assert_refuses_to_start(stopped, "newer")


def test_a_database_of_another_program(stopped):
    stopped.database.unlink()
    with sqlite3.connect(stopped.database) as database:
        database.execute("CREATE TABLE notes (text TEXT)")
    database.close()
    assert_refuses_to_start(stopped)


def test_a_second_daemon_on_the_same_state(daemon, client, daemons):
    second = daemons.make(directory=daemon.state.parent)
    logged = len(daemon.log)
    second.launch()
    assert second.wait() == 1
    assert str(daemon.state) in daemon.log[logged:]
    assert str(daemon.pid) in daemon.log[logged:]
    assert client.is_serving()
    assert daemon.status().process_id == daemon.pid


def test_a_kill_leaves_nothing_that_hinders_the_next_start(daemon):
    for _ in range(3):
        daemon.kill()
        daemon.start()
    assert daemon.terminate() == 0


def test_an_artifact_that_is_gone_is_told_of_and_the_rest_serves(daemon, client, artifacts):
    daemon.move_in(artifacts.tagged("1.0", 10.0))
    daemon.move_in(artifacts.tagged("1.0", 20.0, name="other"))
    wait_live(client, "m", "1.0")
    wait_live(client, "other", "1.0")
    sha256 = client.get_model("m").model.versions[0].sha256
    daemon.kill()
    (stored,) = [path for path in daemon.state.rglob("*") if sha256 in path.name]
    stored.unlink()
    daemon.start()
    with daemon.client() as again:
        assert again.predict("other", X).output.tolist() == [20.0]
        assert again.get_model("m").model.versions[0].reason != ""


def test_state_is_for_the_daemons_user_alone(daemon):
    assert stat.S_IMODE(daemon.state.stat().st_mode) == 0o700
    assert stat.S_IMODE(daemon.database.stat().st_mode) == 0o600
    assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("option", "word"),
    [("--listen=nonsense", "nonsense"), ("--settle-ms=-1", "settle-ms"), ("--settel-ms=1", "settel-ms")],
)
def test_a_wrong_option_is_named_with_status_2(daemons, option, word):
    daemon = daemons.make(option)
    daemon.launch()
    assert daemon.wait() == 2
    assert word in daemon.log


def test_options_come_from_a_toml_file(daemons, tmp_path):
    config = tmp_path / "modeld.toml"
    config.write_text('log-level = "debug"\nmax-queue = 7\n')
    daemon = daemons.start(f"--config={config}")
    assert "level=debug" in daemon.log


def test_a_port_in_use_is_named(daemon, daemons):
    second = daemons.make(f"--listen={daemon.address}")
    second.launch()
    assert second.wait() == 1
    assert daemon.address in second.log

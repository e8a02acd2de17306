"""Canary, shadow and the watch over what went live, against the real daemon."""

import contextlib
import json

import numpy as np
import pytest
from daemon_process import wait_for, wait_live

from modeld_client import InternalError

X = {"x": np.zeros(2, np.float32)}
BAD_X = {"x": np.ones(2, np.float32)}
USERS = [f"user-{number}" for number in range(300)]
GUARD = {"watch_seconds": 600, "min_requests": 5}


def tag(answer) -> float:
    return float(answer.output[0])


def traffic(client):
    (model,) = client.list_models()
    return model.traffic


def canary_users(client) -> set[str]:
    """Those whom 1.0 answers, where 1.1 is live."""
    chosen = set()
    for user in USERS:
        answer = client.predict("m", X, sticky_key=user)
        assert tag(answer) == {"1.0": 10.0, "1.1": 11.0}[answer.version]
        if answer.version == "1.0":
            chosen.add(user)
    return chosen


def test_a_canary_gets_its_share_of_the_users_and_keeps_them(two_versions, client):
    assert canary_users(client) == set()
    two_versions.ctl("canary", "m", "1.0", "20")
    assert (traffic(client).canary_version, traffic(client).canary_share) == ("1.0", 0.2)
    few = canary_users(client)
    assert 25 <= len(few) <= 95  # five standard deviations about 60
    assert canary_users(client) == few

    user = sorted(few)[0]
    assert client.predict("m", X, sticky_key=user, label="live").version == "1.1"
    assert client.predict("m", X, sticky_key=user, version="1.1").version == "1.1"
    assert client.predict("m", X, label="canary").version == "1.0"

    two_versions.ctl("canary", "m", "1.0", "50")
    many = canary_users(client)
    assert few < many
    two_versions.terminate()
    two_versions.start()
    with two_versions.client() as restarted:
        assert canary_users(restarted) == many
        two_versions.ctl("canary", "m", "--off")
        assert canary_users(restarted) == set()
        assert traffic(restarted) is None


def test_a_shadow_is_compared_and_never_answers(two_versions, client):
    two_versions.ctl("shadow", "m", "1.0", "100")
    for number in range(20):
        assert client.predict("m", {"x": np.full(2, number, np.float32)}).version == "1.1"

    def all_looked_at():
        stats = traffic(client).shadow
        return stats if stats.compared + stats.skipped == 20 else None

    stats = wait_for("the copies to be compared", all_looked_at)
    assert stats.compared > 0
    assert (stats.agreed, stats.failed) == (0, 0)
    assert stats.max_absolute == pytest.approx(1.0)
    assert "output" in stats.last_difference
    assert stats.live_seconds > 0
    assert stats.shadow_seconds > 0
    (model,) = client.list_models()
    assert model.version("1.1").stats.requests == 20
    assert model.version("1.0").stats.requests == 0

    two_versions.ctl("shadow", "m", "--off")
    assert traffic(client) is None


def deploy(daemon, client, artifacts, fault):
    """1.0 was live, takes all there is and has answered; 1.1 is watched, and does `fault` on ones."""
    daemon.move_in(artifacts.save("touchy", {"name": "m", "version": "1.0", "guard": GUARD}, ""))
    wait_live(client, "m", "1.0")
    for _ in range(20):
        client.predict("m", BAD_X)
    daemon.move_in(artifacts.save("touchy", {"name": "m", "version": "1.1", "guard": GUARD}, fault))


def predict_badly(client, **arguments) -> None:
    with contextlib.suppress(InternalError):
        client.predict("m", BAD_X, **arguments)


@pytest.mark.parametrize(("fault", "rule"), [("raise", "error_ratio"), ("nan", "not_a_number")])
def test_what_does_harm_after_it_went_live_is_rolled_back_by_itself(daemon, client, artifacts, fault, rule):
    deploy(daemon, client, artifacts, fault)
    wait_live(client, "m", "1.1")
    (model,) = client.list_models()
    assert (model.watch.version, model.watch.previous_version) == ("1.1", "1.0")
    for _ in range(20):
        predict_badly(client)
    wait_live(client, "m", "1.0")
    np.testing.assert_array_equal(client.predict("m", BAD_X).output, BAD_X["x"])
    (model,) = client.list_models()
    assert model.watch is None
    assert model.pinned_version == "1.0"
    (event,) = [e for e in daemon.ctl_json("history", "m")["events"] if e["action"] == "auto_rollback"]
    assert (event["from_version"], event["to_version"]) == ("1.1", "1.0")
    evidence = json.loads(event["evidence"])
    assert evidence["rule"] == rule
    assert evidence["watched"]["requests"] >= 5


def test_a_canary_that_does_harm_is_ended_by_itself(daemon, client, artifacts):
    daemon.move_in(artifacts.save("touchy", {"name": "m", "version": "1.0", "guard": GUARD}, ""))
    wait_live(client, "m", "1.0")
    daemon.ctl("pin", "m")
    daemon.move_in(artifacts.save("touchy", {"name": "m", "version": "1.1", "guard": GUARD}, "raise"))
    assert daemon.try_ctl("wait", "m", "1.1").returncode == 7  # in memory, kept from live
    daemon.ctl("canary", "m", "1.1", "50")

    def ended() -> bool:
        for user in USERS[:20]:
            predict_badly(client, sticky_key=user)
        return traffic(client) is None

    wait_for("the canary to be ended", ended)
    for user in USERS:
        assert client.predict("m", BAD_X, sticky_key=user).version == "1.0"
    ends = [e for e in daemon.ctl_json("history", "m")["events"] if e["action"] == "canary"]
    assert ends[0]["actor"] == "daemon"
    assert "failed by its fault" in ends[0]["reason"]

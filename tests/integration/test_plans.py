"""Versions run the fastest way that answers as they were saved: --try-plans against the real daemon."""

import json
import subprocess
import time

import numpy as np
import pytest
from daemon_process import wait_live

from modeld_client import golden_sample

X = np.linspace(-1, 1, 2 * 3 * 16 * 16, dtype=np.float32).reshape(2, 3, 16, 16)
CONFIG = {
    "name": "net",
    "version": "1.0",
    "inputs": [{"name": "x", "dtype": "FP32", "shape": [-1, 3, 16, 16]}],
    "warmup": {"batch_sizes": [1, 2]},
}


@pytest.fixture
def daemon(daemons):
    return daemons.start("--try-plans=true")


def by_name(report) -> dict[str, dict]:
    return {plan["name"]: plan for plan in report["plans"]}


def tuned(daemon, client, name: str, version: str = "1.0", timeout_s: float = 120) -> dict[str, dict]:
    """The plans of a version, once they were tried and it runs by the best of them."""
    wait_live(client, name, version, timeout_s=timeout_s)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        plans = by_name(daemon.ctl_json("plans", name, version))
        chosen = [plan for plan, result in plans.items() if result.get("chosen")]
        runs = {v.version: v.plan for v in client.get_model(name).model.versions}
        if chosen and runs[version] == chosen[0]:
            return plans
        time.sleep(0.1)
    raise AssertionError(f"{name} {version} is not tuned: {daemon.ctl('plans', name, version)}")


def test_the_chosen_plan_answers_as_the_module_does_and_survives_a_restart(daemon, client, artifacts):
    import modules
    import torch

    daemon.move_in(artifacts.save("convolutions", CONFIG))
    plans = tuned(daemon, client, "net")
    assert next(iter(plans)) == "libtorch"
    assert set(plans) > {"libtorch frozen", "libtorch channels-last"}
    assert "execution.precisions" in plans["libtorch frozen bf16"]["refused"]
    (chosen,) = [name for name, plan in plans.items() if plan.get("chosen")]
    for name, plan in plans.items():
        sizes = [latency["batch_size"] for latency in plan.get("latencies", [])]
        assert sizes == (["1", "2"] if not plan.get("refused") else []), name

    expected = modules.script("convolutions")(torch.from_numpy(X)).detach().numpy()

    def check(client) -> None:
        (version,) = client.get_model("net").model.versions
        assert (version.engine, version.plan) == (chosen.split()[0], chosen)
        np.testing.assert_allclose(client.predict("net", {"x": X}).output, expected, rtol=1e-4, atol=1e-5)

    check(client)
    table = daemon.ctl("plans", "net", "1.0")
    assert [line.split("  ")[0] for line in table.splitlines()[2:]] == list(plans)
    daemon.terminate()
    daemon.start()
    with daemon.client() as again:
        check(again)


def test_bf16_is_taken_where_the_config_allows_it_and_samples_prove_it(daemon, client, artifacts):
    import modules
    import torch

    expected = modules.script("convolutions")(torch.from_numpy(X)).detach().numpy()
    config = {**CONFIG, "execution": {"precisions": ["bf16"], "tolerance": {"rtol": 0.05, "atol": 0.05}}}
    sample = {"golden/0": golden_sample({"x": X}, {"output": expected})}
    daemon.move_in(artifacts.save("convolutions", config, extra=sample))
    plans = tuned(daemon, client, "net")
    for name in ("libtorch frozen bf16", "libtorch channels-last bf16"):
        assert not plans[name].get("refused"), plans[name]
        assert 0 < plans[name]["max_absolute"] < 0.05
    answer = client.predict("net", {"x": X}).output
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, expected, rtol=0.05, atol=0.05)


def test_where_latency_is_asked_for_outright_threads_are_tried(daemon, client, artifacts):
    import os

    daemon.move_in(artifacts.save("convolutions", {**CONFIG, "execution": {"objective": "latency"}}))
    wait_live(client, "net", "1.0", timeout_s=120)
    daemon.ctl("plans", "--retune", "net")
    (chosen,) = [plan for plan in daemon.ctl_json("plans", "net", "1.0")["plans"] if plan.get("chosen")]
    cpus = len(os.sched_getaffinity(0))
    measured = [latency["threads"] for latency in chosen.get("thread_latencies", [])]
    assert measured == ([1, 2] if cpus == 2 else measured)
    assert (len(measured) > 1) == (cpus > 1)
    if cpus > 1:
        assert chosen["threads"] in measured
        assert "by threads of a run: 1: " in daemon.ctl("plans", "net", "1.0")


def test_a_stateful_module_runs_as_it_was_saved(daemon, client, artifacts):
    inputs = [{"name": "x", "dtype": "FP32", "shape": [1]}]
    daemon.move_in(artifacts.save("accumulator", {"name": "sum", "version": "1.0", "inputs": inputs}))
    as_saved, *others = tuned(daemon, client, "sum").values()
    assert as_saved["chosen"]
    assert others
    for plan in others:
        assert any(
            why in plan["refused"] for why in ("bf16", "writes its attributes", "SetAttr", "attributes")
        )


def test_without_known_inputs_it_says_that_nothing_was_tried(daemon, client, artifacts):
    daemon.move_in(artifacts.tagged("1.0", 1.0))
    wait_live(client, "m", "1.0", timeout_s=120)
    daemon.ctl("plans", "--retune", "m")
    assert "saved only: no inputs of forward are known" in daemon.ctl("plans", "m")


def test_the_probe_of_a_file_tries_them_too(binaries, artifacts):
    path = artifacts.save("convolutions", CONFIG)
    done = subprocess.run(
        [binaries["modeld"], "--probe", path, "--try-plans=true"],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert set(by_name(json.loads(done.stdout))) > {"libtorch", "libtorch frozen", "libtorch channels-last"}


def test_the_next_version_of_the_graph_goes_live_by_the_known_plan(daemon, client, artifacts):
    daemon.move_in(artifacts.save("convolutions", CONFIG))
    plans = tuned(daemon, client, "net")
    (chosen,) = [name for name, plan in plans.items() if plan.get("chosen")]
    daemon.move_in(artifacts.save("convolutions", {**CONFIG, "version": "1.1"}))
    wait_live(client, "net", "1.1", timeout_s=120)
    runs = {version.version: version.plan for version in client.get_model("net").model.versions}
    assert runs["1.1"] == chosen
    report = daemon.ctl_json("plans", "net", "1.1")
    assert report["plans_of"] == "1.0"
    assert by_name(report).keys() == plans.keys()


def test_no_request_is_lost_while_a_version_takes_its_own_place(daemon, client, artifacts):
    import modules
    import torch

    expected = modules.script("convolutions")(torch.from_numpy(X)).detach().numpy()
    daemon.move_in(artifacts.save("convolutions", CONFIG))
    wait_live(client, "net", "1.0", timeout_s=120)
    plans_seen = set()
    deadline = time.monotonic() + 120
    while len(plans_seen) < 2 and time.monotonic() < deadline:
        np.testing.assert_allclose(client.predict("net", {"x": X}).output, expected, rtol=1e-4, atol=1e-5)
        plans_seen.add(client.get_model("net").model.versions[0].plan)
        report = daemon.ctl_json("plans", "net")
        if report.get("plans") and report["plans"][0].get("chosen"):
            pytest.skip("nothing is faster here than the module as it was saved")
    assert len(plans_seen) == 2


def test_retuning_needs_a_daemon_that_tries_plans(daemons, artifacts):
    daemon = daemons.start()
    daemon.move_in(artifacts.tagged("1.0", 1.0))
    with daemon.client() as client:
        wait_live(client, "m", "1.0")
    with pytest.raises(Exception, match="--try-plans"):
        daemon.ctl("plans", "--retune", "m")

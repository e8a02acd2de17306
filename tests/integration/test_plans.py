"""Versions run the fastest way that answers as they were saved: --try-plans against the real daemon."""

import json
import subprocess

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


def test_the_chosen_plan_answers_as_the_module_does_and_survives_a_restart(daemon, client, artifacts):
    import modules
    import torch

    daemon.move_in(artifacts.save("convolutions", CONFIG))
    wait_live(client, "net", "1.0", timeout_s=120)
    report = daemon.ctl_json("plans", "net")
    plans = by_name(report)
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
        assert (version.engine, version.plan) == ("libtorch", chosen)
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
    wait_live(client, "net", "1.0", timeout_s=120)
    plans = by_name(daemon.ctl_json("plans", "net"))
    for name in ("libtorch frozen bf16", "libtorch channels-last bf16"):
        assert not plans[name].get("refused"), plans[name]
        assert 0 < plans[name]["max_absolute"] < 0.05
    answer = client.predict("net", {"x": X}).output
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, expected, rtol=0.05, atol=0.05)


def test_a_stateful_module_runs_as_it_was_saved(daemon, client, artifacts):
    inputs = [{"name": "x", "dtype": "FP32", "shape": [1]}]
    daemon.move_in(artifacts.save("accumulator", {"name": "sum", "version": "1.0", "inputs": inputs}))
    wait_live(client, "sum", "1.0", timeout_s=120)
    as_saved, *others = daemon.ctl_json("plans", "sum")["plans"]
    assert as_saved["chosen"]
    assert others
    for plan in others:
        assert "bf16" in plan["refused"] or "writes its attributes" in plan["refused"]


def test_without_known_inputs_it_says_that_nothing_was_tried(daemon, client, artifacts):
    daemon.move_in(artifacts.tagged("1.0", 1.0))
    wait_live(client, "m", "1.0", timeout_s=120)
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
    assert len(by_name(json.loads(done.stdout))) == 5

"""Models of many kinds: each runs the fastest way that answers as it was saved, on engines that run it."""

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from daemon_process import DaemonProcess, wait_for, wait_live

from modeld_client import Client
from modeld_client._proto import value_pb2
from modeld_client.codec import decode

# What OpenVINO has to run, and what it must not: numbers that it would round otherwise, answers that differ
# from call to call, state, strings.
RUNS = (
    *("mlp", "wide-linear", "flag", "adding", "two-methods", "encoder", "encoder-traced"),
    *("waves", "tokens", "resnet18", "resnet18-traced", "mobilenetv2", "unet", "detector", "lstm", "gru"),
)
MUST_NOT_RUN = ("branches", "double", "quantized", "words", "smoothing", "dropping")
TIMEOUT_S = 120
TOOL = Path(__file__).resolve().parents[2] / "tools" / "zoo" / "zoo.py"


@dataclass(frozen=True)
class Served:
    daemon: DaemonProcess
    client: Client
    names: list[str]
    samples: dict[str, list[value_pb2.GoldenSample]]
    plans: dict[str, list[dict]]  # of each model, as its probe tried them

    def openvino(self, name: str) -> "dict | None":
        return next((plan for plan in self.plans[name] if plan["name"] == "openvino"), None)


def samples_in(path) -> list[value_pb2.GoldenSample]:
    with zipfile.ZipFile(path) as archive:
        entries = sorted(entry for entry in archive.namelist() if "/extra/golden/" in entry)
        return [value_pb2.GoldenSample.FromString(archive.read(entry)) for entry in entries]


def tried_plans(daemon, name) -> list[dict]:
    """Of a model that serves meanwhile. Waits for them; empty: there is a reason why none was tried."""

    def look():
        report = daemon.ctl_json("plans", name)
        return report if report.get("plans") or report.get("no_plans") else None

    return wait_for(f"the plans of {name}", look, TIMEOUT_S, poll_s=0.1).get("plans", [])


@pytest.fixture(scope="module")
def zoo(shared_daemons, tmp_path_factory):
    """The whole zoo on a daemon that tries plans."""
    import zoo

    directory = tmp_path_factory.mktemp("zoo")
    daemon = shared_daemons.start("--try-plans=true")
    samples = {}
    for name in zoo.names():
        # Dropped at once, so that it is probed while the next one is made.
        (entry,) = zoo.build(directory, [name], small=True)
        samples[name] = samples_in(entry.path)
        daemon.move_in(entry.path)
        entry.path.unlink()
    with daemon.client() as client:
        for name in samples:
            wait_live(client, name, "1.0", timeout_s=TIMEOUT_S)
        plans = {name: tried_plans(daemon, name) for name in samples}
        yield Served(daemon, client, list(samples), samples, plans)


def agree(actual, expected, rtol=1e-3, atol=1e-4):
    if isinstance(expected, np.ndarray) and expected.dtype.kind == "f":
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)
    else:
        np.testing.assert_array_equal(actual, expected)


def test_no_plan_ends_the_probe(zoo):
    refused = {
        name: plan["refused"]
        for name, plans in zoo.plans.items()
        for plan in plans
        if "the probe ended" in plan.get("refused", "")
    }
    assert refused == {}


def test_each_answers_its_golden_samples(zoo):
    for name, samples in zoo.samples.items():
        assert len(samples) == 2, name
        for sample in samples:
            inputs = {key: decode(value, key) for key, value in sample.inputs.items()}
            answer = zoo.client.predict(name, inputs, method=sample.method or None)
            assert sample.outputs
            for key, value in sample.outputs.items():
                agree(answer.outputs[key], decode(value, key))


def test_each_is_served_by_the_plan_that_was_chosen(zoo):
    for name, plans in zoo.plans.items():
        chosen = next((plan["name"] for plan in plans if plan.get("chosen")), "libtorch")

        def runs_so(name=name, chosen=chosen):
            (version,) = zoo.client.get_model(name).model.versions
            return version.plan == chosen

        # It takes its own place some time after they were tried.
        wait_for(f"{name} to run as {chosen}", runs_so, TIMEOUT_S)


@pytest.mark.parametrize("name", RUNS)
def test_openvino_runs(zoo, name):
    if not any(zoo.openvino(each) for each in zoo.names):
        pytest.skip("this build has no OpenVINO")
    plan = zoo.openvino(name)
    assert plan is not None
    assert plan.get("refused", "") == ""


@pytest.mark.parametrize("name", MUST_NOT_RUN)
def test_openvino_does_not_run(zoo, name):
    plan = zoo.openvino(name)
    assert plan is None or plan.get("refused")


def test_the_tool_makes_a_table(binaries):
    command = [sys.executable, TOOL, "--modeld", binaries["modeld"], "--only", "double", "dropping"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| d")]
    assert [row[0].strip("| ") for row in rows] == ["double", "dropping", "double"]
    assert rows[0][4] != "accepted"
    assert "otherwise the second time" in rows[1][4]

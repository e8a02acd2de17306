"""Versions are tried in a process of their own: `modeld --probe` on files that do harm."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from modeld_client import golden_sample

INPUTS = [{"name": "x", "dtype": "FP32", "shape": [-1, 4]}]
X = np.arange(8, dtype=np.float32).reshape(2, 4)


@pytest.fixture
def save(tmp_path):
    """Scripts a module of bad_models by name and saves it as m.pt; golden samples as (inputs, outputs)."""
    import bad_models
    import torch

    def save(kind, *arguments, golden=(), **config):
        files = {"config.json": json.dumps({"version": "1.0", "inputs": INPUTS, **config})}
        for number, sample in enumerate(golden):
            files[f"golden/{number}"] = golden_sample(*sample)
        path = tmp_path / "m.pt"
        torch.jit.save(torch.jit.script(getattr(bad_models, kind)(*arguments)), str(path), _extra_files=files)
        return path

    return save


@pytest.fixture
def probe(binaries):
    def probe(path, *options, returncode=1):
        done = subprocess.run(
            [binaries["modeld"], "--probe", path, *options],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == returncode, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr

    return probe


def assert_refused(report, outcome, *words):
    assert report["outcome"] == f"PROBE_OUTCOME_{outcome}", report
    for word in words:
        assert word in report["reason"]


def test_a_good_version_passes_and_is_measured(save, probe):
    report = probe(
        save(
            "Double",
            golden=[({"x": X}, {"y": X * 2})],
            outputs=[{"name": "y", "dtype": "FP32", "shape": [-1, 4]}],
            warmup={"batch_sizes": [1, 32]},
        ),
        returncode=0,
    )
    assert report["outcome"] == "PROBE_OUTCOME_PASSED"
    assert report["reason"] == ""
    assert [latency["batch_size"] for latency in report["latencies"]] == ["1", "32"]
    assert all(latency["seconds"] > 0 and latency["calls"] >= 6 for latency in report["latencies"])
    assert [sample["passed"] for sample in report["golden"]] == [True]
    assert report["methods"][0]["name"] == "forward"
    assert int(report["resident_bytes"]) > 0
    assert int(report["peak_bytes"]) >= int(report["resident_bytes"])
    assert report["load_seconds"] > 0
    assert report["engine"].startswith("libtorch ")


def test_memory_is_that_of_the_model(tmp_path, probe):
    import torch

    class Heavy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.rand(64 << 18))  # 64 MiB

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.weight[0]

    path = tmp_path / "m.pt"
    config = json.dumps({"version": "1", "inputs": INPUTS})
    torch.jit.save(torch.jit.script(Heavy()), str(path), _extra_files={"config.json": config})
    resident = int(probe(path, returncode=0)["resident_bytes"])
    assert 64 << 20 <= resident < 96 << 20


def test_a_crash(save, probe):
    report = probe(save("Segfault"))
    assert_refused(report, "CRASHED", "killed by SIGSEGV while warming up with batch size 1")
    assert "native code" in report["hint"]
    assert report["load_seconds"] > 0  # what was known before it


@pytest.mark.parametrize("depth", ["deep_pickle", "deep_code"])
def test_a_file_that_overflows_the_stack_of_whoever_loads_it(save, probe, tmp_path, depth):
    import bad_models

    path = getattr(bad_models, depth)(save("Double"), tmp_path / "deep.pt")
    assert_refused(probe(path), "CRASHED", "killed by SIGSEGV while loading")


def test_an_endless_loop(save, probe):
    report = probe(save("Endless"), "--probe-timeout-s", "2")
    assert_refused(report, "TIMED_OUT", "while warming up with batch size 1")


def test_memory_without_end(save, probe):
    report = probe(save("Devouring"), "--probe-memory-mib", "256")
    assert_refused(report, "OUT_OF_MEMORY", "memory ran out while warming up with batch size 1")


def test_raising_on_generated_inputs_is_a_warning(save, probe):
    report = probe(save("Raising"), returncode=0)
    assert "never works" in report["warnings"][0]


def test_raising_on_a_golden_sample_is_not(save, probe):
    report = probe(save("Raising", golden=[({"x": X}, {"output": X})]))
    assert_refused(report, "RAISED", 'golden sample "golden/0"', "never works")


def test_nan(save, probe):
    report = probe(save("NotANumber"))
    assert_refused(report, "NOT_A_NUMBER", "output[0, 0] is NaN")
    assert "allow_nan" in report["hint"]
    assert probe(save("NotANumber", guard={"allow_nan": True}), returncode=0)["warnings"] == []


def test_another_shape_than_declared(save, probe):
    report = probe(save("Double", outputs=[{"name": "y", "dtype": "FP32", "shape": [-1, 5]}]))
    assert_refused(report, "CONTRADICTS_CONFIG", 'output "y" is FP32[1,4], declared FP32[-1,5]')


def test_an_input_that_is_none(save, probe):
    report = probe(save("Double", inputs=[{"name": "z"}]))
    assert_refused(report, "CONTRADICTS_CONFIG", 'unknown input "z"')


def test_wrong_answers_are_told_by_element(save, probe):
    wrong = X * 2
    wrong[1, 2] += 1
    report = probe(save("Double", golden=[({"x": X}, {"output": X * 2}), ({"x": X}, {"output": wrong})]))
    assert_refused(report, "WRONG_OUTPUT", 'golden sample "golden/1"', "output[1, 2] is 12, expected 13")
    assert [sample["passed"] for sample in report["golden"]] == [True, False]
    assert report["golden"][1]["beyond"] == "1"
    assert report["golden"][1]["compared"] == "8"
    tolerant = save("Double", golden=[({"x": X}, {"output": wrong})], execution={"tolerance": {"atol": 1.5}})
    assert probe(tolerant, returncode=0)["golden"][0]["max_absolute"] == 1


def test_samples_beside_a_sidecar(save, probe, tmp_path):
    import torch

    torch.jit.save(torch.jit.load(save("Double")), str(tmp_path / "bare.pt"))
    (tmp_path / "bare.pt.config.json").write_text('{"version": "1.0"}')
    (tmp_path / "bare.pt.golden").mkdir()
    (tmp_path / "bare.pt.golden" / "0").write_bytes(golden_sample({"x": X}, {"output": X * 3}))
    assert_refused(probe(tmp_path / "bare.pt"), "WRONG_OUTPUT", 'golden sample "golden/0"')
    (tmp_path / "bare.pt.golden" / "0").write_bytes(golden_sample({"x": X}, {"output": X * 2}))
    assert len(probe(tmp_path / "bare.pt", returncode=0)["golden"]) == 1
    (tmp_path / "other.json").write_text('{"version": "1.0", "golden": ["golden/7"]}')
    report = probe(tmp_path / "bare.pt", "--config", tmp_path / "other.json")
    assert_refused(report, "NOT_LOADABLE", "golden/7")


@pytest.mark.parametrize(("name", "operator"), [("Writing", "aten::from_file"), ("Saving", "aten::save")])
def test_a_model_that_would_write_files_is_not_loaded(save, probe, tmp_path, name, operator):
    report = probe(save(name, str(tmp_path / "written")))
    assert_refused(report, "NOT_LOADABLE", "method forward uses", operator, "bad_models.py:", "take it out")
    assert not (tmp_path / "written").exists()
    assert report["unconfined"] == []


def test_a_model_that_was_not_called_is_told_of(save, probe):
    report = probe(save("Raising", inputs=[]), returncode=0)
    assert "forward was not called" in report["warnings"][0]


def test_what_is_no_model_is_refused_before_it_is_tried(probe, tmp_path):
    (tmp_path / "m.pt").write_text("hello")
    assert_refused(probe(tmp_path / "m.pt"), "NOT_LOADABLE", "no TorchScript archive")


def test_what_cannot_be_tried_is_told_apart(probe, tmp_path):
    assert "no such file" in probe(tmp_path / "missing.pt", returncode=3)
    assert "--nope" in probe(tmp_path / "m.pt", "--nope", returncode=2)


def children_of(process):
    with contextlib.suppress(FileNotFoundError):
        for task in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{task}/children") as file:
                yield from (int(child) for child in file.read().split())


def is_running(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition, what):
    deadline = time.monotonic() + 60
    while not (result := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return result


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_probe_dies_with_who_started_it(save, binaries, how):
    started = subprocess.Popen([binaries["modeld"], "--probe", save("Endless")], stdout=subprocess.DEVNULL)
    (child,) = until(lambda: list(children_of(started.pid)), "no child")
    # Not before it has asked to die with its parent: it is confined after that.
    until(lambda: "Seccomp:\t2" in Path(f"/proc/{child}/status").read_text(), "not confined")
    started.send_signal(how)
    started.wait()
    until(lambda: not is_running(child), "the child lives on")

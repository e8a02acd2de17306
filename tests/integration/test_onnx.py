"""ONNX files, from their drop to answers through ONNX Runtime."""

import importlib.util
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from daemon_process import wait_live

from modeld_client import InternalError, InvalidArgumentError

X = np.array([[0.25, 0.75], [0.5, 0.125]], np.float32)
CONFIGS = {
    "cnn": {
        "inputs": [{"name": "input", "dtype": "FP32", "shape": [-1, 1, 8, 8]}],
        "batching": {"max_batch_size": 8},
    },
    "gather": {},
    "string_columns": {},
    "zip_map_string": {},
}


@pytest.fixture(scope="module")
def onnx_models():
    path = Path(__file__).parent.parent / "support" / "make_onnx_models.py"
    spec = importlib.util.spec_from_file_location("make_onnx_models", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MODELS


@pytest.fixture(scope="module")
def engines(binaries):
    done = subprocess.run([binaries["modeld"], "--version"], capture_output=True, text=True, check=True)
    if "onnxruntime" not in done.stdout:
        pytest.skip("modeld was built without ONNX Runtime")


@pytest.fixture
def drop(onnx_models, tmp_path):
    """Drops models with their configs beside them, and waits until they are live."""

    def drop(daemon, client, names):
        for name in names:
            config = tmp_path / f"{name}.onnx.config.json"
            config.write_text(json.dumps({"version": "1", **CONFIGS[name]}))
            daemon.move_in(config)
            model = tmp_path / f"{name}.onnx"
            model.write_bytes(onnx_models[name]().SerializeToString())
            daemon.move_in(model)
        for name in names:
            wait_live(client, name, "1")

    return drop


def test_onnx_files_are_served(engines, daemon, client, drop):
    drop(daemon, client, CONFIGS)
    answer = client.predict("cnn", {"input": np.ones((3, 1, 8, 8), np.float32)})
    assert answer.outputs["logits"].shape == (3, 10)
    assert client.predict("zip_map_string", {"x": X}).outputs["probabilities"] == [
        {"cat": 0.25, "dog": 0.75},
        {"cat": 0.5, "dog": 0.125},
    ]
    columns = {side: np.array([["a"], [other]], object) for side, other in (("left", "b"), ("right", "c"))}
    same = client.predict("string_columns", columns).outputs["same"]
    np.testing.assert_array_equal(same, [[True], [False]])

    x = np.arange(3, dtype=np.float32)
    with pytest.raises(InternalError, match=r"the_gather.*idx=7"):
        client.predict("gather", {"x": x, "indices": np.array([7])})
    with pytest.raises(InvalidArgumentError, match=r'input "x": expected FP32\[3\], got FP32\[2\]'):
        client.predict("gather", {"x": x[:2], "indices": np.array([0])})


def test_plans_are_tried_of_onnx_files_too(engines, daemons, drop):
    daemon = daemons.start("--try-plans=true", "--onnxruntime-providers=CPUExecutionProvider")
    with daemon.client() as client:
        drop(daemon, client, ["cnn"])
        client.predict("cnn", {"input": np.ones((1, 1, 8, 8), np.float32)})


def test_an_execution_provider_that_is_not_there_is_an_error_at_once(engines, binaries, tmp_path):
    options = [f"--drop-directory={tmp_path / 'drop'}", f"--state-directory={tmp_path / 'state'}"]
    for arguments in (options, ["--probe", "m.onnx"]):
        done = subprocess.run(
            [binaries["modeld"], *arguments, "--onnxruntime-providers=NoProvider"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == (1 if arguments is options else 3)
        assert 'no execution provider "NoProvider"; it has: ' in done.stderr

"""A version that does harm is quarantined by the daemon, and no request notices."""

import json
import threading

import numpy as np
import pytest
from daemon_process import wait_for, wait_live

from modeld_client import golden_sample

X = np.arange(4, dtype=np.float32).reshape(1, 4)
INPUTS = [{"name": "x", "dtype": "FP32", "shape": [-1, 4]}]


@pytest.fixture(scope="module")
def daemon(shared_daemons):
    return shared_daemons.start("--probe-timeout-s=4", "--probe-memory-mib=512")


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    import bad_models
    import torch

    def save(name, version, kind, *, golden=(), change=None, **config):
        directory = tmp_path_factory.mktemp("models")
        files = {"config.json": json.dumps({"name": name, "version": version, "inputs": INPUTS, **config})}
        for number, sample in enumerate(golden):
            files[f"golden/{number}"] = golden_sample(*sample)
        path = directory / f"{name}-{version}.pt"
        torch.jit.save(torch.jit.script(getattr(bad_models, kind)()), str(path), _extra_files=files)
        return path if change is None else getattr(bad_models, change)(path, directory / f"{name}-changed.pt")

    return save


def quarantined(client, name, version):
    for model in client.list_models():
        for v in model.versions:
            if (model.name, v.version, v.state.name) == (name, version, "QUARANTINED"):
                return v.reason
    return None


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("crashes", {"kind": "Segfault"}, "killed by SIGSEGV"),
        ("deep", {"kind": "Double", "change": "deep_pickle"}, "killed by SIGSEGV while loading"),
        ("endless", {"kind": "Endless"}, "while warming up"),
        ("devouring", {"kind": "Devouring"}, "memory ran out"),
        ("nan", {"kind": "NotANumber"}, "is NaN"),
        ("raising", {"kind": "Raising", "golden": [({"x": X}, {"output": X})]}, "never works"),
        ("wrong", {"kind": "Double", "golden": [({"x": X}, {"output": X})]}, "golden/0"),
        ("shape", {"kind": "Double", "outputs": [{"name": "y", "shape": [-1, 5]}]}, "declared [-1,5]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_harm_stays_outside(daemon, save, name, arguments, words):
    with daemon.client() as client:
        daemon.move_in(save(name, "1.0", "Double", golden=[({"x": X}, {"output": X * 2})]))
        wait_live(client, name, "1.0")
        answers, stop = [], threading.Event()

        def call():
            with daemon.client() as caller:
                # With pauses: what is tried runs where nothing else wants to.
                while not stop.wait(0.01):
                    answers.append(caller.predict(name, {"x": X}).version)

        caller = threading.Thread(target=call)
        caller.start()
        try:
            daemon.move_in(save(name, "1.1", **arguments))
            reason = wait_for("the quarantine", lambda: quarantined(client, name, "1.1"), timeout_s=90)
        finally:
            stop.set()
            caller.join()
        assert words in reason
        assert set(answers) == {"1.0"}

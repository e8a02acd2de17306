"""Versions on GPUs, on what stands for them where LibTorch has no CUDA: all but CUDA itself is the same."""

import numpy as np
import pytest
from daemon_process import wait_for, wait_live
from test_plans import CONFIG, X, tuned

from modeld_client import Client, InternalError, UnavailableError, VersionState

ON_GPU = {"execution": {"device": "cuda:1"}}
LOOKUP = {
    "name": "rows",
    "version": "1.0",
    "inputs": [{"name": "input", "dtype": "INT64", "shape": [-1]}],
    "batching": {"max_batch_size": 4},
    **ON_GPU,
}


@pytest.fixture
def library(binaries) -> str:
    library = binaries["modeld"].parents[2] / "tests/support/libmodeld_test_gpu_standin.so"
    if not library.is_file():
        pytest.skip(f"no {library}: it is built with the tests where LibTorch has no CUDA")
    return f"--custom-ops-library={library}"


def wait_for_reason(client: Client):
    """The version that something is said of, once it is."""
    return wait_for(
        "a reason",
        lambda: next((v for model in client.list_models() for v in model.versions if v.reason), None),
    )


def test_a_version_on_a_gpu_answers_as_on_the_cpu_by_plans_of_libtorch(daemons, library, artifacts):
    import modules
    import torch

    daemon = daemons.start(library, "--try-plans=true")
    with daemon.client() as client:
        daemon.move_in(artifacts.save("convolutions", {**CONFIG, **ON_GPU}))
        plans = tuned(daemon, client, "net")
        assert not plans["libtorch frozen"].get("refused")
        assert not plans["libtorch channels-last"].get("refused")
        if "openvino" in plans:
            assert "the device is cuda:1" in plans["openvino"]["refused"]
        answer = client.predict("net", {"x": X}).output
    expected = modules.script("convolutions")(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5)


def test_a_version_for_which_its_gpu_is_too_small_is_refused_with_the_remedy(
    daemons, library, artifacts, monkeypatch
):
    monkeypatch.setenv("MODELD_STANDIN_MIB", "0")
    daemon = daemons.start(library)
    with daemon.client() as client:
        daemon.move_in(artifacts.save("lookup", LOOKUP))
        version = wait_for_reason(client)
    assert version.state == VersionState.QUARANTINED
    assert "out of the GPU's memory: CUDA out of memory" in version.reason
    assert "name another GPU in execution.device" in version.reason


def test_a_version_that_passed_waits_for_memory_of_its_gpu(daemons, library, artifacts, monkeypatch):
    daemon = daemons.start(library)
    with daemon.client() as client:
        daemon.move_in(artifacts.save("lookup", LOOKUP))
        wait_live(client, "rows", "1.0")
    daemon.terminate()
    monkeypatch.setenv("MODELD_STANDIN_MIB", "0")
    daemon.start()
    with daemon.client() as client:
        version = wait_for_reason(client)
        assert version.state != VersionState.QUARANTINED
        assert "out of the GPU's memory" in version.reason
    daemon.terminate()
    monkeypatch.delenv("MODELD_STANDIN_MIB")
    daemon.start()
    with daemon.client() as client:
        wait_live(client, "rows", "1.0")


def test_a_fault_in_a_kernel_ends_the_daemon_which_serves_when_it_is_started_again(
    daemons, library, artifacts
):
    daemon = daemons.start(library)
    with daemon.client() as client:
        daemon.move_in(artifacts.save("lookup", LOOKUP))
        wait_live(client, "rows", "1.0")
        rows = client.predict("rows", {"input": np.array([2, 0])}).output
        with pytest.raises(InternalError, match="device-side assert"):
            client.predict("rows", {"input": np.array([7])})
        # Not asked of the GPU any more, which would answer as before.
        with pytest.raises(UnavailableError):
            client.predict("rows", {"input": np.array([1])})
    assert daemon.wait() == 1
    assert "cuda:1 computes no more for this process" in daemon.log
    again = daemons.start(library, directory=daemon.state.parent)
    with again.client() as client:
        np.testing.assert_array_equal(client.predict("rows", {"input": np.array([2, 0])}).output, rows)
        deaths = [
            event["reason"] for event in again.ctl_json("history")["events"] if event["action"] == "died"
        ]
    assert len(deaths) == 1
    assert "cuda:1 computes no more" in deaths[0]


def test_a_new_version_under_which_the_gpu_fails_again_and_again_is_left(daemons, library, artifacts):
    daemon = daemons.start(library)
    with daemon.client() as client:
        for version in ("1.0", "1.1"):
            daemon.move_in(artifacts.save("lookup", {**LOOKUP, "version": version}))
            wait_live(client, "rows", version)
    for _ in range(2):
        with daemon.client() as client, pytest.raises(InternalError):
            client.predict("rows", {"input": np.array([7])})
        assert daemon.wait() == 1
        daemon.start()
    with daemon.client() as client:
        wait_live(client, "rows", "1.0")
    assert "the daemon died 2 times" in daemon.ctl("history")


def test_a_version_with_a_fault_on_generated_inputs_is_refused(daemons, library, artifacts):
    daemon = daemons.start(library)
    with daemon.client() as client:
        daemon.move_in(artifacts.save("lookup_of_before", LOOKUP))
        version = wait_for_reason(client)
        assert version.state == VersionState.QUARANTINED
        assert "cuda:1 computes no more for this process after: CUDA error: device-side" in version.reason
        # It was the probe's GPU that was lost, not the daemon's.
        daemon.move_in(artifacts.save("lookup", {**LOOKUP, "version": "1.1"}))
        wait_live(client, "rows", "1.1")
        assert client.predict("rows", {"input": np.array([1])}).output.shape == (1, 4)


def test_a_version_with_a_fault_in_its_golden_sample_is_refused_and_the_daemon_goes_on(
    daemons, library, artifacts
):
    from modeld_client import golden_sample

    sample = golden_sample({"input": np.array([7])}, {"output": np.zeros((1, 4), np.float32)})
    daemon = daemons.start(library)
    with daemon.client() as client:
        daemon.move_in(artifacts.save("lookup", LOOKUP, extra={"golden/0": sample}))
        version = wait_for_reason(client)
        assert version.state == VersionState.QUARANTINED
        assert "device-side assert" in version.reason
        daemon.move_in(artifacts.save("lookup", {**LOOKUP, "version": "1.1"}))
        wait_live(client, "rows", "1.1")

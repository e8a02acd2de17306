"""AOTInductor packages, served where the options allow machine code; and libraries of custom operators."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from daemon_process import wait_dropped, wait_for, wait_live

from modeld_client import (
    DroppedFileState,
    FailedPreconditionError,
    InvalidArgumentError,
    VersionState,
    golden_sample,
)

sys.path.append(str(Path(__file__).parents[1] / "support"))

FORMATS = "--formats=torchscript,pt2"
X = np.arange(8, dtype=np.float32).reshape(2, 4)
SUMS = X.sum(axis=1, keepdims=True) * np.array([[1, 2, 3]], np.float32)
CONFIG = {"name": "classifier", "inputs": [{"name": "x", "dtype": "FP32", "shape": [-1, 4]}]}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> Path:
    """A package without config; compiling takes seconds."""
    packages = pytest.importorskip("make_packages")
    if shutil.which("g++") is None:
        pytest.skip("no g++ to compile a package with")
    return packages.classifier(tmp_path_factory.mktemp("packages") / "classifier.pt2")


@pytest.fixture
def package(compiled, tmp_path):
    """Makes a package that carries a config and golden samples, as docs/pt2.md says."""

    def make(version: str, *samples: bytes, **config) -> Path:
        path = tmp_path / f"classifier-{version}.pt2"
        shutil.copyfile(compiled, path)
        with zipfile.ZipFile(path, "a") as archive:
            extra = archive.namelist()[0].split("/")[0] + "/extra"
            archive.writestr(f"{extra}/config.json", json.dumps({**CONFIG, "version": version, **config}))
            for number, sample in enumerate(samples):
                archive.writestr(f"{extra}/golden/{number}", sample)
        return path

    return make


def reason_of(client, version: str) -> str:
    (found,) = [v for v in client.get_model("classifier").model.versions if v.version == version]
    return f"{found.state.name} {found.reason}"


def unpacked(daemon) -> list[str]:
    return sorted(path.name for path in (daemon.state / "unpacked").iterdir())


def test_machine_code_runs_only_where_the_options_allow_it(daemons, package):
    path = package("1.0", golden_sample({"x": X}, {"output": SUMS}))
    daemon = daemons.start()
    with daemon.client() as client:
        daemon.move_in(path)
        refused = wait_dropped(client, path.name)
        assert "the format pt2 is not allowed" in refused.reason
        assert "start modeld with --formats torchscript,pt2,onnx" in refused.reason
        pushed = daemon.try_ctl("push", str(path))
        assert pushed.returncode != 0
        assert "--formats" in pushed.stderr
    daemon.terminate()

    # The remedy is one: the same file is taken, without being dropped again.
    daemon.options.append(FORMATS)
    daemon.start()
    with daemon.client() as client:
        wait_live(client, "classifier", "1.0", timeout_s=60)
        np.testing.assert_allclose(client.predict("classifier", {"x": X}).output, SUMS, rtol=1e-6)
        np.testing.assert_allclose(client.predict("classifier", {"x": X[:1]}).output, SUMS[:1], rtol=1e-6)
        (version,) = client.get_model("classifier").model.versions
        assert (version.engine, version.plan) == ("libtorch", "libtorch")
        for x, words in (
            (X.astype(np.float64), "dtype is FP64, not FP32"),
            (X[0], "rank is 1, not 2"),
            (X[:, :3], "dimension 1 is 3, not 4"),
            (np.zeros((65, 4), np.float32), "dimension 0 is 65, not at most 64"),
        ):
            with pytest.raises(InvalidArgumentError, match=words):
                client.predict("classifier", {"x": x})
        assert len(unpacked(daemon)) == 1
    daemon.terminate()
    assert unpacked(daemon) == []

    daemon.options.remove(FORMATS)
    daemon.start()
    with daemon.client() as client:
        reason = wait_for("the reason", lambda: reason_of(client, "1.0"))
        assert "AVAILABLE" in reason
        assert "the format pt2 is not allowed" in reason
        with pytest.raises(FailedPreconditionError, match="not allowed"):
            client.predict("classifier", {"x": X})
    daemon.kill()

    daemon.options.append(FORMATS)
    daemon.start()
    with daemon.client() as client:
        wait_live(client, "classifier", "1.0", timeout_s=60)
        assert client.predict("classifier", {"x": X}).version == "1.0"


def test_the_probe_holds_a_package_to_its_config_and_samples(daemons, package):
    daemon = daemons.start(FORMATS)
    with daemon.client() as client:
        for version, arguments, words in (
            ("1", {"samples": [golden_sample({"x": X}, {"output": SUMS + 1})]}, "golden/0"),
            ("2", {"inputs": []}, "not known, without which machine code must not be run"),
            ("3", {"inputs": [{"name": "x", "dtype": "FP64", "shape": [-1, 4]}]}, "dtype is FP64, not FP32"),
            ("4", {"inputs": [{"name": "x", "dtype": "FP32", "shape": [-1, -1]}]}, "may not be of any size"),
        ):
            samples = arguments.pop("samples", [])
            daemon.move_in(package(version, *samples, **arguments))
            reason = wait_for(
                f"the verdict on {version}",
                lambda version=version: next(
                    (
                        v.reason
                        for model in client.list_models()
                        for v in model.versions
                        if v.version == version and v.state.name == "QUARANTINED"
                    ),
                    None,
                ),
            )
            assert words in reason
        assert unpacked(daemon) == []

        # Without declared inputs, a golden sample says what comes.
        daemon.move_in(package("5", golden_sample({"rows": X}, {"output": SUMS}), inputs=[]))
        wait_live(client, "classifier", "5", timeout_s=60)
        np.testing.assert_allclose(client.predict("classifier", {"rows": X}).output, SUMS, rtol=1e-6)


def test_what_is_batched_comes_out_the_same(daemons, package):
    daemon = daemons.start(FORMATS)
    with daemon.client() as client:
        daemon.move_in(package("1.0", batching={"max_batch_size": 16}))
        wait_live(client, "classifier", "1.0", timeout_s=60)
        for rows in (1, 2, 16):
            x = np.tile(X[:1], (rows, 1))
            answer = client.predict("classifier", {"x": x}).output
            np.testing.assert_allclose(answer, np.tile(SUMS[:1], (rows, 1)), rtol=1e-6)


def test_stamp_inspect_and_the_probe_of_a_file(binaries, compiled, tmp_path):
    path = tmp_path / "classifier.pt2"
    stamp = [
        binaries["modelctl"],
        "stamp",
        compiled,
        "--save-as",
        path,
        "--name",
        "classifier",
        "--version",
        "1.0",
    ]
    subprocess.run(stamp, check=True, capture_output=True)
    inspected = subprocess.run(
        [binaries["modelctl"], "inspect", path], check=True, capture_output=True, text=True
    ).stdout
    assert "format:   pt2" in inspected
    assert "version:  1.0" in inspected

    def probe(*options: str) -> tuple[int, dict]:
        environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
        (tmp_path / "tmp").mkdir(exist_ok=True)
        done = subprocess.run(
            [binaries["modeld"], "--probe", path, *options],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=environment,
        )
        assert list((tmp_path / "tmp").iterdir()) == []
        return done.returncode, json.loads(done.stdout)

    status, report = probe()
    assert status == 1
    assert "--formats torchscript,pt2,onnx" in report["reason"]
    status, report = probe("--formats", "pt2")
    assert status == 1
    assert 'declare "inputs"' in report["reason"]
    (tmp_path / "c.json").write_text(json.dumps({**CONFIG, "version": "1.0"}))
    shutil.copyfile(compiled, path)
    status, report = probe("--formats=pt2", "--config", str(tmp_path / "c.json"))
    assert (status, report["outcome"]) == (0, "PROBE_OUTCOME_PASSED")
    assert not report["unconfined"] or "write access" not in str(report["unconfined"])


def test_an_exported_program_without_code_is_refused(daemons, tmp_path):
    import torch

    path = tmp_path / "plain.pt2"
    torch.export.save(torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),)), path)
    daemon = daemons.start(FORMATS)
    with daemon.client() as client:
        daemon.move_in(path)
        reason = wait_dropped(client, "plain.pt2", DroppedFileState.QUARANTINED).reason
        assert "a torch.export archive without compiled code" in reason
        assert "aoti_compile_and_package" in reason


@pytest.fixture(scope="module")
def custom_ops(binaries) -> Path:
    library = binaries["modeld"].parents[2] / "tests/support/libmodeld_test_custom_ops.so"
    if not library.is_file():
        pytest.skip(f"no {library}: it is built with the tests")
    return library


def test_a_model_with_custom_operators_is_served_with_their_library(daemons, custom_ops, tmp_path):
    packages = pytest.importorskip("make_packages")
    path = packages.custom(tmp_path / "custom.pt", str(custom_ops))
    daemon = daemons.start()
    with daemon.client() as client:
        daemon.move_in(path)
        reason = wait_for(
            "the verdict", lambda: next((v.reason for m in client.list_models() for v in m.versions), None)
        )
        assert "modeld_test::twice" in reason
    with_library = daemons.start(f"--custom-ops-library={custom_ops}")
    with with_library.client() as client:
        with_library.move_in(path)
        wait_live(client, "custom", "1.0")
        np.testing.assert_array_equal(client.predict("custom", {"x": X}).output, X * 2 + 1)
    with_library.terminate()

    # Started without the option by mistake: the version, which was good, is not at fault.
    without = daemons.start(directory=with_library.state.parent)
    with without.client() as client:
        (version,) = wait_for(
            "the version", lambda: [v for m in client.list_models() for v in m.versions if v.reason]
        )
        assert version.state != VersionState.QUARANTINED
        assert "modeld_test::twice" in version.reason
        assert "--custom-ops-library" in version.reason
    without.terminate()
    again = daemons.start(f"--custom-ops-library={custom_ops}", directory=with_library.state.parent)
    with again.client() as client:
        wait_live(client, "custom", "1.0")


def test_a_library_that_cannot_be_loaded_keeps_the_daemon_from_starting(daemons, tmp_path):
    (tmp_path / "ops.so").write_text("no library")
    daemon = daemons.make(f"--custom-ops-library={tmp_path / 'ops.so'}")
    daemon.launch()
    assert daemon.wait() == 1
    assert 'ops.so" cannot be loaded' in daemon.log

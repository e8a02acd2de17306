"""The commands of README.md and docs/, as they stand there, against the real daemon."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from daemon_process import DaemonProcess, wait_for, wait_live
from PIL import Image
from torch import Tensor, nn

ROOT = Path(__file__).parents[2]
KEPT_FROM_LIVE = 7  # modelctl push --wait, of a model that is pinned


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / document).read_text(), re.M | re.S)


def block_with(document: str, language: str, text: str) -> str:
    (found,) = (block for block in blocks(document, language) if text in block)
    return found


class Digits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Wine(nn.Module):
    """Answers what docs/http.md shows."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.layer.weight.data = torch.tensor([[0.0625, 0.0, 0.0], [0.875, 0.0, 0.0]])
        self.layer.bias.data = torch.tensor([0.25, -1.5])

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class Brightest(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image.mean(dim=[2, 3])


class Greenness(nn.Module):
    """The greener an image is, the higher the last of ten classes."""

    def forward(self, image: Tensor) -> Tensor:
        return image.mean(dim=[2, 3])[:, 1:2] * torch.arange(10)


def save(path: Path, module: nn.Module, config: dict[str, Any] | None = None, labels: str = "") -> Path:
    extra = {} if config is None else {"config.json": json.dumps(config)}
    if labels:
        extra["labels.txt"] = labels
    torch.jit.save(torch.jit.script(module.eval()), str(path), _extra_files=extra)
    return path


@pytest.fixture
def here(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 8), "lime").save(tmp_path / "seven.png")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "cat.jpg")
    return tmp_path


def shell(command: str, daemon: DaemonProcess, here: Path, binaries: dict[str, Path]) -> Any:
    """Runs a command as a person would, but with this daemon's addresses and directories."""
    if "curl" in command and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    for documented, ours in (
        ("localhost:8501", daemon.http_address),
        ("/srv/modeld/models", str(daemon.drop)),
        ("/backup/modeld", str(here / "backup")),
    ):
        command = command.replace(documented, ours)
    places = {str(path.parent) for path in binaries.values()}
    variables = {
        **os.environ,
        "PATH": os.pathsep.join([*places, os.environ["PATH"]]),
        "MODELD_SOCKET": str(daemon.state / "admin.sock"),
    }
    command = command.replace("curl ", "curl --silent --show-error --fail-with-body ")
    return subprocess.run(
        ["bash", "-c", command],
        cwd=here,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_readmes_way_from_a_module_to_production(
    daemon: DaemonProcess, here: Path, binaries: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    export = block_with("README.md", "python", "torch.jit.save")
    monkeypatch.chdir(here)
    for version in ("1.0", "1.1", "1.2"):
        exec(export.replace("1.1", version), {"module": Digits()})
    save(here / "model.pt", Digits())

    def run(line: str, expected: int = 0) -> None:
        done = shell(line, daemon, here, binaries)
        assert done.returncode == expected, f"{line}: {done.stdout}{done.stderr}"

    with daemon.client() as client:
        daemon.copy_in(here / "digits-1.0.pt")
        wait_live(client, "digits", "1.0")
        for line in block_with("README.md", "sh", "modelctl inspect").splitlines():
            if line.startswith(("cp ", "modelctl ")):
                run(line)
        wait_live(client, "digits", "1.1")
        for title in ("modelctl rollback", "modelctl shadow", "modelctl gc"):
            for line in block_with("README.md", "sh", title).splitlines():
                if line.startswith("modelctl watch"):  # without end
                    run(f"timeout 1 {line}", 124)
                else:
                    run(line, KEPT_FROM_LIVE if line.startswith("modelctl push") else 0)
        assert client.get_model("digits").model.live_version == "1.2"


def test_an_image_is_sent_as_the_documents_say(
    daemon: DaemonProcess, here: Path, binaries: dict[str, Path]
) -> None:
    config = json.loads(block_with("docs/vision.md", "json", "preprocess"))
    labels = "\n".join(f"label {index}" for index in range(10))
    daemon.move_in(save(here / "digits.pt", Greenness(), config, labels))
    with daemon.client() as client:
        wait_live(client, "digits", config["version"])
    (command,) = re.findall(r"`(curl [^`]*seven\.png)`", (ROOT / "README.md").read_text())
    done = shell(command, daemon, here, binaries)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["outputs"]["logits_classes"][0][0]["label"] == "label 9"
    (command,) = re.findall(r"^\$ (modelctl predict .*)$", (ROOT / "docs/vision.md").read_text(), re.M)
    assert '"label 9"' in shell(command, daemon, here, binaries).stdout
    (error,) = re.findall(r"^`(\{\"error\".*?\})`", (ROOT / "docs/http.md").read_text(), re.M)
    assert shell("curl localhost:8501/v2/models/digit", daemon, here, binaries).stdout == error


def test_curl_gets_what_http_md_shows(daemon: DaemonProcess, here: Path, binaries: dict[str, Path]) -> None:
    wine = {"name": "wine", "version": "1", "outputs": [{"name": "logits"}]}
    daemon.move_in(save(here / "wine.pt", Wine(), wine))
    cats = {
        "name": "cats",
        "version": "1",
        "preprocess": {"image": {"image": {"resize": {"width": 8, "height": 8}}}},
    }
    daemon.move_in(save(here / "cats.pt", Brightest(), cats))
    with daemon.client() as client:
        wait_live(client, "wine", "1")
        wait_live(client, "cats", "1")
    ran = 0
    for block in blocks("docs/http.md", "sh"):
        for text in re.split(r"^(?=curl )", block, flags=re.M)[1:]:
            command, _, shown = text.partition("\n{")
            done = shell(command, daemon, here, binaries)
            assert done.returncode == 0, f"{command}: {done.stdout}"
            if shown:
                assert json.loads(done.stdout) == json.loads("{" + shown), command
            ran += 1
    assert ran == 4
    # What it warns of.
    integers = """curl localhost:8501/v1/models/wine:predict -d '{"inputs": {"x": [[0, 1, 2]]}}'"""
    assert "must have the same dtype" in shell(integers, daemon, here, binaries).stdout
    mixed = """curl localhost:8501/v1/models/wine:predict -d '{"inputs": {"x": [[0, 1, 2.0]]}}'"""
    assert shell(mixed, daemon, here, binaries).returncode == 0


def test_metrics_are_where_metrics_md_says(
    daemon: DaemonProcess, here: Path, binaries: dict[str, Path]
) -> None:
    (command,) = re.findall(r"`(curl [^`]*/metrics)`", (ROOT / "docs/metrics.md").read_text())
    text = wait_for("the metrics", lambda: shell(command, daemon, here, binaries).stdout)
    assert "modeld_ready 1" in text

"""Every example, from its recipe through a running daemon to the answers of the module itself."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from daemon_process import DaemonProcess
from PIL import Image
from programs import new_daemon

from modeld_export import Export, Recipe, export, push
from modeld_export.calls import bind, name_outputs
from modeld_export.differences import compare
from modeld_export.parity import run_fresh
from modeld_export.recipe import load_recipe

EXAMPLES = Path(__file__).parents[3] / "tools" / "export" / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with new_daemon(tmp_path_factory.mktemp("daemon")) as process:
        yield process


def as_request(value: Any) -> Any:
    return value.numpy() if isinstance(value, torch.Tensor) else value


def as_tensors(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    if isinstance(value, dict):
        return {key: as_tensors(item) for key, item in value.items()}
    return [as_tensors(item) for item in value] if isinstance(value, list) else value


def expected_outputs(recipe: Recipe, made: Export) -> dict[str, Any]:
    """As answers have them: after what the config says of them."""
    call = bind(recipe.module, recipe.example_inputs)
    outputs = name_outputs(run_fresh(recipe.module, call), recipe.output_names)
    rules: Any = made.config.get("postprocess", {})
    for name, rule in rules.items():
        if rule.get("softmax"):
            outputs[name] = outputs[name].softmax(-1)
    return outputs


def test_no_example_is_forgotten() -> None:
    assert len(NAMES) == 8


@pytest.mark.parametrize("name", NAMES)
def test_example(name: str, daemon: DaemonProcess, tmp_path: Path) -> None:
    recipe = load_recipe(EXAMPLES / f"{name}.py")
    made = export(**recipe.arguments(), directory=tmp_path)
    assert made.ok, [str(finding) for artifact in made.artifacts for finding in artifact.findings]
    call = bind(recipe.module, recipe.example_inputs)
    expected = expected_outputs(recipe, made)
    for number, artifact in enumerate(made.artifacts):
        # Each format is a model of its own: the same version with other bytes would be a conflict.
        model = f"{recipe.name}-{artifact.format}"
        options = {**recipe.arguments(), "name": model, "formats": [artifact.format]}
        single = export(**options, directory=tmp_path / str(number))
        path = single.artifact(artifact.format).path
        assert path is not None
        push(path, daemon.drop, name=model, version=recipe.version, address=daemon.address)
        with daemon.client() as client:
            answer = client.predict(model, {key: as_request(value) for key, value in call.arguments.items()})
        outputs = {key: as_tensors(value) for key, value in answer.outputs.items() if key in expected}
        difference = compare(expected, outputs, artifact.tolerance)
        assert difference.beyond == 0, (artifact.format, difference)


def test_an_encoded_picture_gets_the_name_of_its_color(daemon: DaemonProcess) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (50, 40), (20, 200, 30)).save(picture, "PNG")
    with daemon.client() as client:
        answer = client.predict("colors-scripted", {"image": picture.getvalue()})
    (best,) = answer.outputs["scores_classes"]
    assert best["label"] == "green"


def test_digits_lose_little_in_fewer_digits(tmp_path: Path) -> None:
    recipe = load_recipe(EXAMPLES / "digits.py")
    options = {**recipe.arguments(), "formats": ["int8", "bf16"]}
    for artifact in export(**options, directory=tmp_path).artifacts:
        assert artifact.accuracy is not None
        assert artifact.accuracy.module > 0.93
        assert abs(artifact.accuracy.change) < 0.02

"""Images in, classes out: config.json says how, from the encoded bytes to named classes."""

import io
import json
import re

import numpy as np
import pytest
import torch
from daemon_process import wait_for, wait_live
from PIL import Image

from modeld_client import InvalidArgumentError, ResourceExhaustedError

LABELS = ["red", "green", "blue"]
SIZE = {"width": 32, "height": 24}
NUMBERS = {"scale": 1 / 255, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


class Brightest(torch.nn.Module):
    """How bright each channel is: a classifier of colours."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.mean(dim=[2, 3]) * 4.0


class Echo(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def save(path, module, config, labels=None):
    extra = {"config.json": json.dumps(config)}
    if labels is not None:
        extra["labels.txt"] = "\n".join(labels) + "\n"
    torch.jit.save(torch.jit.script(module), str(path), _extra_files=extra)
    return path


def colours(tmp_path, version="1", labels=LABELS, **config):
    whole = {
        "name": "colours",
        "version": version,
        "outputs": [{"name": "logits", "dtype": "FP32", "shape": [-1, 3], "labels": "labels.txt"}],
        "preprocess": {"image": {"image": {"resize": SIZE, **NUMBERS}}},
        "postprocess": {"logits": {"softmax": True, "top_k": 2}},
        "batching": {"max_batch_size": 8},
        **config,
    }
    return save(tmp_path / f"colours-{version}.pt", Brightest(), whole, labels)


def encoded(colour, kind="PNG", size=(50, 40), **options):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def served(daemon, client, tmp_path):
    daemon.move_in(colours(tmp_path))
    wait_live(client, "colours", "1")
    return client


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_an_encoded_image_is_answered_by_named_classes(served, kind):
    answer = served.predict("colours", {"image": encoded("lime", kind)})
    outputs = answer.outputs
    np.testing.assert_array_equal(answer.output, outputs["logits"])
    first, second = outputs["logits_classes"]
    assert (first["label"], first["index"]) == ("green", 1)
    assert first["probability"] > 0.99 > second["probability"]
    assert outputs["logits"].shape == (1, 3)
    np.testing.assert_allclose(outputs["logits"].sum(), 1, rtol=1e-5)
    assert outputs["logits"][0, 1] == pytest.approx(first["probability"])


def test_several_images_are_a_batch(served):
    images = [encoded(colour) for colour in ("red", "blue", "lime")]
    for given in (images, np.array(images, object)):
        classes = served.predict("colours", {"image": given}).outputs["logits_classes"]
        assert [row[0]["label"] for row in classes] == ["red", "blue", "green"]


def test_a_ready_tensor_is_taken_as_it_is(served):
    tensor = -np.ones((1, 3, 24, 32), np.float32)
    tensor[:, 2] = 1
    classes = served.predict("colours", {"image": tensor}).outputs["logits_classes"]
    assert classes[0][0]["label"] == "blue"
    with pytest.raises(
        InvalidArgumentError, match=r'input "image": expected FP32\[-1,3,24,32\], got FP32\[1,3,9,9\]'
    ):
        served.predict("colours", {"image": np.zeros((1, 3, 9, 9), np.float32)})


def test_what_is_no_image_is_refused_and_says_why(served):
    with pytest.raises(
        InvalidArgumentError, match=r'input "image": expected an encoded JPEG, PNG, WebP or BMP'
    ):
        served.predict("colours", {"image": b"text"})
    with pytest.raises(InvalidArgumentError, match=r'input "image": image 1: the PNG is truncated'):
        served.predict("colours", {"image": [encoded("red"), encoded("red")[:-20]]})
    bomb = bytearray(encoded("red"))
    bomb[16:24] = (60000).to_bytes(4, "big") * 2
    with pytest.raises(ResourceExhaustedError, match=r"the PNG has 60000x60000 pixels"):
        served.predict("colours", {"image": bytes(bomb)})
    assert served.predict("colours", {"image": encoded("red")}).outputs


def test_modelctl_takes_an_image_and_prints_its_classes(daemon, served, tmp_path):
    path = tmp_path / "red.webp"
    path.write_bytes(encoded("red", "WEBP"))
    shown = daemon.ctl("predict", "colours", f"image=@{path}")
    assert '"red" (0): 0.99' in shown
    assert served.predict("colours", {"image": path}).outputs["logits_classes"][0]["label"] == "red"


def test_a_config_that_cannot_hold_is_refused_with_the_reason(daemon, client, tmp_path):
    cases = {
        "2": ({"labels": ["one"]}, 'there are 1 labels, but the last dimension of output "logits" is 3'),
        "3": ({"labels": None}, 'names "labels.txt", which the file does not carry'),
        "4": ({"preprocess": {"image": {"image": {"color": "HSV"}}}}, 'unknown color "HSV"'),
        "5": ({"preprocess": {"picture": {"image": {}}}}, 'unknown input "picture"'),
    }
    for version, (change, _) in cases.items():
        daemon.move_in(colours(tmp_path, version, **change))
    wait_for("all to be refused", lambda: len(refused(client)) == len(cases))
    for version, (_, reason) in cases.items():
        assert any(re.search(reason, text) for text in refused(client)), (version, refused(client))


def refused(client):
    reasons = [file.reason for file in client.dropped_files() if file.state.name == "QUARANTINED"]
    for model in client.list_models():
        reasons += [version.reason for version in model.versions if version.state.name == "QUARANTINED"]
    return reasons


def test_tensors_are_those_of_the_pillow_recipe(daemon, client, tmp_path):
    resize = {
        "width": 224,
        "height": 224,
        "mode": "crop",
        "shorter_side": 256,
        "interpolation": "antialias_linear",
    }
    numbers = {"scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    config = {"name": "echo", "version": "1", "preprocess": {"x": {"image": {"resize": resize, **numbers}}}}
    daemon.move_in(save(tmp_path / "echo.pt", Echo(), config))
    wait_live(client, "echo", "1")
    rng = np.random.default_rng(0)
    for width, height in ((640, 427), (300, 500), (256, 256), (97, 61)):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8))
        picture = coarse.resize((width, height), Image.BICUBIC)
        for kind, tolerance in (("PNG", 1e-5), ("JPEG", 1.01 / 255 / 0.224)):
            buffer = io.BytesIO()
            picture.save(buffer, kind, **({"quality": 95} if kind == "JPEG" else {}))
            # torchvision's Resize(256), CenterCrop(224), ToTensor, Normalize.
            image = Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")
            short, long = sorted((width, height))
            other = int(256 * long / short)
            image = image.resize((256, other) if width <= height else (other, 256), Image.BILINEAR)
            left, top = round((image.width - 224) / 2), round((image.height - 224) / 2)
            image = image.crop((left, top, left + 224, top + 224))
            expected = (np.asarray(image, np.float32) / 255 - numbers["mean"]) / numbers["std"]
            actual = client.predict("echo", {"x": buffer.getvalue()}).outputs["output"]
            assert np.abs(actual[0] - expected.transpose(2, 0, 1)).max() <= tolerance, (width, height, kind)

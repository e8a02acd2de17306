"""Golden samples as the client writes them."""

import numpy as np
import pytest

from modeld_client import golden_sample
from modeld_client._proto import value_pb2 as pb


def test_a_sample_is_what_goes_over_the_wire() -> None:
    sample = pb.GoldenSample.FromString(
        golden_sample({"x": np.ones((1, 2), np.float32), "k": 3}, {"label": "cat"}, method="classify")
    )
    assert sample.method == "classify"
    assert sample.inputs["x"].tensor.dtype == "FP32"
    assert list(sample.inputs["x"].tensor.shape) == [1, 2]
    assert sample.inputs["k"].int_value == 3
    assert sample.outputs["label"].string_value == "cat"


def test_a_sample_that_compares_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="needs outputs"):
        golden_sample({"x": 1}, {})


def test_what_cannot_be_sent_is_named() -> None:
    with pytest.raises(TypeError, match="output 'y'"):
        golden_sample({}, {"y": object()})

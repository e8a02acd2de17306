"""`top_k`."""

import numpy as np
import pytest

from modeld_client import BFloat16Array, ScoredClass, top_k

NAN = float("nan")


def indices(scores, k: int = 100) -> list[list[int]]:
    return [[entry.index for entry in row] for row in top_k(scores, k)]


def test_labels_indices_and_values():
    scores = np.float32([[0.25, 0.75, 0.5], [3, 1, 2]])
    assert top_k(scores, 2, ["cat", "dog"]) == [
        [ScoredClass("dog", 1, 0.75), ScoredClass(None, 2, 0.5)],
        [ScoredClass("cat", 0, 3.0), ScoredClass(None, 2, 2.0)],
    ]
    assert top_k(scores, 1) == [[ScoredClass(None, 1, 0.75)], [ScoredClass(None, 0, 3.0)]]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1, 3, 3, 2, 3], [1, 2, 4, 3, 0]),
        ([0.0, -0.0, 0.0], [0, 1, 2]),
        ([NAN, 1, NAN, 2], [3, 1, 0, 2]),
        ([NAN, NAN], [0, 1]),
        ([-np.inf, NAN, np.inf, 0], [2, 3, 0, 1]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", "bits"])
def test_the_earlier_among_equals_and_nan_last(row, expected, dtype):
    scores = BFloat16Array.from_float32(row) if dtype == "bits" else np.array(row, dtype)
    assert indices(scores) == [expected]


def test_bfloat16_of_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    scores = np.array([1, NAN, 2.5], ml_dtypes.bfloat16)
    assert top_k(scores, 1) == [[ScoredClass(None, 2, 2.5)]]
    assert indices(scores) == [[2, 0, 1]]


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
def test_integers_to_their_limits(dtype):
    limits = np.iinfo(dtype)
    scores = np.array([limits.min, limits.max, 7, limits.max - 1, limits.min], dtype)
    assert indices(scores) == [[1, 3, 2, 0, 4]]
    (best,) = top_k(scores, 1)[0]
    assert best.value == limits.max
    assert isinstance(best.value, int)


def test_rows_of_any_number_of_dimensions():
    scores = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    assert indices(scores, 1) == [[3]] * 6
    assert indices(scores[0, 0], 2) == [[3, 2]]
    assert indices(scores[:, :, ::-1], 1) == [[0]] * 6


def test_no_rows_and_no_classes():
    assert top_k(np.zeros((0, 4)), 2) == []
    assert top_k(np.zeros((2, 0)), 2) == [[], []]


def test_what_has_no_order_is_refused():
    for scores in (np.array([True]), np.array([1j]), np.array(["a"])):
        with pytest.raises(TypeError, match="have no order"):
            top_k(scores, 1)
    with pytest.raises(TypeError, match="scores: a list cannot be sent"):
        top_k([1.0], 1)
    with pytest.raises(ValueError, match="no dimension"):
        top_k(np.float32(1).reshape(()), 1)
    with pytest.raises(ValueError, match="k is 0"):
        top_k(np.zeros(3), 0)

"""Everything that TorchScript can pass, there and back through the real engine."""

import numpy as np
import pytest
from daemon_process import wait_live

from modeld_client import BFloat16Array, InvalidArgumentError, NotFoundError


@pytest.fixture(scope="module")
def client(shared_daemons, shared_artifacts):
    daemon = shared_daemons.start()
    daemon.move_in(shared_artifacts.save("values", {"name": "values", "version": "1"}))
    with daemon.client() as client:
        wait_live(client, "values", "1")
        yield client


DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"


@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES.split())
def test_tensors_of_every_dtype(client, dtype, shape):
    x = np.random.default_rng(3).integers(0, 2, shape).astype(dtype)
    back = client.predict("values", {"x": x}).output
    assert back.dtype == x.dtype
    assert back.shape == shape
    np.testing.assert_array_equal(back, x)


def test_bfloat16(client):
    x = BFloat16Array.from_float32([[1.0, -2.5], [0.1, 3e38]])
    back = client.predict("values", {"x": x}).output
    np.testing.assert_array_equal(np.asarray(back, np.float32), np.asarray(x))


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("boolean", True),
        ("boolean", False),
        ("integer", -(2**63)),
        ("floating", 0.1),
        ("floating", float("inf")),
        ("complex_number", 1 - 2j),
        ("string", ""),
        ("string", "grüß\0Gott"),
        ("optional", None),
        ("integers", [1, 2, 3]),
        ("integers", []),
        ("strings", ["a", ""]),
        ("tensors", []),
    ],
    ids=repr,
)
def test_values_come_back_with_their_type(client, method, value):
    back = client.predict("values", {"v": value}, method=method).output
    assert type(back) is type(value)
    assert back == value


def test_an_optional_tensor(client):
    back = client.predict("values", {"v": np.arange(3)}, method="optional").output
    np.testing.assert_array_equal(back, np.arange(3))


def test_a_list_of_tensors(client):
    back = client.predict("values", {"v": [np.zeros(1), np.ones((2, 2))]}, method="tensors").output
    assert isinstance(back, list)
    assert [item.shape for item in back] == [(1,), (2, 2)]


def test_detections_come_back_as_a_list_of_dictionaries(client):
    value = [{"boxes": np.ones((2, 4), np.float32), "labels": np.array([1, 2])}, {}]
    back = client.predict("values", {"v": value}, method="detections").output
    assert isinstance(back, list)
    assert [sorted(item) for item in back] == [["boxes", "labels"], []]
    np.testing.assert_array_equal(back[0]["labels"], [1, 2])


def test_dictionaries_with_number_keys(client):
    assert client.predict("values", {"v": {2: 0.5, 1: 1.5}}, method="by_number").output == [{2: 0.5, 1: 1.5}]


def test_nested_tuples(client):
    ((number, (text, tensor)),) = client.predict(
        "values", {"v": (1, ("two", np.array([3.0])))}, method="nested"
    ).output
    assert (number, text, tensor.tolist()) == (1, "two", [3.0])


def test_strings_as_a_bytes_tensor(client):
    assert client.predict("values", {"v": np.array(["a", "b"])}, method="strings").output == ["a", "b"]
    assert client.predict("values", {"v": np.array("alone")}, method="string").output == "alone"


def test_a_tuple_becomes_numbered_outputs(client):
    answer = client.predict("values", {"x": np.zeros((2, 3))}, method="two")
    assert sorted(answer.outputs) == ["output_0", "output_1"]
    assert answer.outputs["output_0"].shape == (2, 3)
    assert answer.outputs["output_1"] == 2


def test_a_named_tuple_and_a_dictionary_name_the_outputs(client):
    answer = client.predict("values", {"x": np.zeros(2)}, method="pair")
    assert sorted(answer.outputs) == ["left", "right"]
    assert answer.outputs["right"] == 7
    answer = client.predict("values", {"x": np.ones(2)}, method="by_name")
    assert answer.outputs["double"].tolist() == [2.0, 2.0]


def test_a_default_may_be_left_out(client):
    assert client.predict("values", {"x": np.ones(1)}, method="with_default").output.tolist() == [2.0]
    answer = client.predict("values", {"x": np.ones(1), "scale": 3}, method="with_default")
    assert answer.output.tolist() == [3.0]


def test_methods_are_listed_with_their_types(client):
    methods = {method.name: method for method in client.get_model("values").methods}
    assert next(iter(methods)) == "forward"
    (argument,) = methods["detections"].inputs
    assert (argument.name, argument.type) == ("v", "List[Dict[str, Tensor]]")
    scale = methods["with_default"].inputs[1]
    assert (scale.name, scale.type, scale.optional) == ("scale", "float", True)


def test_an_unknown_method_is_named(client):
    with pytest.raises(NotFoundError, match='"fly"'):
        client.predict("values", {"v": 1}, method="fly")


@pytest.mark.parametrize(
    ("method", "value"), [("integer", "text"), ("string", 1), ("integers", ["a"]), ("detections", [{1: 2}])]
)
def test_a_value_of_another_type_is_named_with_what_was_expected(client, method, value):
    with pytest.raises(InvalidArgumentError, match='"v"'):
        client.predict("values", {"v": value}, method=method)

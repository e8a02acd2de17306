"""Values to the wire and back."""

import collections
import math
import typing

import numpy as np
import pytest

from modeld_client import BFloat16Array, codec
from modeld_client._proto import value_pb2 as pb


def encoded(value: typing.Any) -> pb.Value:
    message = pb.Value()
    codec.encode(value, message, "v")
    return pb.Value.FromString(message.SerializeToString())


def round_trip(value: typing.Any) -> typing.Any:
    return codec.decode(encoded(value), "v")


NUMERIC = {
    "BOOL": np.bool_,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "COMPLEX64": np.complex64,
    "COMPLEX128": np.complex128,
}


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("name", NUMERIC)
def test_every_dtype_and_shape_comes_back_as_it_was(name, shape):
    array = np.random.default_rng(1).integers(0, 2, shape).astype(NUMERIC[name])
    message = encoded(array)
    assert message.tensor.dtype == name
    assert list(message.tensor.shape) == list(shape)
    back = codec.decode(message, "v")
    assert back.dtype == array.dtype
    assert back.shape == shape
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (np.int8, [-128, 127]),
        (np.uint64, [0, 2**64 - 1]),
        (np.int64, [-(2**63), 2**63 - 1]),
        (np.float16, [65504, -0.0, np.inf, np.nan]),
        (np.float32, [np.finfo(np.float32).max, np.finfo(np.float32).tiny, -np.inf, np.nan]),
        (np.complex128, [complex(1, -2), complex(np.inf, 0)]),
    ],
)
def test_extreme_numbers_keep_their_bits(dtype, values):
    array = np.array(values, dtype)
    assert round_trip(array).tobytes() == array.tobytes()


def test_raw_bytes_are_little_endian_and_row_major():
    message = encoded(np.array([[1, 2], [3, 4]], ">i2").T)
    assert message.tensor.raw == b"\x01\x00\x03\x00\x02\x00\x04\x00"
    assert message.tensor.dtype == "INT16"


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24).reshape(4, 6)[::2, ::-3],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.broadcast_to(np.float32(7), (2, 3)),
        np.array([1.5, -2.5], ">f8"),
    ],
    ids=["strided", "fortran", "broadcast", "big-endian"],
)
def test_any_memory_layout_is_sent(array):
    np.testing.assert_array_equal(round_trip(array), array)


def test_arrays_come_back_read_only():
    with pytest.raises(ValueError, match="read-only"):
        round_trip(np.zeros(2))[0] = 1


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a", "grüß", ""]),
        np.array([b"a", b"\xff\xfe"]),
        np.array([["a", b"\x00b"], ["", "c"]], dtype=object),
        np.array("alone", dtype=object),
        np.array([], dtype=object),
    ],
    ids=["str", "bytes", "object", "no dimensions", "empty"],
)
def test_strings_come_back_as_bytes(array):
    back = round_trip(array)
    assert back.dtype == object
    assert back.shape == array.shape
    expected = [item.encode() if isinstance(item, str) else item for item in array.reshape(-1).tolist()]
    assert back.reshape(-1).tolist() == expected


def test_a_path_is_sent_as_the_bytes_of_its_file(tmp_path):
    path = tmp_path / "seven.png"
    path.write_bytes(b"\x89PNG")
    image = round_trip(path)
    assert image.shape == ()
    assert image.item() == b"\x89PNG"


def test_bytes_become_a_tensor_of_no_dimensions():
    back = round_trip(b"\x00\xff")
    assert back.shape == ()
    assert back.item() == b"\x00\xff"


SCALARS = [True, False, 0, -(2**63), 2**63 - 1, 1.5, -0.0, math.inf, 1 - 2j, "", "grüß", None]


@pytest.mark.parametrize("value", SCALARS, ids=repr)
def test_scalars_keep_their_type(value):
    back = round_trip(value)
    assert type(back) is type(value)
    assert repr(back) == repr(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.bool_(True), True),
        (np.int16(-3), -3),
        (np.uint8(3), 3),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.complex64(1j), 1j),
        (np.str_("s"), "s"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numpy_scalars_are_scalars(value, expected):
    back = round_trip(value)
    assert type(back) is type(expected)
    assert back == expected


Point = collections.namedtuple("Point", ["x", "y"])


@pytest.mark.parametrize(
    "value",
    [
        [],
        (),
        {},
        [1, [2, [3]]],
        (1, "two", None, (3.0,)),
        {"a": 1, "b": [True, {"c": ()}]},
        {1: "one", 2: "two"},
        {0.5: 1},
        {True: 1, False: 0},
        [{}, {}],
        [None],
    ],
    ids=repr,
)
def test_structures_come_back_as_they_were(value):
    back = round_trip(value)
    assert type(back) is type(value)
    assert repr(back) == repr(value)


def test_detections_come_back_as_a_list_of_dictionaries_of_tensors():
    value = [{"boxes": np.zeros((2, 4), np.float32), "labels": np.array([1, 2])}, {}]
    back = round_trip(value)
    assert [list(item) for item in back] == [["boxes", "labels"], []]
    assert back[0]["boxes"].shape == (2, 4)
    np.testing.assert_array_equal(back[0]["labels"], [1, 2])


def test_a_named_tuple_keeps_its_names():
    back = round_trip(Point(1, y=[2]))
    assert back == (1, [2])
    assert (back.x, back.y) == (1, [2])


def test_a_name_that_python_forbids_is_reached_by_position():
    message = encoded(Point(1, 2))
    message.tuple.names[0] = "class"
    back = codec.decode(message, "v")
    assert back[0] == 1
    assert back.y == 2


def test_dictionaries_keep_their_order():
    value = {"b": 1, "a": 2, "c": 3}
    assert list(round_trip(value)) == ["b", "a", "c"]


class TestBFloat16:
    @pytest.mark.parametrize(
        ("number", "bits"),
        [
            (0.0, 0x0000),
            (-0.0, 0x8000),
            (1.0, 0x3F80),
            (-2.0, 0xC000),
            (1 + 2**-8, 0x3F80),  # half-way: to the even one, below
            (1 + 3 * 2**-8, 0x3F82),  # half-way: to the even one, above
            (1 + 2**-8 + 2**-20, 0x3F81),
            (3.4e38, 0x7F80),  # beyond the largest bfloat16
            (math.inf, 0x7F80),
            (-math.inf, 0xFF80),
        ],
    )
    def test_rounds_to_nearest_even(self, number, bits):
        assert BFloat16Array.from_float32([number]).bits.tolist() == [bits]

    def test_nan_stays_nan(self):
        patterns = np.array([0x7FFFFFFF, 0x7F800001, 0xFFC00000], np.uint32).view(np.float32)
        assert np.isnan(np.asarray(BFloat16Array.from_float32(patterns))).all()

    def test_goes_and_comes_back(self):
        array = BFloat16Array.from_float32([[1.0, -2.5], [0.1, 3e4]])
        message = encoded(array)
        assert message.tensor.dtype == "BF16"
        assert list(message.tensor.shape) == [2, 2]
        back = codec.decode(message, "v")
        np.testing.assert_array_equal(np.asarray(back, np.float32), np.asarray(array))

    def test_comes_back_wrapped_without_ml_dtypes(self, monkeypatch):
        monkeypatch.setattr(codec, "ML_BFLOAT16", None)
        array = BFloat16Array.from_float32([1.0, 2.0])
        assert round_trip(array) == array

    def test_ml_dtypes_arrays_go_in_and_out(self):
        ml_dtypes = pytest.importorskip("ml_dtypes")
        array = np.array([1.0, 2.5], ml_dtypes.bfloat16)
        assert round_trip(array).dtype == array.dtype
        np.testing.assert_array_equal(round_trip(array), array)

    def test_bits_of_another_dtype_are_refused(self):
        with pytest.raises(TypeError, match="must be uint16, not float32"):
            BFloat16Array(np.zeros(2, np.float32))


class TestTorch:
    @pytest.mark.parametrize("dtype", ["bool", "int64", "uint8", "float16", "float32", "complex64"])
    def test_tensors_are_taken(self, dtype):
        torch = pytest.importorskip("torch")
        tensor = torch.ones(2, 3, dtype=getattr(torch, dtype)).T
        np.testing.assert_array_equal(round_trip(tensor), tensor.numpy())

    def test_bfloat16_is_taken(self):
        torch = pytest.importorskip("torch")
        tensor = torch.tensor([[1.0, 0.1], [-2.5, 7.0]], dtype=torch.bfloat16).T
        back = np.asarray(round_trip(tensor), np.float32)
        np.testing.assert_array_equal(back, tensor.float().numpy())

    def test_a_tensor_with_a_gradient_is_taken(self):
        torch = pytest.importorskip("torch")
        assert round_trip(torch.nn.Parameter(torch.ones(2))).tolist() == [1, 1]


Cyclic: list = []
Cyclic.append(Cyclic)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ({"a": [object()]}, TypeError, r"v\['a'\]\[0\]: a object cannot be sent; expected an array"),
        ({1, 2}, TypeError, "a set cannot be sent"),
        ({(1, 2): 3}, TypeError, r"key \(1, 2\) is a tuple; expected str, int, float or bool"),
        ([2**63], ValueError, r"v\[0\]: 9223372036854775808 does not fit into 64 bits"),
        (np.array(["2026-01-01"], "M8[s]"), TypeError, r"dtype datetime64\[s\] has no counterpart"),
        (np.array([1, "a"], dtype=object), TypeError, "holds a int; an object array may hold str and bytes"),
        (Cyclic, ValueError, "nested deeper than 32"),
    ],
    ids=["object", "set", "key", "big int", "datetime", "object array", "nesting"],
)
def test_what_cannot_be_sent_is_named(value, error, message):
    with pytest.raises(error, match=message):
        encoded(value)


def tensor(dtype: str, shape: list, raw: bytes) -> pb.Value:
    return pb.Value(tensor=pb.Tensor(dtype=dtype, shape=shape, raw=raw))


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (pb.Value(), "holds no kind of value"),
        (tensor("FP32", [2], b"\0" * 7), r"7 bytes; FP32 of shape \[2\] takes 8"),
        (tensor("FP32", [-1], b""), "negative dimension"),
        (tensor("FP8", [1], b"\0"), 'unknown dtype "FP8"'),
        (tensor("BYTES", [2], b"\1\0\0\0a"), "end after 1 of 2"),
        (tensor("BYTES", [1], b"\5\0\0\0a"), "element 0 is longer than what is left"),
        (tensor("BYTES", [1], b"\1\0\0\0ab"), "1 bytes follow the last"),
        (pb.Value(tuple=pb.TupleValue(names=["a"])), "a tuple of 0 items has 1 names"),
        (pb.Value(dict=pb.DictValue(entries=[pb.DictEntry()])), "a key is a None"),
    ],
)
def test_a_message_that_breaks_the_protocol_is_refused(message, error):
    with pytest.raises(ValueError, match=error):
        codec.decode(message, "v")

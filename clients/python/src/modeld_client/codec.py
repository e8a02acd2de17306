"""Between Python values and `modeld.v1.Value`. Pure functions.

Into the wire: what cannot be sent is a TypeError or ValueError that names the place inside the value.
Out of it: a message that breaks the protocol is a ValueError.
"""

from __future__ import annotations

import functools
import math
import struct
import sys
from collections import namedtuple
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ._proto import value_pb2 as pb
from .bfloat16 import ML_BFLOAT16, BFloat16Array

Value = Any
"""What a model takes or returns: a NumPy array, bool, int, float, complex, str, bytes, list, tuple,
NamedTuple, dict, None or `BFloat16Array`; on the way in also anything with `__array__`, such as a torch
tensor, and a `pathlib.Path`, which is sent as the file's bytes. Bytes are an encoded image (JPEG, PNG, WebP,
BMP) where the model's config preprocesses the input; a list of them is a batch."""

MAX_NESTING = 32
"""The daemon refuses values that are nested deeper."""

_DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "COMPLEX64": np.dtype("<c8"),
    "COMPLEX128": np.dtype("<c16"),
}
_NAMES = {(dtype.kind, dtype.itemsize): name for name, dtype in _DTYPES.items()}
_LENGTH = struct.Struct("<I")


def encode(value: Value, message: pb.Value, where: str, depth: int = 0) -> None:
    """Writes `value` into `message`, which is empty. `where` names the value in errors."""
    if depth > MAX_NESTING:
        raise ValueError(f"{where}: nested deeper than {MAX_NESTING}")
    if value is None:
        message.none.SetInParent()
    elif isinstance(value, (bool, np.bool_)):
        message.bool_value = bool(value)
    elif isinstance(value, (int, np.integer)):
        message.int_value = _int64(int(value), where)
    elif isinstance(value, (float, np.floating)):
        message.float_value = float(value)
    elif isinstance(value, (complex, np.complexfloating)):
        number = complex(value)
        message.complex_value.real = number.real
        message.complex_value.imag = number.imag
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, (bytes, bytearray)):
        _encode_bytes([bytes(value)], (), message.tensor, where)
    elif isinstance(value, Path):
        _encode_bytes([value.read_bytes()], (), message.tensor, where)
    elif isinstance(value, list):
        message.list.SetInParent()
        _encode_items(value, message.list.items, where, depth)
    elif isinstance(value, tuple):
        message.tuple.SetInParent()
        message.tuple.names.extend(getattr(value, "_fields", ()))
        _encode_items(value, message.tuple.items, where, depth)
    elif isinstance(value, Mapping):
        _encode_dict(value, message.dict, where, depth)
    else:
        _encode_tensor(as_array(value, where), message.tensor, where)


def decode(message: pb.Value, where: str) -> Value:
    """The Python value of `message`. Arrays, except those of BYTES, are read-only views of its bytes."""
    kind = message.WhichOneof("kind")
    if kind in ("bool_value", "int_value", "float_value", "string_value"):
        return getattr(message, kind)
    if kind == "tensor":
        return _decode_tensor(message.tensor, where)
    if kind == "complex_value":
        return complex(message.complex_value.real, message.complex_value.imag)
    if kind == "list":
        return _decode_items(message.list.items, where)
    if kind == "tuple":
        return _decode_tuple(message.tuple, where)
    if kind == "dict":
        return _decode_dict(message.dict, where)
    if kind == "none":
        return None
    raise ValueError(f"{where}: holds no kind of value that this client knows")


def _int64(number: int, where: str) -> int:
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{where}: {number} does not fit into 64 bits")
    return number


def _encode_items(items: Iterable[Value], messages: Any, where: str, depth: int) -> None:
    for index, item in enumerate(items):
        encode(item, messages.add(), f"{where}[{index}]", depth + 1)


def _encode_dict(items: Mapping[Any, Value], message: pb.DictValue, where: str, depth: int) -> None:
    message.SetInParent()
    for key, value in items.items():
        if not isinstance(key, (str, bool, np.bool_, int, np.integer, float, np.floating)):
            kind = type(key).__name__
            raise TypeError(f"{where}: key {key!r} is a {kind}; expected str, int, float or bool")
        entry = message.entries.add()
        encode(key, entry.key, f"{where}[{key!r}]", depth + 1)
        encode(value, entry.value, f"{where}[{key!r}]", depth + 1)


def as_array(value: Any, where: str) -> npt.NDArray[Any] | BFloat16Array:
    """An array, or what can become one. TypeError: anything else."""
    if isinstance(value, (np.ndarray, BFloat16Array)):
        return value
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        # A prediction has no gradient, so one that is asked for is no reason to refuse. NumPy cannot take a
        # bfloat16 tensor, only its bits.
        torch: Any = sys.modules["torch"]
        tensor = value.detach().cpu()
        if tensor.dtype == torch.bfloat16:
            return BFloat16Array(tensor.contiguous().view(torch.int16).numpy().view(np.uint16))
        return np.asarray(tensor)
    if hasattr(value, "__array__"):
        return np.asarray(value)
    raise TypeError(
        f"{where}: a {type(value).__name__} cannot be sent; "
        "expected an array, bool, int, float, complex, str, bytes, list, tuple, dict or None"
    )


def _encode_tensor(array: npt.NDArray[Any] | BFloat16Array, message: pb.Tensor, where: str) -> None:
    if isinstance(array, BFloat16Array):
        _encode_raw("BF16", array.bits.astype("<u2", copy=False), message)
    elif array.dtype.name == "bfloat16":
        _encode_raw("BF16", array.view(np.uint16).astype("<u2", copy=False), message)
    elif array.dtype.kind in "OSUT":
        _encode_bytes(array.reshape(-1).tolist(), array.shape, message, where)
    else:
        name = _NAMES.get((array.dtype.kind, array.dtype.itemsize))
        if name is None:
            raise TypeError(f"{where}: dtype {array.dtype} has no counterpart; convert it with .astype()")
        _encode_raw(name, array.astype(_DTYPES[name], copy=False), message)


def _encode_raw(name: str, array: npt.NDArray[Any], message: pb.Tensor) -> None:
    message.dtype = name
    message.shape.extend(array.shape)
    message.raw = array.tobytes(order="C")


def _encode_bytes(elements: list[Any], shape: tuple[int, ...], message: pb.Tensor, where: str) -> None:
    parts: list[bytes] = []
    for element in elements:
        if not isinstance(element, (str, bytes)):
            raise TypeError(
                f"{where}: holds a {type(element).__name__}; an object array may hold str and bytes only"
            )
        data = element.encode() if isinstance(element, str) else element
        parts += (_LENGTH.pack(len(data)), data)
    message.dtype = "BYTES"
    message.shape.extend(shape)
    message.raw = b"".join(parts)


def _decode_items(messages: Iterable[pb.Value], where: str) -> list[Value]:
    return [decode(item, f"{where}[{index}]") for index, item in enumerate(messages)]


def _decode_tuple(message: pb.TupleValue, where: str) -> tuple[Value, ...]:
    items = _decode_items(message.items, where)
    if not message.names:
        return tuple(items)
    if len(message.names) != len(items):
        raise ValueError(f"{where}: a tuple of {len(items)} items has {len(message.names)} names")
    made: tuple[Value, ...] = _named_tuple(tuple(message.names))(*items)
    return made


@functools.lru_cache(maxsize=256)
def _named_tuple(names: tuple[str, ...]) -> Any:
    # rename: a field that Python does not allow ("class") is reached by position, as `_0`.
    return namedtuple("NamedTuple", names, rename=True)


def _decode_dict(message: pb.DictValue, where: str) -> dict[Any, Value]:
    result: dict[Any, Value] = {}
    for entry in message.entries:
        kind = entry.key.WhichOneof("kind")
        if kind not in ("string_value", "int_value", "float_value", "bool_value"):
            raise ValueError(f"{where}: a key is a {kind}; keys are strings, integers, floats or booleans")
        key = getattr(entry.key, kind)
        result[key] = decode(entry.value, f"{where}[{key!r}]")
    return result


def _decode_tensor(message: pb.Tensor, where: str) -> npt.NDArray[Any] | BFloat16Array:
    shape = tuple(message.shape)
    if any(dimension < 0 for dimension in shape):
        raise ValueError(f"{where}: the shape {list(shape)} has a negative dimension")
    count = math.prod(shape)
    if message.dtype == "BYTES":
        return _decode_bytes(message, shape, count, where)
    if message.dtype == "BF16":
        bits = _decode_numbers(message, np.dtype("<u2"), shape, count, where)
        return BFloat16Array(bits) if ML_BFLOAT16 is None else bits.view(ML_BFLOAT16)
    dtype = _DTYPES.get(message.dtype)
    if dtype is None:
        raise ValueError(f'{where}: unknown dtype "{message.dtype}"')
    return _decode_numbers(message, dtype, shape, count, where)


def _decode_numbers(
    message: pb.Tensor, dtype: np.dtype[Any], shape: tuple[int, ...], count: int, where: str
) -> npt.NDArray[Any]:
    raw = message.raw
    expected = count * dtype.itemsize
    if len(raw) != expected:
        raise ValueError(
            f"{where}: {len(raw)} bytes; {message.dtype} of shape {list(shape)} takes {expected}"
        )
    return np.ndarray(shape, dtype, buffer=raw)


def _decode_bytes(message: pb.Tensor, shape: tuple[int, ...], count: int, where: str) -> npt.NDArray[Any]:
    raw = message.raw
    elements = np.empty(count, dtype=object)
    offset = 0
    for index in range(count):
        start = offset + _LENGTH.size
        if start > len(raw):
            raise ValueError(f"{where}: the BYTES elements end after {index} of {count}")
        offset = start + _LENGTH.unpack_from(raw, start - _LENGTH.size)[0]
        if offset > len(raw):
            raise ValueError(f"{where}: BYTES element {index} is longer than what is left")
        elements[index] = raw[start:offset]
    if offset != len(raw):
        raise ValueError(f"{where}: {len(raw) - offset} bytes follow the last BYTES element")
    return elements.reshape(shape)

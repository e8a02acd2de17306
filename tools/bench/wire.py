"""The little of protobuf's wire format that calls to other servers need, so that none of their generated code
is imported (https://protobuf.dev/programming-guides/encoding/)."""

from __future__ import annotations

from collections import defaultdict

LENGTH_DELIMITED = 2


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: bytes) -> bytes:
    """A string, bytes, or message field."""
    return varint(number << 3 | LENGTH_DELIMITED) + varint(len(value)) + value


def fields(message: bytes) -> dict[int, list[bytes]]:
    """The strings, bytes and messages of a message by field number; numbers are skipped."""
    found: dict[int, list[bytes]] = defaultdict(list)
    at = 0

    def read_varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = read_varint()
        kind = tag & 7
        if kind == LENGTH_DELIMITED:
            size = read_varint()
            found[tag >> 3].append(message[at : at + size])
            at += size
        elif kind == 0:
            read_varint()
        else:
            at += 8 if kind == 1 else 4
    return found

"""A peer that sends all of its requests but their last byte, as far as flow control lets it, and stays."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events

HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]
QUIET_S = 1.0  # without a word from the server, who waits for what does not come


class HalfRequests:
    """One connection with `count` calls of `path`, of `size` bytes each. Ends them all at exit."""

    def __init__(self, address: str, path: str, count: int, size: int) -> None:
        host, port = address.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), timeout=10)
        self._connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self._connection.initiate_connection()
        self._left: dict[int, int] = {}
        self.refused = 0  # calls that the server ended
        self.reasons: set[str] = set()  # by their gRPC status, or HTTP/2's error code
        self.sent = 0
        for _ in range(count):
            stream = self._connection.get_next_available_stream_id()
            self._connection.send_headers(stream, [(":path", path), *HEADERS])
            self._connection.send_data(stream, struct.pack(">BI", 0, size))
            self._left[stream] = size - 1

    def __enter__(self) -> HalfRequests:
        return self

    def __exit__(self, *_: Any) -> None:
        self._socket.close()

    def send(self) -> None:
        """Returns when the server takes no more, for whatever reason."""
        heard = time.monotonic()
        self._socket.settimeout(0.1)
        while self._left and time.monotonic() - heard < QUIET_S:
            if self._send_some() or self._receive():
                heard = time.monotonic()

    def _send_some(self) -> bool:
        before = self.sent
        for stream in list(self._left):
            size = min(
                self._left[stream],
                self._connection.local_flow_control_window(stream),
                self._connection.max_outbound_frame_size,
            )
            if size > 0:
                self._connection.send_data(stream, bytes(size))
                self._left[stream] -= size
                self.sent += size
        self._socket.settimeout(10)
        self._socket.sendall(self._connection.data_to_send())
        self._socket.settimeout(0.1)
        return self.sent > before

    def _receive(self) -> bool:
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            return False
        for event in self._connection.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
                self.reasons |= {f"{name}: {value}" for name, value in event.headers if name == "grpc-status"}
            if isinstance(event, h2.events.StreamReset):
                self.reasons.add(h2.errors.ErrorCodes(event.error_code).name)
            if isinstance(event, h2.events.StreamReset | h2.events.StreamEnded):
                self.refused += self._left.pop(event.stream_id, None) is not None
        return bool(data)

"""The status that the server gave a stream of grpc.aio, which may hide it.

A write that fails because the server has ended the stream sets a status of its own, INTERNAL, over the one
that the server sent or is about to send (https://github.com/grpc/grpc/issues/36066).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import grpc.aio

_DETAILS_OF_A_FAILED_WRITE = "Internal error from Core"
# The server's status is on its way when a write fails; where grpc rejected the write by itself there is none.
_WAIT_S = 1.0


class StreamStatus:
    """Keeps the status of one call from the moment that it is made. Of the call's event loop."""

    def __init__(self, call: Any) -> None:
        self._came = asyncio.Event()
        self._of_server: grpc.aio.AioRpcError | None = None
        call.add_done_callback(self._take)

    def _take(self, call: Any) -> None:
        """Called whenever a status is set, before another can be."""
        details = _at_once(call.details())
        if details == _DETAILS_OF_A_FAILED_WRITE:
            return
        self._of_server = grpc.aio.AioRpcError(
            _at_once(call.code()), grpc.aio.Metadata(), _at_once(call.trailing_metadata()), details
        )
        self._came.set()

    async def instead_of(self, error: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
        """The error to report where the call raised `error`."""
        if error.details() != _DETAILS_OF_A_FAILED_WRITE:
            return error
        try:
            await asyncio.wait_for(self._came.wait(), _WAIT_S)
        except asyncio.TimeoutError:
            return error
        return self._of_server or error


def _at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} had to wait")

"""The asyncio client: `Client` with coroutines."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

import grpc
import grpc.aio

from . import _rpc
from ._rpc import Method, Prediction, Priority, Request, Response, SequenceStep
from ._stream_status import StreamStatus
from .codec import Value
from .errors import ModeldError, NotFoundError
from .models import DroppedFile, Listing, Model, ModelDetails, details_from_proto, listing_from_proto
from .retry import RetryPolicy


class AsyncClient:
    """Calls a modeld daemon from one event loop, that of its first call. Arguments and errors as `Client`."""

    def __init__(
        self,
        address: str,
        *,
        timeout: float = _rpc.DEFAULT_TIMEOUT_S,
        retry: RetryPolicy | None = None,
        max_message_bytes: int = _rpc.DEFAULT_MAX_MESSAGE_BYTES,
        channel_options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._retry = retry or RetryPolicy()
        self._options = _rpc.channel_options(self._retry, max_message_bytes, channel_options)
        # Made by the first call: a channel belongs to the loop that runs when it is made.
        self._channel: grpc.aio.Channel | None = None
        self._stubs: dict[str, Any] = {}
        self._closed = False

    async def close(self) -> None:
        """Ends the connection; calls in flight are cancelled."""
        self._closed = True
        if self._channel is not None:
            await self._channel.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def predict(
        self,
        model: str,
        inputs: Mapping[str, Value],
        *,
        version: str | None = None,
        label: str | None = None,
        method: str | None = None,
        sticky_key: str | None = None,
        priority: Priority | None = None,
        sequence: SequenceStep | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
        timeout: float | None = None,
    ) -> Prediction:
        """Runs one method of one version of a model: `forward` of the live one unless told otherwise.

        While the model has a canary, requests that name neither version nor label go to one of the two:
        always to the same one with the same `sticky_key` (a user's or session's id, at most 1 KiB), else
        by what the inputs hold. The prediction says which version answered.

        Of requests that wait, those with a higher `priority` run first. Those of one `sequence` run one after
        the other on one copy of the attributes that the module writes, and stay on one version.

        The daemon's log lines about the request have its `request_id` (printable ASCII without spaces, at
        most 128 characters) and `traceparent` (as in W3C Trace Context).
        """
        request = _rpc.predict_request(model, inputs, version, label, method, sticky_key, priority, sequence)
        metadata = _rpc.trace_metadata(request_id, traceparent)
        return _rpc.prediction(await self._call(_rpc.PREDICT, request, timeout, metadata))

    async def predict_stream(
        self,
        model: str,
        inputs: AsyncIterable[Mapping[str, Value]] | Iterable[Mapping[str, Value]],
        *,
        version: str | None = None,
        label: str | None = None,
        method: str | None = None,
        sticky_key: str | None = None,
        priority: Priority | None = None,
        request_timeout: float | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
        timeout: float | None = None,
    ) -> AsyncGenerator[Prediction | ModeldError, None]:
        """Predict for many requests on one stream: yields an answer for each, in their order.

        `inputs` are taken by a task of the stream's, and held back while 64 are not answered. A request that
        fails yields its error, which is not raised, and the stream goes on; with `request_timeout` each has
        so many seconds. An exception of `inputs`, or for one that cannot be sent, is raised after the answers
        to those before it. An error of the stream itself is raised: what was not answered by then may have
        run or not. Nothing is tried again. The other arguments are those of `predict`, for every request;
        `timeout` is the whole stream's (none unless given).

        The stream ends with the iterator: by its last answer, an error, the cancellation of the task that
        waits for it, or `aclose()`. A loop that is left early does not close it; `contextlib.aclosing` does.
        Then the call is cancelled, and `inputs`, if it is an asynchronous generator, is closed.
        """
        metadata = _rpc.trace_metadata(request_id, traceparent)
        call = _rpc.predict_stream_stub(self._connected())(timeout=timeout, metadata=metadata)
        status = StreamStatus(call)
        room = asyncio.Semaphore(_rpc.STREAM_REQUESTS)
        source = _each(inputs)
        failed: list[Exception] = []

        async def send() -> None:
            while await room.acquire():
                try:
                    one = await source.__anext__()
                    request = _rpc.predict_request(
                        model, one, version, label, method, sticky_key, priority, None
                    )
                except StopAsyncIteration:
                    break
                except Exception as error:
                    failed.append(error)
                    break
                await call.write(_rpc.stream_request(request, request_timeout))
            await call.done_writing()

        sender = asyncio.ensure_future(send())
        try:
            # Not by read(), which gives nothing more once a write has failed.
            async for response in call:
                room.release()
                yield _rpc.stream_answer(response)
            if failed:
                raise failed[0]
        except grpc.aio.AioRpcError as error:
            if failed:
                raise failed[0] from error
            raise _rpc.call_error(await status.instead_of(error)) from error
        finally:
            call.cancel()
            sender.cancel()
            # What it met with is the end of the call, of which the reading side tells.
            await asyncio.gather(sender, return_exceptions=True)
            await source.aclose()

    async def listing(self, *, timeout: float | None = None) -> Listing:
        """All models, dropped files and trouble with the drop directory, of one moment."""
        pages = [await self._call(_rpc.LIST_MODELS, _rpc.list_request(""), timeout)]
        while pages[-1].next_page_token:
            request = _rpc.list_request(pages[-1].next_page_token)
            pages.append(await self._call(_rpc.LIST_MODELS, request, timeout))
        return listing_from_proto(pages)

    async def list_models(self, *, timeout: float | None = None) -> list[Model]:
        """All models with their versions, by name."""
        return list((await self.listing(timeout=timeout)).models)

    async def dropped_files(self, *, timeout: float | None = None) -> list[DroppedFile]:
        """Files of the drop directory that are not (yet) a registered version."""
        page = await self._call(_rpc.LIST_MODELS, _rpc.list_request("", page_size=1), timeout)
        return list(listing_from_proto([page]).dropped_files)

    async def get_model(self, name: str, *, timeout: float | None = None) -> ModelDetails:
        """One model with its methods, config and dropped files."""
        request = _rpc.model_request(name)
        return details_from_proto(await self._call(_rpc.GET_MODEL, request, timeout))

    async def is_serving(self, name: str = "", *, timeout: float | None = None) -> bool:
        """Whether the daemon (no name) or a model serves; False also for a model that there is not."""
        try:
            return _rpc.is_serving(await self._call(_rpc.CHECK_HEALTH, _rpc.health_request(name), timeout))
        except NotFoundError:
            return False

    def _connected(self) -> grpc.aio.Channel:
        if self._closed:
            raise ValueError("the client is closed")
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self._address, options=self._options)
            self._stubs = {method.path: method.stub(self._channel) for method in _rpc.METHODS}
        return self._channel

    def _stub(self, path: str) -> Any:
        self._connected()
        return self._stubs[path]

    async def _call(
        self,
        method: Method[Request, Response],
        request: Request,
        timeout: float | None,
        metadata: _rpc.Metadata = (),
    ) -> Response:
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        failures = 0
        while True:
            try:
                response: Response = await self._stub(method.path)(
                    request, timeout=deadline - time.monotonic(), metadata=metadata
                )
                return response
            except grpc.aio.AioRpcError as error:
                failures += 1
                delay = None
                if error.code() == grpc.StatusCode.UNAVAILABLE:
                    delay = self._retry.delay_after(failures, deadline - time.monotonic(), random.random())
                if delay is None:
                    raise _rpc.call_error(error) from error
            await asyncio.sleep(delay)


async def _each(
    inputs: AsyncIterable[Mapping[str, Value]] | Iterable[Mapping[str, Value]],
) -> AsyncGenerator[Mapping[str, Value], None]:
    """All of `inputs`. Closes it, where it is an asynchronous generator, when it is closed itself."""
    if not isinstance(inputs, AsyncIterable):
        for one in inputs:
            yield one
        return
    iterator: AsyncIterator[Mapping[str, Value]] = inputs.__aiter__()
    try:
        async for one in iterator:
            yield one
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()

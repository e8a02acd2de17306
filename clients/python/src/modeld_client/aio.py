"""The asyncio client: `Client` with coroutines."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import grpc
import grpc.aio

from . import _rpc
from ._rpc import Method, Prediction, Priority, Request, Response, SequenceStep
from .codec import Value
from .errors import error_for
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
        timeout: float | None = None,
    ) -> Prediction:
        """Runs one method of one version of a model: `forward` of the live one unless told otherwise.

        While the model has a canary, requests that name neither version nor label go to one of the two:
        always to the same one with the same `sticky_key` (a user's or session's id, at most 1 KiB), else
        by what the inputs hold. The prediction says which version answered.

        Of requests that wait, those with a higher `priority` run first. Those of one `sequence` run one after
        the other on one copy of the attributes that the module writes, and stay on one version.
        """
        request = _rpc.predict_request(model, inputs, version, label, method, sticky_key, priority, sequence)
        return _rpc.prediction(await self._call(_rpc.PREDICT, request, timeout))

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
        """Whether the daemon (no name) or a model serves. NotFoundError: no such model."""
        return _rpc.is_serving(await self._call(_rpc.CHECK_HEALTH, _rpc.health_request(name), timeout))

    def _stub(self, path: str) -> Any:
        if self._closed:
            raise ValueError("the client is closed")
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self._address, options=self._options)
            self._stubs = {method.path: method.stub(self._channel) for method in _rpc.METHODS}
        return self._stubs[path]

    async def _call(
        self, method: Method[Request, Response], request: Request, timeout: float | None
    ) -> Response:
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        failures = 0
        while True:
            try:
                response: Response = await self._stub(method.path)(
                    request, timeout=deadline - time.monotonic()
                )
                return response
            except grpc.aio.AioRpcError as error:
                failures += 1
                code, details = error.code(), error.details()
                delay = None
                if code == grpc.StatusCode.UNAVAILABLE:
                    delay = self._retry.delay_after(failures, deadline - time.monotonic(), random.random())
                if delay is None:
                    raise error_for(code, details) from error
            await asyncio.sleep(delay)

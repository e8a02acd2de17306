"""The blocking client."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import grpc

from . import _rpc
from ._proto import model_service_pb2 as pb
from ._rpc import Method, Prediction, Priority, Request, Response, SequenceStep
from .codec import Value
from .errors import ModeldError, NotFoundError
from .models import DroppedFile, Listing, Model, ModelDetails, details_from_proto, listing_from_proto
from .retry import RetryPolicy


class Client:
    """Calls a modeld daemon. Thread-safe: one client serves any number of threads over one connection.

    Args:
      address: "host:port" or "unix:/path". The connection is made by the first call; plain text.
      timeout: seconds for a call that gives none of its own, retries included.
      retry: how UNAVAILABLE is tried again.
      max_message_bytes: of one message, in both directions.
      channel_options: further channel arguments of gRPC.

    Calls raise a subclass of `ModeldError`, or TypeError and ValueError for inputs that cannot be sent.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: float = _rpc.DEFAULT_TIMEOUT_S,
        retry: RetryPolicy | None = None,
        max_message_bytes: int = _rpc.DEFAULT_MAX_MESSAGE_BYTES,
        channel_options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        self._timeout = timeout
        self._retry = retry or RetryPolicy()
        self._channel = grpc.insecure_channel(
            address, options=_rpc.channel_options(self._retry, max_message_bytes, channel_options)
        )
        self._stubs = {method.path: method.stub(self._channel) for method in _rpc.METHODS}

    def close(self) -> None:
        """Ends the connection; calls in flight are cancelled."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def predict(
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
        return _rpc.prediction(self._call(_rpc.PREDICT, request, timeout, metadata))

    def predict_stream(
        self,
        model: str,
        inputs: Iterable[Mapping[str, Value]],
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
    ) -> Iterator[Prediction | ModeldError]:
        """Predict for many requests on one stream: yields an answer for each, in their order.

        `inputs` are taken as fast as the daemon takes them, on a thread of gRPC's; at most 64 are under way.
        A request that fails yields its error, which is not raised, and the stream goes on; with
        `request_timeout` each has so many seconds. An error of the stream itself is raised: what was not
        answered by then may have run or not. Nothing is tried again. The other arguments are those of
        `predict`, for every request; `timeout` is the whole stream's (none unless given).
        """
        failed: list[Exception] = []  # of `inputs`, which gRPC would only log

        def requests() -> Iterator[pb.PredictStreamRequest]:
            try:
                for one in inputs:
                    request = _rpc.predict_request(
                        model, one, version, label, method, sticky_key, priority, None
                    )
                    yield _rpc.stream_request(request, request_timeout)
            except Exception as error:
                failed.append(error)
                raise

        metadata = _rpc.trace_metadata(request_id, traceparent)
        call = _rpc.predict_stream_stub(self._channel)(requests(), timeout=timeout, metadata=metadata)
        try:
            for response in call:
                yield _rpc.stream_answer(response)
        except grpc.RpcError as error:
            if failed:
                raise failed[0] from error
            raise _rpc.call_error(error) from error
        finally:
            call.cancel()

    def listing(self, *, timeout: float | None = None) -> Listing:
        """All models, dropped files and trouble with the drop directory, of one moment."""
        pages = [self._call(_rpc.LIST_MODELS, _rpc.list_request(""), timeout)]
        while pages[-1].next_page_token:
            pages.append(self._call(_rpc.LIST_MODELS, _rpc.list_request(pages[-1].next_page_token), timeout))
        return listing_from_proto(pages)

    def list_models(self, *, timeout: float | None = None) -> list[Model]:
        """All models with their versions, by name."""
        return list(self.listing(timeout=timeout).models)

    def dropped_files(self, *, timeout: float | None = None) -> list[DroppedFile]:
        """Files of the drop directory that are not (yet) a registered version."""
        # The first page holds all of them, however short it is.
        page = self._call(_rpc.LIST_MODELS, _rpc.list_request("", page_size=1), timeout)
        return list(listing_from_proto([page]).dropped_files)

    def get_model(self, name: str, *, timeout: float | None = None) -> ModelDetails:
        """One model with its methods, config and dropped files."""
        request = _rpc.model_request(name)
        return details_from_proto(self._call(_rpc.GET_MODEL, request, timeout))

    def is_serving(self, name: str = "", *, timeout: float | None = None) -> bool:
        """Whether the daemon (no name) or a model serves; False also for a model that there is not."""
        try:
            return _rpc.is_serving(self._call(_rpc.CHECK_HEALTH, _rpc.health_request(name), timeout))
        except NotFoundError:
            return False

    def _call(
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
                response: Response = self._stubs[method.path](
                    request, timeout=deadline - time.monotonic(), metadata=metadata
                )
                return response
            except grpc.RpcError as error:
                failures += 1
                delay = None
                if error.code() == grpc.StatusCode.UNAVAILABLE:
                    delay = self._retry.delay_after(failures, deadline - time.monotonic(), random.random())
                if delay is None:
                    raise _rpc.call_error(error) from error
            time.sleep(delay)

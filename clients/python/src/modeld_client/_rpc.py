"""What both clients share: methods, messages and channel options. Pure functions; no I/O."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import grpc
from grpc_health.v1 import health_pb2

from . import codec
from ._proto import model_service_pb2 as pb
from .codec import Value
from .errors import InternalError, ModeldError, error_for
from .retry import RetryPolicy

Request = TypeVar("Request")
Response = TypeVar("Response")
Metadata = tuple[tuple[str, str], ...]

DEFAULT_TIMEOUT_S = 30.0
DEFAULT_MAX_MESSAGE_BYTES = 64 << 20
PAGE_SIZE = 1000
STREAM_REQUESTS = 64
"""So many requests of a stream the daemon takes before the first of them is answered."""
_CLASSES = "_classes"
_MAX_REQUEST_ID = 128
"""Characters; the daemon ignores what is longer."""


@dataclass(frozen=True)
class Method(Generic[Request, Response]):
    """A unary method of a service."""

    path: str
    request: type[Request]
    response: type[Response]

    def stub(self, channel: Any) -> Any:
        """The callable of a blocking or an asyncio channel."""
        return channel.unary_unary(
            self.path,
            request_serializer=self.request.SerializeToString,  # type: ignore[attr-defined]
            response_deserializer=self.response.FromString,  # type: ignore[attr-defined]
        )


PREDICT = Method("/modeld.v1.ModelService/Predict", pb.PredictRequest, pb.PredictResponse)
LIST_MODELS = Method("/modeld.v1.ModelService/ListModels", pb.ListModelsRequest, pb.ListModelsResponse)
GET_MODEL = Method("/modeld.v1.ModelService/GetModel", pb.GetModelRequest, pb.GetModelResponse)
CHECK_HEALTH: Method[Any, Any] = Method(
    "/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
)
METHODS: tuple[Method[Any, Any], ...] = (PREDICT, LIST_MODELS, GET_MODEL, CHECK_HEALTH)


class Priority(enum.Enum):
    """How urgent a request is, among those that wait for the same version."""

    NORMAL = pb.PRIORITY_NORMAL
    HIGH = pb.PRIORITY_HIGH
    LOW = pb.PRIORITY_LOW


@dataclass(frozen=True)
class SequenceStep:
    """A request's place among those that share the state of a module that writes its own attributes."""

    id: str
    """Of the sequence, among those to the same model; at most 256 bytes."""
    start: bool = False
    """It begins with this request."""
    end: bool = False
    """It ends with this request."""


@dataclass(frozen=True)
class Prediction:
    """What a model answered."""

    model: str
    version: str
    """The version that answered."""
    outputs: dict[str, Value]

    @property
    def output(self) -> Value:
        """The only output, beside the classes that `top_k` of the config makes of it, which are
        `outputs["<its name>_classes"]`. ValueError if there is not exactly one."""
        names = [name for name in self.outputs if not self._are_classes(name)]
        if len(names) != 1:
            listed = ", ".join(names) or "none"
            raise ValueError(
                f'model "{self.model}" returned {len(names)} outputs ({listed}); use outputs["name"]'
            )
        return self.outputs[names[0]]

    def _are_classes(self, name: str) -> bool:
        return name.endswith(_CLASSES) and name.removesuffix(_CLASSES) in self.outputs


def channel_options(
    policy: RetryPolicy, max_message_bytes: int, extra: Sequence[tuple[str, Any]]
) -> list[tuple[str, Any]]:
    """gRPC's channel arguments. `extra` goes last and so has the last word."""
    initial_ms = max(1, round(policy.initial_backoff_s * 1000))
    return [
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        # RetryPolicy decides alone.
        ("grpc.enable_retries", 0),
        # A channel that lost its daemon waits a second before it connects again, by default: longer than all
        # of our attempts take. It has to keep step with them. The minimum stays as it is: for so long gRPC
        # tries to connect, and a daemon that is far away or busy may need more than our first back-off.
        ("grpc.initial_reconnect_backoff_ms", initial_ms),
        ("grpc.max_reconnect_backoff_ms", max(initial_ms, round(policy.max_backoff_s * 1000))),
        *extra,
    ]


def predict_request(
    model: str,
    inputs: Mapping[str, Value],
    version: str | None,
    label: str | None,
    method: str | None,
    sticky_key: str | None,
    priority: Priority | None,
    sequence: SequenceStep | None,
) -> pb.PredictRequest:
    if version is not None and label is not None:
        raise ValueError(f'both version "{version}" and label "{label}" are given; give at most one')
    request = pb.PredictRequest(
        model=model, version=version, label=label, method=method or "", sticky_key=sticky_key or ""
    )
    if priority is not None:
        request.priority = priority.value
    if sequence is not None:
        request.sequence_id = sequence.id
        request.sequence_start = sequence.start
        request.sequence_end = sequence.end
    for name, value in inputs.items():
        codec.encode(value, request.inputs[name], f'input "{name}"')
    return request


def trace_metadata(request_id: str | None, traceparent: str | None) -> Metadata:
    """What a call carries so that its log lines, and the answer's metadata, name it."""
    metadata = []
    if request_id is not None:
        if not (0 < len(request_id) <= _MAX_REQUEST_ID and all("!" <= char <= "~" for char in request_id)):
            raise ValueError(
                f"request_id is {request_id!r}; expected 1 to {_MAX_REQUEST_ID} printable ASCII characters "
                "without spaces"
            )
        metadata.append(("x-request-id", request_id))
    if traceparent is not None:
        # Who passes a caller's header on is not to fail by it: one of another form is ignored by the daemon.
        if not all(" " <= char <= "~" for char in traceparent):
            raise ValueError(
                f"traceparent is {traceparent!r}; expected printable ASCII, as of W3C Trace Context"
            )
        metadata.append(("traceparent", traceparent))
    return tuple(metadata)


def prediction(response: pb.PredictResponse) -> Prediction:
    try:
        outputs = {name: codec.decode(value, f'output "{name}"') for name, value in response.outputs.items()}
    except ValueError as error:
        raise InternalError(grpc.StatusCode.INTERNAL, f"the answer cannot be read: {error}") from error
    return Prediction(response.model, response.version, outputs)


def predict_stream_stub(channel: Any) -> Any:
    """The callable of a blocking or an asyncio channel."""
    return channel.stream_stream(
        "/modeld.v1.ModelService/PredictStream",
        request_serializer=pb.PredictStreamRequest.SerializeToString,
        response_deserializer=pb.PredictStreamResponse.FromString,
    )


def stream_request(request: pb.PredictRequest, request_timeout: float | None) -> pb.PredictStreamRequest:
    timeout_ms = 0 if request_timeout is None else max(1, round(request_timeout * 1000))
    return pb.PredictStreamRequest(request=request, timeout_ms=timeout_ms)


def stream_answer(response: pb.PredictStreamResponse) -> Prediction | ModeldError:
    if response.WhichOneof("result") != "failure":
        return prediction(response.response)
    codes = {code.value[0]: code for code in grpc.StatusCode}
    failure = response.failure
    retry_after_s = failure.retry_after_ms / 1000 if failure.retry_after_ms > 0 else None
    return error_for(codes.get(failure.code, grpc.StatusCode.UNKNOWN), failure.message, retry_after_s)


def call_error(error: Any) -> ModeldError:
    """The error for a failed call, a `grpc.RpcError` of either kind of channel."""
    retry_after_s = None
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-retry-pushback-ms" and value.isdecimal():
            retry_after_s = int(value) / 1000
    return error_for(error.code(), error.details(), retry_after_s)


def model_request(name: str) -> pb.GetModelRequest:
    return pb.GetModelRequest(model=name)


def list_request(page_token: str, page_size: int = PAGE_SIZE) -> pb.ListModelsRequest:
    return pb.ListModelsRequest(page_size=page_size, page_token=page_token)


def health_request(name: str) -> Any:
    return health_pb2.HealthCheckRequest(service=name)


def is_serving(response: Any) -> bool:
    return bool(response.status == health_pb2.HealthCheckResponse.SERVING)

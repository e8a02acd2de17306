"""A daemon of no substance, in this process, and both clients behind one face."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest
from grpc_health.v1 import health_pb2

from modeld_client import AsyncClient, Client, RetryPolicy
from modeld_client._proto import model_service_pb2 as pb

METHODS = {
    "modeld.v1.ModelService": {
        "Predict": (pb.PredictRequest, pb.PredictResponse),
        "ListModels": (pb.ListModelsRequest, pb.ListModelsResponse),
        "GetModel": (pb.GetModelRequest, pb.GetModelResponse),
    },
    "grpc.health.v1.Health": {"Check": (health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse)},
}


class FakeDaemon:
    """Answers from `responses` by method, and fails first with the codes in `failures`."""

    def __init__(self, address: str = "127.0.0.1:0") -> None:
        self.requests: list = []
        self.metadata: list[dict[str, str]] = []  # of the calls, without gRPC's own
        self.failures: list[tuple[grpc.StatusCode, str]] = []
        self.trailing_metadata: tuple[tuple[str, str], ...] = ()
        self.responses: dict = {"Predict": self.echo}
        self.on_stream = self.echo_stream
        self.stream_over = threading.Event()
        self._server = grpc.server(
            futures.ThreadPoolExecutor(8),
            options=[("grpc.max_receive_message_length", 1 << 20), ("grpc.so_reuseport", 0)],
        )
        for service, methods in METHODS.items():
            handlers = {
                name: grpc.unary_unary_rpc_method_handler(
                    self._handler(name), request.FromString, response.SerializeToString
                )
                for name, (request, response) in methods.items()
            }
            if service == "modeld.v1.ModelService":
                handlers["PredictStream"] = grpc.stream_stream_rpc_method_handler(
                    self._handle_stream,
                    pb.PredictStreamRequest.FromString,
                    pb.PredictStreamResponse.SerializeToString,
                )
            self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
        port = self._server.add_insecure_port(address)
        self.address = address if address.startswith("unix:") else f"127.0.0.1:{port}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    @staticmethod
    def echo(request: pb.PredictRequest) -> pb.PredictResponse:
        return pb.PredictResponse(
            model=request.model, version=request.version or "live", outputs=dict(request.inputs)
        )

    def echo_stream(self, requests, context) -> Iterator[pb.PredictStreamResponse]:
        """Answers each as it comes; one that has no inputs fails."""
        for streamed in requests:
            self.requests.append(streamed)
            if streamed.request.inputs:
                yield pb.PredictStreamResponse(response=self.echo(streamed.request))
            else:
                failure = pb.PredictFailure(
                    code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message="full", retry_after_ms=250
                )
                yield pb.PredictStreamResponse(failure=failure)

    def _handle_stream(self, requests, context) -> Iterator[pb.PredictStreamResponse]:
        self._take_metadata(context)
        context.add_callback(self.stream_over.set)
        return self.on_stream(requests, context)

    def _take_metadata(self, context) -> None:
        sent = dict(context.invocation_metadata())
        self.metadata.append({key: sent[key] for key in ("x-request-id", "traceparent") if key in sent})

    def _handler(self, name: str):
        def handle(request, context):
            self.requests.append(request)
            self._take_metadata(context)
            context.set_trailing_metadata(self.trailing_metadata)
            if self.failures:
                context.abort(*self.failures.pop(0))
            return self.responses[name](request)

        return handle


class Blocking:
    """An AsyncClient whose coroutines are run to their end, and its iterators from answer to answer."""

    def __init__(self, *args, **kwargs) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = AsyncClient(*args, **kwargs)

    def __getattr__(self, name: str):
        method = getattr(self._client, name)
        if inspect.isasyncgenfunction(method):
            return lambda *args, **kwargs: self._each(method(*args, **kwargs))
        assert inspect.iscoroutinefunction(method)
        return lambda *args, **kwargs: self._loop.run_until_complete(method(*args, **kwargs))

    def _each(self, answers) -> Iterator:
        try:
            while True:
                try:
                    answer = self._loop.run_until_complete(answers.__anext__())
                except StopAsyncIteration:
                    return
                yield answer
        finally:
            self._loop.run_until_complete(answers.aclose())

    def close(self) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.close()


@pytest.fixture
def daemon():
    fake = FakeDaemon()
    yield fake
    fake.stop()


@pytest.fixture(params=[Client, Blocking], ids=["sync", "asyncio"])
def connect(request):
    """Makes clients that are closed after the test."""
    clients = []

    def make(address: str, **kwargs):
        kwargs.setdefault("retry", RetryPolicy(initial_backoff_s=0.001, max_backoff_s=0.01))
        clients.append(request.param(address, **kwargs))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(connect, daemon):
    return connect(daemon.address)


@pytest.fixture
def fake_daemon():
    """The class, for tests that start and stop their own."""
    return FakeDaemon

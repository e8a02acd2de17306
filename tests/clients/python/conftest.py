"""A daemon of no substance, in this process, and both clients behind one face."""

import asyncio
import inspect
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
        self.failures: list[tuple[grpc.StatusCode, str]] = []
        self.responses: dict = {"Predict": self.echo}
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

    def _handler(self, name: str):
        def handle(request, context):
            self.requests.append(request)
            if self.failures:
                context.abort(*self.failures.pop(0))
            return self.responses[name](request)

        return handle


class Blocking:
    """An AsyncClient whose coroutines are run to their end."""

    def __init__(self, *args, **kwargs) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = AsyncClient(*args, **kwargs)

    def __getattr__(self, name: str):
        method = getattr(self._client, name)
        assert inspect.iscoroutinefunction(method)
        return lambda *args, **kwargs: self._loop.run_until_complete(method(*args, **kwargs))

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

"""What everybody on the public port can see: health, reflection, listing; and what nobody can."""

import grpc
import pytest
from daemon_process import wait_for, wait_live
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from modeld_client import NotFoundError, _rpc
from modeld_client._proto import admin_service_pb2 as admin

MODELS = [f"m{number}" for number in range(5)]


@pytest.fixture(scope="module")
def daemon(shared_daemons, shared_artifacts):
    daemon = shared_daemons.start()
    for name in MODELS:
        daemon.move_in(shared_artifacts.tagged("1.0", 1.0, name=name))
    (daemon.drop / "bad.pt").touch()
    with daemon.client() as client:
        for name in MODELS:
            wait_live(client, name, "1.0")
        wait_for("the bad file to be seen", client.dropped_files)
    return daemon


@pytest.fixture
def client(daemon):
    with daemon.client() as client:
        yield client


@pytest.fixture
def channel(daemon):
    with grpc.insecure_channel(daemon.address) as channel:
        yield channel


def list_page(channel, **request):
    return _rpc.LIST_MODELS.stub(channel)(_rpc.pb.ListModelsRequest(**request), timeout=10)


def test_pages_hold_every_model_once_and_the_first_all_dropped_files(channel):
    names, files, token = [], [], ""
    for _ in range(3):
        page = list_page(channel, page_size=2, page_token=token)
        names += [model.name for model in page.models]
        files.append([file.path for file in page.dropped_files])
        token = page.next_page_token
    assert names == MODELS
    assert files == [["bad.pt"], [], []]
    assert token == ""


@pytest.mark.parametrize("request_", [{"page_size": -1}, {"page_token": "\x00nonsense"}], ids=str)
def test_a_wrong_page_is_refused(channel, request_):
    with pytest.raises(grpc.RpcError) as caught:
        list_page(channel, **request_)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_health_of_the_server_and_of_each_model(client):
    assert client.is_serving()
    assert all(client.is_serving(name) for name in MODELS)
    assert client.is_serving("unknown") is False


def test_health_can_be_watched(channel):
    watch = channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    answers = watch(health_pb2.HealthCheckRequest(service="m0"), timeout=10)
    assert next(answers).status == health_pb2.HealthCheckResponse.SERVING
    answers.cancel()


def test_reflection_describes_the_public_services(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    services = database.get_services()
    assert "modeld.v1.ModelService" in services
    assert "grpc.health.v1.Health" in services
    assert "modeld.v1.AdminService" not in services
    file = database.FindFileContainingSymbol("modeld.v1.ModelService")
    assert "Predict" in [method.name for service in file.service for method in service.method]


def test_reflection_can_be_turned_off(daemons):
    daemon = daemons.start("--reflection=false")
    with grpc.insecure_channel(daemon.address) as channel, pytest.raises(grpc.RpcError) as caught:
        ProtoReflectionDescriptorDatabase(channel).get_services()
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_the_administrative_service_is_not_on_the_public_port(channel):
    method = _rpc.Method("/modeld.v1.AdminService/GetStatus", admin.GetStatusRequest, admin.GetStatusResponse)
    with pytest.raises(grpc.RpcError) as caught:
        method.stub(channel)(admin.GetStatusRequest(), timeout=10)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_the_administrative_service_is_on_its_socket(daemon):
    status = daemon.status()
    assert status.ready
    assert (status.models, status.ready_versions, status.dropped_files) == (5, 5, 1)
    assert list(status.addresses) == [daemon.address]


def test_get_model_of_an_unknown_one_is_not_found(client):
    with pytest.raises(NotFoundError, match='"unknown"'):
        client.get_model("unknown")


def test_get_model_shows_the_config(client):
    details = client.get_model("m0")
    assert details.config == {"name": "m0", "version": "1.0"}
    assert [method.name for method in details.methods] == ["forward"]

"""grpcio-health-checking and grpcio-reflection."""
# requires: grpcio-health-checking==1.81.1 grpcio-reflection==1.81.1
# quick

import os

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVING = health_pb2.HealthCheckResponse.SERVING


def main():
    with grpc.insecure_channel(os.environ["MODELD_GRPC"]) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", "modeld.v1.ModelService", "inference.GRPCInferenceService", "add"):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == SERVING, (service, answer)
        try:
            health.Check(health_pb2.HealthCheckRequest(service="nothing"))
            code = grpc.StatusCode.OK
        except grpc.RpcError as error:
            code = error.code()
        assert code == grpc.StatusCode.NOT_FOUND, code
        first = next(iter(health.Watch(health_pb2.HealthCheckRequest(service="add"))))
        assert first.status == SERVING
        reflected = ProtoReflectionDescriptorDatabase(channel)
        assert {"inference.GRPCInferenceService", "modeld.v1.ModelService"} <= set(reflected.get_services())
        file = reflected.FindFileContainingSymbol("inference.GRPCInferenceService")
        (service,) = file.service
        assert {"ModelInfer", "ModelStreamInfer"} <= {method.name for method in service.method}


main()

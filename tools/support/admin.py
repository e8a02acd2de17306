"""The administrative service from Python: for what calls it often, or must not start a process for it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass

from modeld_client._proto import admin_service_pb2

_SERVICE = admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"]


class Admin:
    """One connection to a daemon's administrative socket. Thread-safe. Use as a context manager."""

    def __init__(self, socket: Path) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(f"unix:{socket}", options)

    def __enter__(self) -> Admin:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._channel.close()

    def call(self, method: str, timeout_s: float = 30.0, **fields: Any) -> Any:
        """Calls a unary method ("Rollback") with the request's fields; the response. grpc.RpcError."""
        description = _SERVICE.methods_by_name[method]
        call = self._channel.unary_unary(
            f"/{_SERVICE.full_name}/{method}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=GetMessageClass(description.output_type).FromString,
        )
        return call(GetMessageClass(description.input_type)(**fields), timeout=timeout_s)

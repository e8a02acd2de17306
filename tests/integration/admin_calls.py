"""Calls of the administrative service over a daemon's socket, for what modelctl does not do on purpose."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from daemon_process import DaemonProcess

from modeld_client._proto import admin_service_pb2 as pb

SERVICE = "/modeld.v1.AdminService/"
CHUNK = 64 << 10


class Admin:
    """The service's methods by name: admin.unary("Rollback", request)."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    @staticmethod
    def _codec(name: str) -> dict[str, Any]:
        return {
            "request_serializer": getattr(pb, f"{name}Request").SerializeToString,
            "response_deserializer": getattr(pb, f"{name}Response").FromString,
        }

    def unary(self, name: str, request: Any, timeout_s: float = 60.0) -> Any:
        return self._channel.unary_unary(SERVICE + name, **self._codec(name))(request, timeout=timeout_s)

    def stream(self, name: str, request: Any, timeout_s: float = 60.0) -> Any:
        return self._channel.unary_stream(SERVICE + name, **self._codec(name))(request, timeout=timeout_s)

    def push(self, requests: Iterable[pb.PushRequest], timeout_s: float = 60.0) -> Any:
        """The call, begun."""
        push = self._channel.stream_unary(SERVICE + "Push", **self._codec("Push"))
        return push.future(iter(requests), timeout=timeout_s)

    def received(self, sha256: str) -> int:
        return self.unary("GetUpload", pb.GetUploadRequest(sha256=sha256)).received_bytes


@contextmanager
def admin_of(daemon: DaemonProcess) -> Iterator[Admin]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"unix:{daemon.socket}", options) as channel:
        yield Admin(channel)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def header_of(artifact: Path, **fields: Any) -> pb.PushRequest:
    given = {
        "path": artifact.name,
        "sha256": sha256_of(artifact),
        "size_bytes": artifact.stat().st_size,
        "actor": "somebody else",
        **fields,
    }
    return pb.PushRequest(header=pb.PushHeader(**given))


def chunks_of(content: bytes) -> Iterator[pb.PushRequest]:
    for begin in range(0, len(content), CHUNK):
        yield pb.PushRequest(data=content[begin : begin + CHUNK])

"""Errors, one class for each code of the service that callers tell apart."""

from __future__ import annotations

import grpc


class ModeldError(Exception):
    """A call failed. `code` is gRPC's status code, `message` the daemon's own words.

    `retry_after_s`: where a queue was full, in how many seconds there may be room again; else None.
    """

    def __init__(self, code: grpc.StatusCode, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"

    def __reduce__(self) -> tuple[type[ModeldError], tuple[grpc.StatusCode, str, float | None]]:
        return type(self), (self.code, self.message, self.retry_after_s)


class NotFoundError(ModeldError):
    """Unknown model, version, label or method."""


class InvalidArgumentError(ModeldError):
    """Bad shape or dtype, a missing or unknown input."""


class FailedPreconditionError(ModeldError):
    """The version is known but not loaded, quarantined or retired."""


class ResourceExhaustedError(ModeldError):
    """The queue is full or the message too large."""


class DeadlineExceededError(ModeldError):
    """The deadline passed."""


class UnavailableError(ModeldError):
    """The daemon cannot be reached, is starting or shutting down; the retries are used up."""


class InternalError(ModeldError):
    """The model itself raised; the message is the model's."""


_CLASSES: dict[grpc.StatusCode, type[ModeldError]] = {
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPreconditionError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhaustedError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.INTERNAL: InternalError,
}


def error_for(code: grpc.StatusCode, message: str | None, retry_after_s: float | None = None) -> ModeldError:
    """The error for a code; codes without a class of their own become a plain `ModeldError`."""
    return _CLASSES.get(code, ModeldError)(code, message or "no message", retry_after_s)

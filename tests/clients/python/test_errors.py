"""One class for each code that callers tell apart."""

import pickle

import grpc
import pytest

import modeld_client
from modeld_client.errors import error_for

CLASSES = {
    grpc.StatusCode.NOT_FOUND: modeld_client.NotFoundError,
    grpc.StatusCode.INVALID_ARGUMENT: modeld_client.InvalidArgumentError,
    grpc.StatusCode.FAILED_PRECONDITION: modeld_client.FailedPreconditionError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: modeld_client.ResourceExhaustedError,
    grpc.StatusCode.DEADLINE_EXCEEDED: modeld_client.DeadlineExceededError,
    grpc.StatusCode.UNAVAILABLE: modeld_client.UnavailableError,
    grpc.StatusCode.INTERNAL: modeld_client.InternalError,
}


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code != grpc.StatusCode.OK])
def test_class_code_and_message(code):
    error = error_for(code, "the daemon's words")
    assert type(error) is CLASSES.get(code, modeld_client.ModeldError)
    assert error.code == code
    assert error.message == "the daemon's words"
    assert str(error) == f"{code.name}: the daemon's words"


def test_an_empty_message_is_told():
    assert error_for(grpc.StatusCode.UNKNOWN, None).message == "no message"


def test_errors_pass_between_processes():
    error = pickle.loads(pickle.dumps(error_for(grpc.StatusCode.NOT_FOUND, "gone")))
    assert type(error) is modeld_client.NotFoundError
    assert (error.code, error.message) == (grpc.StatusCode.NOT_FOUND, "gone")

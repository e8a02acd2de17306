"""Calls models served by modeld: NumPy arrays in and out, blocking and asyncio."""

from ._rpc import Prediction, Priority, SequenceStep
from .aio import AsyncClient
from .bfloat16 import BFloat16Array
from .classification import ScoredClass, top_k
from .client import Client
from .codec import Value
from .errors import (
    DeadlineExceededError,
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    ModeldError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)
from .golden import golden_sample
from .models import (
    Argument,
    DroppedFile,
    DroppedFileState,
    Listing,
    Method,
    Model,
    ModelDetails,
    ShadowStats,
    Traffic,
    Version,
    VersionState,
    VersionStats,
    Watch,
)
from .retry import NO_RETRY, RetryPolicy

__all__ = [
    "NO_RETRY",
    "Argument",
    "AsyncClient",
    "BFloat16Array",
    "Client",
    "DeadlineExceededError",
    "DroppedFile",
    "DroppedFileState",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "Listing",
    "Method",
    "Model",
    "ModelDetails",
    "ModeldError",
    "NotFoundError",
    "Prediction",
    "Priority",
    "ResourceExhaustedError",
    "RetryPolicy",
    "ScoredClass",
    "SequenceStep",
    "ShadowStats",
    "Traffic",
    "UnavailableError",
    "Value",
    "Version",
    "VersionState",
    "VersionStats",
    "Watch",
    "golden_sample",
    "top_k",
]

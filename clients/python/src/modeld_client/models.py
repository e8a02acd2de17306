"""What the daemon tells of its models, as plain dataclasses."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp

from ._proto import model_service_pb2 as pb


class VersionState(enum.Enum):
    """Where a version stands in its life."""

    UNSPECIFIED = 0
    AVAILABLE = 1
    LOADING = 2
    READY = 3
    DRAINING = 4
    QUARANTINED = 5
    RETIRED = 6
    PROBING = 7

    @classmethod
    def _missing_(cls, value: object) -> VersionState:
        return cls.UNSPECIFIED  # a newer daemon's state, unknown to this client


class DroppedFileState(enum.Enum):
    """What keeps a dropped file from being a registered version."""

    UNSPECIFIED = 0
    SETTLING = 1
    RETRYING = 2
    QUARANTINED = 3

    @classmethod
    def _missing_(cls, value: object) -> DroppedFileState:
        return cls.UNSPECIFIED


@dataclass(frozen=True)
class VersionStats:
    """What a version in memory has done since it was loaded."""

    requests: int
    errors: int
    """Requests that failed by the model's own fault."""
    not_a_number: int
    """Answers that held a NaN, of those that were looked at."""
    latency_p50_seconds: float
    latency_p99_seconds: float


@dataclass(frozen=True)
class ShadowStats:
    """What the shadow's answers came to."""

    compared: int
    agreed: int
    """Answers within tolerance of live's, of those compared."""
    failed: int
    """Copies on which the shadow failed where live did not."""
    skipped: int
    """Copies that were left out because the daemon was busy."""
    max_absolute: float
    last_difference: str
    live_seconds: float
    """Median on the requests that were compared."""
    shadow_seconds: float


@dataclass(frozen=True)
class Traffic:
    """What becomes of requests that name no version, beside going to live. Empty versions: none."""

    canary_version: str
    canary_share: float
    shadow_version: str
    shadow_share: float
    shadow: ShadowStats | None


@dataclass(frozen=True)
class Watch:
    """The watch over a version after it went live; if it fails, live goes back to `previous_version`."""

    version: str
    previous_version: str
    ends_at: datetime.datetime


@dataclass(frozen=True)
class Version:
    """One immutable artifact under a version string."""

    version: str
    state: VersionState
    reason: str
    sha256: str
    size_bytes: int
    registered_at: datetime.datetime
    description: str
    format: str
    engine: str
    warnings: tuple[str, ...]
    resident_bytes: int = 0
    """Memory that it takes, as it was measured; 0: it was not."""
    stats: VersionStats | None = None
    """None while it is not in memory."""
    plan: str = ""
    """How the engine runs it: "libtorch" as it was saved, "libtorch frozen"; empty while not in memory."""


@dataclass(frozen=True)
class Model:
    """A model and its versions, highest first."""

    name: str
    versions: tuple[Version, ...]
    live_version: str
    labels: dict[str, str]
    pinned_version: str
    pin_reason: str
    traffic: Traffic | None = None
    """None: all requests that name no version go to live."""
    watch: Watch | None = None
    """None: no version is watched."""

    def version(self, version: str) -> Version:
        """The version of this string. KeyError if the model has none."""
        for candidate in self.versions:
            if candidate.version == version:
                return candidate
        known = ", ".join(candidate.version for candidate in self.versions)
        raise KeyError(f'model "{self.name}" has no version "{version}"; known: {known}')


@dataclass(frozen=True)
class DroppedFile:
    """A file of the drop directory that is not (yet) a registered version, with the reason."""

    path: str
    state: DroppedFileState
    reason: str
    model: str
    version: str
    since: datetime.datetime


@dataclass(frozen=True)
class Argument:
    """An input or output of a method. `type` is in TorchScript's notation."""

    name: str
    type: str
    optional: bool
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Method:
    """A method that `predict` can call."""

    name: str
    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]


@dataclass(frozen=True)
class ModelDetails:
    """One model with the live version's methods and config (keys as in config.json)."""

    model: Model
    methods: tuple[Method, ...]
    config: dict[str, Any]
    dropped_files: tuple[DroppedFile, ...]


@dataclass(frozen=True)
class Listing:
    """Everything that the daemon knows at one moment."""

    models: tuple[Model, ...]
    dropped_files: tuple[DroppedFile, ...]
    source_error: str
    """Trouble with the drop directory itself; empty when it can be read."""


def _time(timestamp: Timestamp) -> datetime.datetime:
    result: datetime.datetime = timestamp.ToDatetime(tzinfo=datetime.timezone.utc)
    return result


def _version_stats(message: pb.VersionStats) -> VersionStats:
    return VersionStats(
        requests=message.requests,
        errors=message.errors,
        not_a_number=message.not_a_number,
        latency_p50_seconds=message.latency_p50_seconds,
        latency_p99_seconds=message.latency_p99_seconds,
    )


def _shadow_stats(message: pb.ShadowStats) -> ShadowStats:
    return ShadowStats(
        compared=message.compared,
        agreed=message.agreed,
        failed=message.failed,
        skipped=message.skipped,
        max_absolute=message.max_absolute,
        last_difference=message.last_difference,
        live_seconds=message.live_seconds,
        shadow_seconds=message.shadow_seconds,
    )


def _traffic(message: pb.Traffic) -> Traffic:
    return Traffic(
        canary_version=message.canary_version,
        canary_share=message.canary_share,
        shadow_version=message.shadow_version,
        shadow_share=message.shadow_share,
        shadow=_shadow_stats(message.shadow) if message.HasField("shadow") else None,
    )


def _watch(message: pb.Watch) -> Watch:
    return Watch(
        version=message.version,
        previous_version=message.previous_version,
        ends_at=_time(message.ends_at),
    )


def version_from_proto(message: pb.Version) -> Version:
    return Version(
        version=message.version,
        state=VersionState(message.state),
        reason=message.reason,
        sha256=message.sha256,
        size_bytes=message.size_bytes,
        registered_at=_time(message.registered_at),
        description=message.description,
        format=message.format,
        engine=message.engine,
        warnings=tuple(message.warnings),
        resident_bytes=message.resident_bytes,
        stats=_version_stats(message.stats) if message.HasField("stats") else None,
        plan=message.plan,
    )


def model_from_proto(message: pb.Model) -> Model:
    return Model(
        name=message.name,
        versions=tuple(version_from_proto(version) for version in message.versions),
        live_version=message.live_version,
        labels=dict(message.labels),
        pinned_version=message.pinned_version,
        pin_reason=message.pin_reason,
        traffic=_traffic(message.traffic) if message.HasField("traffic") else None,
        watch=_watch(message.watch) if message.HasField("watch") else None,
    )


def dropped_file_from_proto(message: pb.DroppedFile) -> DroppedFile:
    return DroppedFile(
        path=message.path,
        state=DroppedFileState(message.state),
        reason=message.reason,
        model=message.model,
        version=message.version,
        since=_time(message.since),
    )


def _argument(message: pb.ArgumentSignature) -> Argument:
    return Argument(message.name, message.type, message.optional, message.dtype, tuple(message.shape))


def _method(message: pb.MethodSignature) -> Method:
    return Method(
        name=message.name,
        inputs=tuple(_argument(argument) for argument in message.inputs),
        outputs=tuple(_argument(argument) for argument in message.outputs),
    )


def details_from_proto(message: pb.GetModelResponse) -> ModelDetails:
    return ModelDetails(
        model=model_from_proto(message.model),
        methods=tuple(_method(method) for method in message.methods),
        config=MessageToDict(message.config, preserving_proto_field_name=True),
        dropped_files=tuple(dropped_file_from_proto(file) for file in message.dropped_files),
    )


def listing_from_proto(pages: list[pb.ListModelsResponse]) -> Listing:
    """Joins the pages of one listing, of which there is at least one."""
    return Listing(
        models=tuple(model_from_proto(model) for page in pages for model in page.models),
        dropped_files=tuple(dropped_file_from_proto(file) for page in pages for file in page.dropped_files),
        source_error=pages[0].source_error,
    )

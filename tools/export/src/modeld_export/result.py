"""What an export came to. Constant values."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path

from .differences import Difference, Tolerance


class Severity(enum.Enum):
    """How bad a finding is."""

    WARNING = "warning"  # the artifact is right as far as it was tried; its owner should know
    ERROR = "error"  # it answers otherwise than the module does, or will


@dataclass(frozen=True)
class Finding:
    """Something about a module, or about one of its artifacts, that bites in production."""

    # "branch", "baked-size", "parity", …: the README lists them
    kind: str
    severity: Severity
    message: str
    where: str = ""  # "net.py:12": the line of the user's source; empty: it has none

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return f"{self.severity.value} [{self.kind}]: {self.message}{place}"


@dataclass(frozen=True)
class Trial:
    """One input on which an artifact was compared with the module."""

    name: str  # "random, batch=3"
    difference: Difference | None  # None: it could not be compared
    passed: bool
    error: str = ""  # what was raised, or differs in kind


@dataclass(frozen=True)
class NotTaken:
    """An input that the module itself does not take: on it nothing was compared."""

    name: str  # "batch=1"
    reason: str


@dataclass(frozen=True)
class Accuracy:
    """On the validation set that the user passed."""

    module: float
    artifact: float

    @property
    def change(self) -> float:
        return self.artifact - self.module


@dataclass(frozen=True)
class Artifact:
    """One exported file. Where it failed there is none."""

    format: str  # "traced", "scripted", "onnx", "pt2", "int8", "bf16"
    path: Path | None
    tolerance: Tolerance
    trials: tuple[Trial, ...] = field(default=(), repr=False)  # each with all its errors
    findings: tuple[Finding, ...] = ()
    accuracy: Accuracy | None = None
    not_taken: tuple[NotTaken, ...] = ()

    @property
    def ok(self) -> bool:
        return self.path is not None

    @property
    def compared(self) -> bool:
        """Whether any answer could be held to the module's."""
        return any(trial.difference for trial in self.trials)

    @property
    def max_absolute(self) -> float:
        """Over all trials; 0 where none could be compared."""
        return max((t.difference.max_absolute for t in self.trials if t.difference), default=0.0)

    @property
    def max_relative(self) -> float:
        return max((t.difference.max_relative for t in self.trials if t.difference), default=0.0)

    @property
    def used(self) -> float:
        """The largest share of what the tolerance allows an element: beyond 1 it is refused."""
        return max((t.difference.used for t in self.trials if t.difference), default=0.0)


@dataclass(frozen=True)
class Export:
    """All artifacts of one module."""

    name: str
    version: str
    config: dict[str, object]
    artifacts: tuple[Artifact, ...]
    findings: tuple[Finding, ...] = field(default=())  # about the module itself

    @property
    def ok(self) -> bool:
        """Every artifact that was asked for is there, and nothing about the module is an error."""
        return all(artifact.ok for artifact in self.artifacts) and not any(
            finding.severity is Severity.ERROR for finding in self.findings
        )

    def artifact(self, format: str) -> Artifact:
        """KeyError: it was not asked for."""
        for artifact in self.artifacts:
            if artifact.format == format:
                return artifact
        raise KeyError(format)

"""Before and after a drop: the daemon's own probe, and waiting until a version is live."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from modeld_client import (
    Client,
    DroppedFile,
    DroppedFileState,
    Model,
    ModeldError,
    NotFoundError,
    UnavailableError,
    Version,
    VersionState,
)

from .errors import ExportError, RefusedError, cut
from .identity import identity_of

PASSED, REFUSED = 0, 1  # exit statuses of modeld --probe
_POLL_S = 0.02
_AGAIN_S = 3.0  # until a file that is known already is dropped once more
UNSEEN_S = 15.0  # a daemon that watches the directory sees a file well before
BESIDE = (".config.json", ".golden")  # what may lie beside a file, after its name


@dataclass(frozen=True)
class CheckReport:
    """What the daemon would decide: modeld.v1.ProbeReport as JSON."""

    report: dict[str, Any]

    @property
    def passed(self) -> bool:
        return bool(self.report["outcome"] == "PROBE_OUTCOME_PASSED")

    @property
    def plan(self) -> str:
        """How it would run: "openvino"; empty: as it was saved."""
        return next((str(plan["name"]) for plan in self.report.get("plans", []) if plan.get("chosen")), "")

    def as_text(self) -> str:
        report = self.report
        lines = [
            f"{'would serve' if self.passed else 'would be quarantined'}: "
            f"{report['outcome'].removeprefix('PROBE_OUTCOME_').lower()}"
        ]
        if report.get("reason"):
            lines.append(f"  reason: {report['reason']}")
        if report.get("hint"):
            lines.append(f"  remedy: {report['hint']}")
        lines += [f"  warning: {warning}" for warning in report.get("warnings", [])]
        for sample in report.get("golden", []):
            lines.append(f"  {sample['sample']}: {'passed' if sample['passed'] else sample['detail']}")
        if report.get("load_seconds"):
            lines.append(
                f"  load {report['load_seconds']:.3f} s, {int(report['resident_bytes']) / 2**20:.0f} MiB"
            )
        lines += [
            f"  batch {latency['batch_size']}: {latency['seconds'] * 1000:.3g} ms"
            for latency in report.get("latencies", [])
        ]
        for plan in report.get("plans", []):
            times = ", ".join(f"{each['seconds'] * 1000:.3g} ms" for each in plan.get("latencies", []))
            state = "chosen" if plan.get("chosen") else plan.get("refused") or "slower"
            lines.append(f"  plan {plan['name']}: {times or '-'} ({state})")
        return "\n".join(lines) + "\n"


def find_modeld(given: str | None = None) -> str:
    """The daemon's program: as given, else $MODELD_BIN, else by PATH."""
    found = given or os.environ.get("MODELD_BIN") or shutil.which("modeld")
    remedy = "install modeld, or give its path by --modeld or MODELD_BIN"
    if not found or not Path(found).is_file():
        raise ExportError(f"no program at {found or 'modeld'!r}; {remedy}")
    if not os.access(found, os.X_OK):
        raise ExportError(f"{found!r} is not executable, expected the daemon's program; {remedy}")
    return found


def _reported(program: str, file: Path, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What `modeld --probe` printed. Another program ends with any status, and prints anything."""
    if done.returncode not in (PASSED, REFUSED):
        why = cut(done.stderr) or f"exit status {done.returncode}"
        raise ExportError(f"{program!r} could not try {file.name}: {why} (is it modeld?)")
    try:
        report = json.loads(done.stdout)
    except ValueError:
        report = None
    if not isinstance(report, dict) or "outcome" not in report:
        raise ExportError(
            f"{program!r} printed {cut(done.stdout, 60)!r}, expected the report of modeld --probe; give the "
            "path of modeld by --modeld or MODELD_BIN"
        )
    return report


def check(path: str | os.PathLike[str], *, modeld: str | None = None, timeout_s: int = 300) -> CheckReport:
    """Tries a file as the daemon would, by `modeld --probe`, with other plans than the file as it was saved.

    Raises:
      ExportError: there is no such file or program, or it could not try.
    """
    file = Path(path)
    if not file.is_file():
        raise ExportError(f"no file at {str(file)!r}")
    program = find_modeld(modeld)
    command = [
        program,
        "--probe",
        str(file),
        "--try-plans=true",
        f"--probe-timeout-s={timeout_s}",
    ]
    command.append("--formats=torchscript,onnx,pt2")
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:  # a file of another kind, or for another machine
        raise ExportError(
            f"{program!r} cannot be run: {error.strerror}; give the path of modeld by --modeld or MODELD_BIN"
        ) from error
    return CheckReport(_reported(program, file, done))


def _put(source: Path, target: Path) -> None:
    """Whole at once: under another name first, which the daemon leaves alone."""
    unfinished = target.with_name(f".{target.name}.part")
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.rmtree(unfinished, ignore_errors=True)  # of a push that was interrupted
        shutil.copytree(source, unfinished)
    else:
        shutil.copyfile(source, unfinished)
    os.replace(unfinished, target)


def push(
    path: str | os.PathLike[str],
    models: str | os.PathLike[str],
    *,
    address: str,
    name: str | None = None,
    version: str | None = None,
    timeout_s: float = 300.0,
) -> str:
    """Drops a file, with what lies beside it, and waits until its version is live.

    Args:
      models: the drop directory.
      address: of the daemon: "host:port" or "unix:/path".
      name, version: as the file's config says; they are needed only where it has none.

    Returns:
      What is live: "NAME VERSION".

    Raises:
      RefusedError: the daemon quarantined it, with its reason, or has its version with other bytes.
      ExportError: no daemon answers, or the drop directory has a sidecar that the file has not, and nothing
        was dropped; its version is ready but another one is pinned; or it was not live in time.
    """
    file, drop = Path(path), Path(models)
    if not file.is_file():
        raise ExportError(f"no file at {str(file)!r}")
    if not drop.is_dir():
        raise ExportError(f"no directory at {str(drop)!r}; give the daemon's --drop-directory")
    name, version = identity_of(file, name, version)
    with Client(address) as client:
        try:
            # Before anything is copied: a later daemon would serve what was left in its directory.
            registered = _version_of(_model(client, name), version)
            sha256 = _sha256(file)
            if registered is not None and registered.sha256 and registered.sha256 != sha256:
                raise RefusedError(
                    f"{name} {version} is registered with other bytes than {file.name}, and versions are "
                    "immutable; export it under a new version (and push one format of a version)"
                )
            _check_beside(file, drop)
            earlier = _listed(client, file.name)
            _drop(file, drop)
            wait = _Wait(client, file, drop, name, version, sha256, known=registered is not None)
            wait.earlier = earlier.since if earlier is not None else None
            wait.until_live(timeout_s)
        except UnavailableError as error:
            raise ExportError(
                f"no daemon answers at {address!r}; start modeld, or give the address that it listens at by "
                "--address"
            ) from error
        except ModeldError as error:
            raise ExportError(f"the daemon at {address!r} refused: {error}") from error
    return f"{name} {version}"


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _check_beside(file: Path, drop: Path) -> None:
    """The daemon would take what an earlier file of this name left there for this one's."""
    for suffix in BESIDE:
        name = file.name + suffix
        if (drop / name).exists() and not file.with_name(name).exists():
            raise ExportError(
                f"{name!r} lies in {str(drop)!r}, but not beside {str(file)!r}, and would be taken for its; "
                "remove it there, or put it beside the file"
            )


def _drop(file: Path, drop: Path) -> None:
    try:
        for suffix in BESIDE:
            beside = file.with_name(file.name + suffix)
            if beside.exists():
                _put(beside, drop / beside.name)
        _put(file, drop / file.name)
    except OSError as error:
        raise ExportError(f"{file.name} cannot be copied into {str(drop)!r}: {error.strerror}") from error


def _model(client: Client, name: str) -> Model | None:
    try:
        return client.get_model(name).model
    except NotFoundError:
        return None


def _listed(client: Client, file: str) -> DroppedFile | None:
    return next((each for each in client.dropped_files() if each.path == file), None)


def _version_of(model: Model | None, version: str) -> Version | None:
    return next((each for each in model.versions if each.version == version), None) if model else None


@dataclass
class _Wait:
    """Follows the file, not only its version: that one may be live with other bytes, or another config."""

    client: Client
    file: Path
    drop: Path
    name: str
    version: str
    sha256: str
    known: bool  # the version was registered before: only what becomes of the file says anything
    earlier: datetime | None = None  # since when a file of this name was listed before the drop
    seen: bool = False
    state: str = "not seen yet"

    def until_live(self, timeout_s: float) -> None:
        began = time.monotonic()
        again = began + _AGAIN_S
        while time.monotonic() < began + timeout_s:
            if self._is_live():
                return
            if not self.seen and time.monotonic() > began + UNSEEN_S:
                raise ExportError(
                    f"{self.file.name} was copied, but the daemon has not seen it after {UNSEEN_S:g} s; is "
                    f"{str(self.drop)!r} its --drop-directory? Remove the copy where it is not"
                )
            if self.known and not self.seen and time.monotonic() > again:
                _drop(self.file, self.drop)  # it may have been looked at between two polls
                again += _AGAIN_S
            time.sleep(_POLL_S)
        raise ExportError(
            f"{self.name} {self.version} is not live after {timeout_s:g} s: it is {self.state}; see "
            f"modelctl models {self.name}"
        )

    def _is_live(self) -> bool:
        """Raises RefusedError and ExportError: it will not be."""
        dropped = _listed(self.client, self.file.name)
        if dropped is not None:
            if dropped.since == self.earlier:
                return False
            self.seen = True
            if dropped.state is DroppedFileState.QUARANTINED:
                raise RefusedError(f"{self.file.name} is quarantined: {dropped.reason}")
        if self.known and (dropped is not None or not self.seen):
            return False
        model = _model(self.client, self.name)
        found = _version_of(model, self.version)
        if model is None or found is None or found.sha256 not in ("", self.sha256):
            return False
        self.state, self.seen = found.state.name.lower(), True
        if found.state is VersionState.QUARANTINED:
            raise RefusedError(f"{self.name} {self.version} is quarantined: {found.reason}")
        if model.live_version != self.version and found.state is VersionState.READY:
            self._check_pin(model)
        return model.live_version == self.version

    def _check_pin(self, model: Model) -> None:
        if model.pinned_version not in ("", self.version):
            raise ExportError(
                f"{self.name} {self.version} is ready, but {self.name} is pinned to {model.pinned_version}"
                f"{f' ({model.pin_reason})' if model.pin_reason else ''}: "
                f"modelctl promote {self.name} {self.version}, or modelctl unpin {self.name}"
            )

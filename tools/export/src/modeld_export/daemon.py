"""Before and after a drop: the daemon's own probe, and waiting until a version is live."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modeld_client import Client, DroppedFileState, Model, NotFoundError, VersionState

from .errors import ExportError

PASSED, REFUSED = 0, 1  # exit statuses of modeld --probe
_POLL_S = 0.05
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
    if not found or not Path(found).is_file():
        raise ExportError(
            f"no program at {found or 'modeld'!r}; install modeld, or give its path by --modeld or MODELD_BIN"
        )
    return found


def check(path: str | os.PathLike[str], *, modeld: str | None = None, timeout_s: int = 300) -> CheckReport:
    """Tries a file as the daemon would, by `modeld --probe`, with other plans than the file as it was saved.

    Raises:
      ExportError: there is no such file or program, or it could not try.
    """
    file = Path(path)
    if not file.is_file():
        raise ExportError(f"no file at {str(file)!r}")
    command = [
        find_modeld(modeld),
        "--probe",
        str(file),
        "--try-plans=true",
        f"--probe-timeout-s={timeout_s}",
    ]
    command.append("--formats=torchscript,onnx,pt2")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (PASSED, REFUSED):
        raise ExportError(
            f"modeld could not try {file.name}: {done.stderr.strip() or f'exit status {done.returncode}'}"
        )
    return CheckReport(json.loads(done.stdout))


def _put(source: Path, target: Path) -> None:
    """Whole at once: under another name first, which the daemon leaves alone."""
    unfinished = target.with_name(f".{target.name}.part")
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, unfinished)
    else:
        shutil.copyfile(source, unfinished)
    os.replace(unfinished, target)


def push(
    path: str | os.PathLike[str],
    models: str | os.PathLike[str],
    *,
    name: str,
    version: str,
    address: str,
    timeout_s: float = 300.0,
) -> str:
    """Drops a file, with what lies beside it, and waits until its version is live.

    Args:
      models: the drop directory.
      address: of the daemon: "host:port" or "unix:/path".

    Returns:
      The file's name there.

    Raises:
      ExportError: the daemon refused it, with its reason; or it was not live in time.
    """
    file, drop = Path(path), Path(models)
    if not file.is_file():
        raise ExportError(f"no file at {str(file)!r}")
    if not drop.is_dir():
        raise ExportError(f"no directory at {str(drop)!r}; give the daemon's --models")
    for suffix in BESIDE:
        beside = file.with_name(file.name + suffix)
        if beside.exists():
            _put(beside, drop / beside.name)
    _put(file, drop / file.name)
    with Client(address) as client:
        _wait(client, file.name, name, version, timeout_s)
    return file.name


def _wait(client: Client, file: str, name: str, version: str, timeout_s: float) -> None:
    until = time.monotonic() + timeout_s
    state = "not seen yet"
    while time.monotonic() < until:
        for dropped in client.dropped_files():
            if dropped.path == file and dropped.state is DroppedFileState.QUARANTINED:
                raise ExportError(f"{file} is quarantined: {dropped.reason}")
        with contextlib.suppress(NotFoundError):
            model = client.get_model(name).model
            if model.live_version == version:
                return
            state = _state_of(model, version) or state
        time.sleep(_POLL_S)
    raise ExportError(
        f"{name} {version} is not live after {timeout_s:g} s: it is {state}; see modelctl models {name}"
    )


def _state_of(model: Model, version: str) -> str:
    """Empty: the daemon does not know the version. Raises ExportError where it is quarantined."""
    for found in model.versions:
        if found.version == version:
            if found.state is VersionState.QUARANTINED:
                raise ExportError(f"{model.name} {version} is quarantined: {found.reason}")
            return found.state.name.lower()
    return ""

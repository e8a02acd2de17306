"""The scripted sequence of the kill case: drops, promotes, rollbacks and the rest, drawn from one seed."""

from __future__ import annotations

import math
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import models
from admin import Admin
from daemon_process import DaemonProcess

from modeld_client import Client, NotFoundError, VersionState

MODELS = ("a", "b")
# Padding in megabytes, for copies that take long enough to be hit; and how often.
SIZES = {0: 16, 2: 3, 12: 1}
DROP_TIMEOUT_S = 30.0
NOT_MOVING = ("Retire", "SetLabel", "SetCanary")  # commands that do not move live
POLL_S = 0.002


@dataclass
class Dropped:
    """What was dropped, by (model, version); and what its answers must be."""

    tags: dict[tuple[str, str], float] = field(default_factory=dict)
    bad: set[tuple[str, str]] = field(default_factory=set)  # must never answer
    taken: set[tuple[str, str]] = field(default_factory=set)  # was seen as registered

    def good(self, model: str) -> list[str]:
        return [version for name, version in self.tags if name == model and (name, version) not in self.bad]


@dataclass(frozen=True)
class Acknowledged:
    """A command that returned OK, and that is to be found in the events."""

    action: str
    model: str
    to_version: str  # live as the command left it; of one that does not move live: the version
    reason: str


class Script:
    """Draws one operation after the other and carries it out. `acknowledged` grows as commands return."""

    def __init__(self, daemon: DaemonProcess, directory: Path, seed: int) -> None:
        self._daemon = daemon
        self._random = random.Random(seed)
        self._makers = {
            (model, megabytes): models.Versions(models.Tag(megabytes), model, directory / str(megabytes))
            for model in MODELS
            for megabytes in SIZES
        }
        self._count = 0
        self.dropped = Dropped()
        self.acknowledged: list[Acknowledged] = []
        self.under_way = ""  # the operation begun last, until it is done

    def step(self, admin: Admin, client: Client) -> str:
        """One operation, from issue to effect; its name. grpc.RpcError and ModeldError as they come: the
        daemon was killed, or the operation is not possible now."""
        operations: dict[Callable[[Admin, Client, str], None], int] = {
            self._drop: 8,
            self._drop_bad: 1,
            self._drop_not_a_number: 1,
            self._promote: 3,
            self._rollback: 4,
            self._pin: 1,
            self._unpin: 3,
            self._retire: 1,
            self._label: 1,
            self._canary: 2,
        }
        model = self._random.choice(MODELS)
        (operation,) = self._random.choices(list(operations), list(operations.values()))
        if not self.dropped.good(model):
            operation = self._drop
        self._count += 1
        self.under_way = operation.__name__.strip("_")
        operation(admin, client, model)
        done, self.under_way = self.under_way, ""
        return done

    def _draw_version(self) -> str:
        # Mostly upwards, so that live moves; sometimes below what is there.
        major = 1 if self._random.random() < 0.8 else 0
        return f"{major}.{self._count}"

    def _save(self, model: str, version: str, tag: float | None = None, **config: object) -> Path:
        (megabytes,) = self._random.choices(list(SIZES), list(SIZES.values()))
        tag = float(self._count) if tag is None else tag
        self.dropped.tags[model, version] = tag
        return self._makers[model, megabytes].save(version, tag, **config)

    def _bring(self, path: Path) -> None:
        """Drops the file by a rename or by a plain copy, and takes it from where it was made."""
        if self._random.random() < 0.5:
            self._daemon.move_in(path)
        else:
            shutil.copyfile(path, self._daemon.drop / path.name)
        path.unlink()

    def _drop(self, admin: Admin, client: Client, model: str) -> None:
        version = self._draw_version()
        self._bring(self._save(model, version))
        self._await(client, model, version)

    def _drop_bad(self, admin: Admin, client: Client, model: str) -> None:
        """A version that declares an input which its model does not have."""
        version = self._draw_version()
        self.dropped.bad.add((model, version))
        inputs = [{"name": "no_such_input", "dtype": "FP32", "shape": [2]}]
        self._bring(self._save(model, version, inputs=inputs))
        self._await(client, model, version)

    def _drop_not_a_number(self, admin: Admin, client: Client, model: str) -> None:
        """A version that loads and runs, and whose every answer is NaN: only a probe finds that out."""
        version = self._draw_version()
        self.dropped.bad.add((model, version))
        self._bring(self._save(model, version, tag=math.nan))
        self._await(client, model, version)

    def _await(self, client: Client, model: str, version: str) -> None:
        """Until the version is registered, and neither being probed nor loaded."""
        deadline = time.monotonic() + DROP_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                state = client.get_model(model).model.version(version).state
                self.dropped.taken.add((model, version))
                if state not in (VersionState.LOADING, VersionState.PROBING):
                    self._delete(model, version)
                    return
            except (NotFoundError, KeyError):
                pass  # not registered yet
            time.sleep(POLL_S)
        raise TimeoutError(f"{model} {version} was not registered within {DROP_TIMEOUT_S:.0f} s")

    def _delete(self, model: str, version: str) -> None:
        """Of what is registered, no dropped file is needed."""
        if self._random.random() < 0.5:
            (self._daemon.drop / f"{model}-{version}.pt").unlink()

    def was_dropped(self, model: str, version: str) -> bool:
        """Whether the version must be known: its file lies there, or it was registered once. A kill does not
        end this process: what it dropped is complete."""
        path = self._daemon.drop / f"{model}-{version}.pt"
        return (model, version) in self.dropped.taken or path.exists()

    def _command(self, admin: Admin, method: str, model: str, **fields: object) -> None:
        reason = f"operation {self._count}"
        try:
            response = admin.call(method, model=model, reason=reason, **fields)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND):
                return  # not possible just now; nothing changed
            raise
        version = str(fields.get("version", "")) if method in NOT_MOVING else response.change.to_version
        action = method.removeprefix("Set").lower()
        self.acknowledged.append(Acknowledged(action, model, version, reason))

    def _promote(self, admin: Admin, client: Client, model: str) -> None:
        version = self._random.choice(self.dropped.good(model)[-6:])
        self._command(admin, "Promote", model, version=version)

    def _rollback(self, admin: Admin, client: Client, model: str) -> None:
        self._command(admin, "Rollback", model)

    def _pin(self, admin: Admin, client: Client, model: str) -> None:
        self._command(admin, "Pin", model)

    def _unpin(self, admin: Admin, client: Client, model: str) -> None:
        self._command(admin, "Unpin", model)

    def _label(self, admin: Admin, client: Client, model: str) -> None:
        version = self._random.choice([*self.dropped.good(model)[-4:], ""])
        self._command(admin, "SetLabel", model, label="stable", version=version)

    def _canary(self, admin: Admin, client: Client, model: str) -> None:
        version = self._random.choice([*self.dropped.good(model)[-4:], ""])
        self._command(admin, "SetCanary", model, version=version, share=0.5)

    def _retire(self, admin: Admin, client: Client, model: str) -> None:
        version = self._random.choice(self.dropped.good(model))
        self._command(admin, "Retire", model, version=version)

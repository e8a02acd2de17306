"""500 times: kill the daemon without warning, start it again, and look at what is there."""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
from admin import Admin
from daemon_process import DaemonProcess
from report import Row, row
from script import MODELS, Dropped, Script
from setting import Setting
from store_check import (
    ArtifactCheck,
    Move,
    check_integrity,
    copy_of,
    live_versions,
    moves,
    opened,
    unverified,
)

from modeld_client import Client, ModeldError
from modeld_client.retry import NO_RETRY

KILLS, KILLS_SHORT = 500, 15
INPUT = {"x": np.zeros((1, 2), np.float32)}
# What a kill's delay is drawn from, in seconds: up to this long after an operation began. Most take about as
# long; what is drawn too long hits one of the operations after it.
LONGEST_DELAY_S = 0.6
LONGEST_START_S = 0.3
CASE = "kill -9 at random points"

# Each fault is counted under one of these.
DATABASE = "integrity or foreign key faults of the database"
LOST = "commands that had returned OK and were not in the events"
LIVE = "times that live was not the version committed last"
ARTIFACTS = "artifacts missing or damaged"
ANSWERS = "answers by a version that is not good, or not that version's own"
UNVERIFIED = "versions live, labelled or given traffic without having passed a probe"
DROPS = "complete files that were dropped and never taken"
ERRORS = "operations and starts that failed for another reason than the kill"
GOALS = (DATABASE, LOST, LIVE, ARTIFACTS, ANSWERS, UNVERIFIED, DROPS, ERRORS)
KILLED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


@dataclass
class Findings:
    faults: dict[str, list[str]] = field(default_factory=lambda: {goal: [] for goal in GOALS})
    phases: Counter[str] = field(default_factory=Counter)
    answers: int = 0

    def add(self, goal: str, what: str) -> None:
        self.faults[goal].append(what)
        print(f"torture:     FAULT: {goal}: {what}", flush=True)


class Asker:
    """Asks for answers by whatever is live, without pause, from a thread of its own, and checks each."""

    def __init__(self, address: str, dropped: Dropped, findings: Findings) -> None:
        self._client = Client(address, retry=NO_RETRY, timeout=5.0)
        self._dropped = dropped
        self._findings = findings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while not self._stop.wait(0.004):
            for model in MODELS:
                with contextlib.suppress(ModeldError):  # killed, or nothing is live yet
                    check_answer(self._client, model, self._dropped, self._findings)


def check_answer(
    client: Client,
    model: str,
    dropped: Dropped,
    findings: Findings,
    *,
    version: str | None = None,
    label: str | None = None,
) -> str:
    """Asks once; the version that answered. ModeldError: there was no answer."""
    answer = client.predict(model, INPUT, version=version, label=label)
    findings.answers += 1
    key = (model, answer.version)
    value = float(np.asarray(answer.output).reshape(-1)[0])
    if key in dropped.bad:
        findings.add(ANSWERS, f"{model} {answer.version}, which is bad, answered {value}")
    elif value != dropped.tags.get(key):
        findings.add(ANSWERS, f"{model} {answer.version} answered {value}, not {dropped.tags.get(key)}")
    return answer.version


class Kills:
    """The daemon, the script that it is put through, and what is known of it between kills."""

    def __init__(self, setting: Setting) -> None:
        self._random = random.Random(setting.seed)
        self._daemon: DaemonProcess = setting.daemon("kill", options=["--log-level=warning"])
        self._script = Script(self._daemon, setting.work / "made", setting.seed + 1)
        self._artifacts = ArtifactCheck(self._daemon.state / "artifacts")
        self._checked = 0  # acknowledged commands that were found in the events
        self.findings = Findings()

    def run(self, count: int) -> None:
        try:
            for _ in range(count):
                if self._random.random() < 0.12:
                    self._kill_start()
                else:
                    self._start()
                    self._kill_work()
            self._start()
            self._finish()
        finally:
            self._daemon.kill()

    # --- Killing ---

    def _kill_start(self) -> None:
        self._daemon.launch()
        time.sleep(self._random.uniform(0, LONGEST_START_S))
        self._daemon.kill()
        self._look_at_dead("starting")

    def _kill_work(self) -> None:
        delay_s = self._random.uniform(0, LONGEST_DELAY_S)
        at_copy = self._random.random() < 0.25
        hit: list[str] = []

        def kill() -> None:
            if at_copy:
                self._await_copy()
                time.sleep(delay_s / 20)
            else:
                time.sleep(delay_s)
            hit.append(self._script.under_way or "between operations")
            self._daemon.signal(signal.SIGKILL)

        asker = Asker(self._daemon.address, self._script.dropped, self.findings)
        with Admin(self._daemon.socket) as admin, self._daemon.client(retry=NO_RETRY) as client:
            killer = threading.Thread(target=kill)
            killer.start()
            try:
                while killer.is_alive():
                    self._script.step(admin, client)
            except TimeoutError as error:
                self.findings.add(DROPS, str(error))
            except (grpc.RpcError, ModeldError) as error:
                code = error.code if isinstance(error, ModeldError) else error.code()
                if code not in KILLED:
                    self.findings.add(ERRORS, str(error))
            killer.join()
        self._daemon.wait()
        asker.stop()
        self._look_at_dead(hit[0])

    def _await_copy(self) -> None:
        """Until a copy is being made in the store; not for longer than a second."""
        staging = self._daemon.state / "artifacts" / "staging"
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline and not any(staging.iterdir()):
            time.sleep(0.0002)

    # --- Looking ---

    def _look_at_dead(self, under_way: str) -> None:
        if not self._daemon.database.exists():
            self.findings.phases[f"{under_way}: before the database was made"] += 1
            return
        with copy_of(self._daemon.database) as connection:
            for fault in check_integrity(connection):
                self.findings.add(DATABASE, fault)
            if connection.execute("PRAGMA user_version").fetchone() == (0,):
                self.findings.phases[f"{under_way}: before the database was made"] += 1
                return
            for fault in self._artifacts.check(connection):
                self.findings.add(ARTIFACTS, fault)
            self._look_for_lost(connection)
            for version in unverified(connection):
                self.findings.add(UNVERIFIED, version)
            known = moves(connection)
            for model, live in live_versions(connection).items():
                last = [move.to_version for move in known if move.model == model][-1:]
                if last != [live]:
                    self.findings.add(LIVE, f"{model} {live} is live in the database; moved last to {last}")
            self.findings.phases[self._phase(under_way, connection)] += 1

    def _look_for_lost(self, connection: Any) -> None:
        for command in self._script.acknowledged[self._checked :]:
            found = connection.execute(
                "SELECT id, version, to_version FROM events WHERE action = ? AND model = ?"
                " AND (reason = ? OR reason LIKE '%: ' || ?)",
                (command.action, command.model, command.reason, command.reason),
            ).fetchone()
            if found is None:
                # With nothing to do, nothing is recorded: it is as asked for already.
                if command.action not in ("retire", "unpin", "label", "canary"):
                    self.findings.add(LOST, f"{command} is not in the events")
                continue
            moved = found[2] if found[2] else found[1]
            if command.action == "unpin":  # the move that follows is an event of its own
                later = (known for known in moves(connection) if known.id >= found[0])
                moved = next((m.to_version for m in later if m.to_version == command.to_version), moved)
            if moved != command.to_version:
                self.findings.add(LOST, f"{command}: recorded is {moved}")
        self._checked = len(self._script.acknowledged)

    def _phase(self, under_way: str, connection: Any) -> str:
        if not under_way.startswith("drop"):
            return under_way
        if any((self._daemon.state / "artifacts" / "staging").iterdir()):
            return f"{under_way}: copying"
        if self._artifacts.unregistered(connection) > 0:
            return f"{under_way}: in the store, not registered"
        model, version = list(self._script.dropped.tags)[-1]
        events = "SELECT count(*) FROM events WHERE action = 'probed' AND model = ? AND version = ?"
        count = "SELECT count(*) FROM {} WHERE model = ? AND {} = ?"
        if connection.execute(count.format("versions", "version"), (model, version)).fetchone() == (0,):
            return f"{under_way}: before the copy"
        if connection.execute(events, (model, version)).fetchone() == (0,):
            return f"{under_way}: registered, not probed"
        if connection.execute(count.format("events", "to_version"), (model, version)).fetchone() == (0,):
            return f"{under_way}: probed, not live"
        return f"{under_way}: live"

    def _start(self) -> None:
        try:
            self._daemon.start()
        except (RuntimeError, TimeoutError) as error:
            self.findings.add(ERRORS, str(error))
            raise
        with self._daemon.client(retry=NO_RETRY) as client:
            self._look_at_live(client)

    def _look_at_live(self, client: Client) -> None:
        """Each model that has a live version answers, by the one that was committed last."""
        for model in MODELS:
            for _ in range(20):  # live may move while it is looked at
                before = self._committed(model)
                answered = self._ask(client, model)
                if answered == before:
                    break
                time.sleep(0.005)
            if answered != before:
                self.findings.add(LIVE, f"{model} {answered} answers; committed is {before}")

    def _committed(self, model: str) -> str:
        with opened(self._daemon.database) as connection:
            known: list[Move] = moves(connection)
        return next((move.to_version for move in reversed(known) if move.model == model), "")

    def _ask(self, client: Client, model: str) -> str:
        try:
            return check_answer(client, model, self._script.dropped, self.findings, label="live")
        except ModeldError as error:
            return "" if "no model" in str(error) or "no live version" in str(error) else str(error)

    def _finish(self) -> None:
        """Every file was taken in the end, every version answers as itself or says why not, and every
        artifact is whole."""
        with Admin(self._daemon.socket) as admin, self._daemon.client() as client:
            admin.call("Rescan", timeout_s=60.0)
            states = {
                (model.name, version.version): version.state.name
                for model in client.list_models()
                for version in model.versions
            }
            for model, version in self._script.dropped.tags:
                state = states.get((model, version), "")
                if not state and self._script.was_dropped(model, version):
                    self.findings.add(DROPS, f"{model} {version}")
                try:
                    check_answer(client, model, self._script.dropped, self.findings, version=version)
                except ModeldError:
                    continue  # not in memory
                if state != "READY":
                    self.findings.add(ANSWERS, f"{model} {version}, which is {state or 'unknown'}, answered")
        with opened(self._daemon.database) as connection:
            for fault in ArtifactCheck(self._daemon.state / "artifacts").check(connection):
                self.findings.add(ARTIFACTS, fault)


def kill(setting: Setting) -> Iterator[Row]:
    """The daemon is killed at random points of drops, promotes, rollbacks and starts."""
    count = KILLS_SHORT if setting.short else KILLS
    began = time.monotonic()
    kills = Kills(setting)
    kills.run(count)
    findings = kills.findings
    detail = {
        "kills": count,
        "kills_per_second": round(count / (time.monotonic() - began), 2),
        "answers_checked": findings.answers,
        "killed_while": dict(sorted(findings.phases.items())),
    }
    yield row(CASE, "kills", count, f"{count}", sum(findings.phases.values()) == count, detail=detail)
    for goal, faults in findings.faults.items():
        yield row(CASE, f"{goal}, of {count} kills", len(faults), "0", not faults, detail=faults[:20] or None)

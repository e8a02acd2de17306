"""modeld's main job on real handwritten digits, before the reader's eyes.

Trains and exports three models, then drops, swaps, rolls back, kills and restarts. Every claim that is
printed was tested; the exit status is 1 if any did not hold.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
import train
from callers import Callers
from daemon_process import DaemonProcess, wait_dropped, wait_for, wait_live
from narrator import Narrator
from train import Release, Releases, Scans

from modeld_client import Client, VersionState

CLIENTS = 8
SETTLE_MS = 300
PATIENCE_S = 120  # probes take what other work leaves of the CPUs
INCOMPLETE_S = 2
LOAD_S = 1.0  # how long the clients call before and after each change


class Demo:
    """One run. The steps are methods, in the order in which they are run."""

    def __init__(self, narrator: Narrator, daemon: DaemonProcess, work: Path) -> None:
        self.tell = narrator
        self.daemon = daemon
        self.work = work
        self.releases: Releases
        self.held_out: Scans

    def run(self) -> None:
        self.train_and_export()
        self.start_empty()
        self.drop_first_version()
        with Callers(self.daemon.address, "digits", self.some_scans(), CLIENTS) as callers:
            self.swap_under_load(callers)
            self.roll_back_under_load(callers)
        self.call_with_control_flow()
        self.kill_and_restart()
        self.drop_bad_files()
        self.stop()

    def train_and_export(self) -> None:
        self.tell.step("Train on real handwritten digits, and export TorchScript files")
        training, self.held_out = train.load_scans()
        exported = self.work / "exported"
        exported.mkdir()
        self.releases = train.make_releases(training, exported)
        self.tell.say(f"{len(training.digits)} scans to learn from, {len(self.held_out.digits)} held out")
        for release in (self.releases.first, self.releases.better, self.releases.either_ink):
            size = release.path.stat().st_size / 1000
            self.tell.say(
                f"{release.path.name:15}  {release.name} {release.version}, {release.kind}, {size:.0f} kB"
            )

    def start_empty(self) -> None:
        self.tell.step("Start the daemon on an empty directory")
        began = time.monotonic()
        self.daemon.start()
        self.tell.say(f"modeld {self.daemon.status().version} listens on {self.daemon.address}")
        with self.daemon.client() as client:
            self.tell.check(f"ready after {time.monotonic() - began:.2f} s", client.is_serving())
            self.tell.check("it serves no model yet", client.list_models() == [])

    def drop_first_version(self) -> None:
        release = self.releases.first
        self.tell.step(f"Deploying is dropping a file: cp {release.path.name} models/")
        copied = self.daemon.copy_in(release.path)
        with self.daemon.client() as client:
            wait_live(client, release.name, release.version, PATIENCE_S)
            settle = f"of which {SETTLE_MS / 1000:.1f} s to be sure that the copy is complete"
            self.tell.say(
                f"{release.version} live {time.monotonic() - copied:.2f} s after the copy, {settle}"
            )
            right, answers_alike, seconds = self.classify(client, release)
        total = len(self.held_out.digits)
        self.tell.say(
            f"{total} held-out digits, one call each: {total / seconds:.0f} calls/s from one client"
        )
        self.tell.check(f"accuracy {right / total:.1%} over gRPC", right / total > 0.8)
        self.tell.check("every answer is what PyTorch itself computes", answers_alike)
        self.tell.show("modelctl models", self.daemon.ctl("models"))

    def swap_under_load(self, callers: Callers) -> None:
        old, new = self.releases.first, self.releases.better
        self.tell.step(f"Hot swap: {CLIENTS} clients call without pause while {new.path.name} is moved in")
        self.let_call(callers, old.version)
        dropped = self.daemon.move_in(new.path)
        with self.daemon.client() as client:
            wait_live(client, new.name, new.version, PATIENCE_S)
            self.let_call(callers, new.version)
            until = time.monotonic()
            right, _, _ = self.classify(client, new)
        answers = callers.answers(since=dropped, until=until)
        first_new = next(answer for answer in answers if answer.version == new.version)
        last_old = [answer for answer in answers if answer.version == old.version][-1]
        gap_ms = (first_new.ended - last_old.ended) * 1000
        counts = callers.counts(until=until)
        self.tell.say(
            f"first answer by {new.version}: {first_new.ended - dropped:.2f} s after the file's last byte"
        )
        self.tell.say(f"last answer by {old.version} and first by {new.version}: {abs(gap_ms):.1f} ms apart")
        self.tell.say(
            f"calls answered by {old.version}: {counts[old.version]}, by {new.version}: {counts[new.version]}"
        )
        self.tell.check(f"none of {sum(counts.values())} calls failed", not callers.failures)
        self.tell.check(
            f"no client got an answer by {old.version} after one by {new.version}",
            callers.went_back(old.version, new.version, until) == 0,
        )
        accuracy = right / len(self.held_out.digits)
        self.tell.check(f"accuracy {accuracy:.1%}, by {new.version}", accuracy > 0.95)

    def roll_back_under_load(self, callers: Callers) -> None:
        old, new = self.releases.first, self.releases.better
        self.tell.step("Undo is one command, under the same load")
        failures_before = len(callers.failures)
        asked = time.monotonic()
        output = self.daemon.ctl("rollback", "digits", "--reason", "sevens look like ones")
        returned = time.monotonic()
        self.tell.show('modelctl rollback digits --reason "sevens look like ones"', output)
        self.let_call(callers, old.version)
        counts = callers.counts(since=returned)
        self.tell.say(f"the command took {(returned - asked) * 1000:.0f} ms")
        self.tell.check(
            f"all {sum(counts.values())} calls that began after it returned were answered by {old.version}",
            sum(counts.values()) > 0 and set(counts) == {old.version},
        )
        self.tell.check("none failed", len(callers.failures) == failures_before)
        self.tell.show("modelctl history digits", self.daemon.ctl("history", "digits"))
        with self.daemon.client() as client:
            model = client.get_model("digits").model
        self.tell.check(
            f"{old.version} is pinned: no rescan brings {new.version} back",
            model.pinned_version == old.version,
        )

    def call_with_control_flow(self) -> None:
        release = self.releases.either_ink
        self.tell.step("A model with control flow: forward(x: Tensor, flag: bool)")
        self.daemon.copy_in(release.path)
        inverted = (1.0 - self.held_out.pictures).numpy()
        digits = self.held_out.digits.numpy()
        with self.daemon.client() as client:
            wait_live(client, release.name, release.version, PATIENCE_S)
            accuracy = {}
            for flag in (True, False):
                logits = client.predict(release.name, {"x": inverted, "flag": flag}).output
                accuracy[flag] = float((logits.argmax(1) == digits).mean())
            self.tell.say("the held-out digits, dark ink on light paper, all in one call")
            self.tell.check(
                f"flag=True takes the branch that inverts: {accuracy[True]:.1%} right", accuracy[True] > 0.95
            )
            self.tell.check(f"flag=False does not: {accuracy[False]:.1%} right", accuracy[False] < 0.5)
        picture = self.work / "seven.npy"
        np.save(picture, inverted[digits == 7][:1])
        output = self.daemon.ctl("predict", release.name, f"x=@{picture}", "flag=true")
        self.tell.show(f"modelctl predict {release.name} x=@seven.npy flag=true", output)

    def kill_and_restart(self) -> None:
        self.tell.step("kill -9, and start again")
        self.daemon.kill()
        began = time.monotonic()
        self.daemon.start()
        self.tell.say(f"ready again after {time.monotonic() - began:.2f} s")
        with self.daemon.client() as client:
            answered_by = client.predict("digits", self.some_scans()).version
            self.tell.check(f"still answered by {answered_by}", answered_by == "1.0")
            model = client.get_model("digits").model
            known = ", ".join(version.version for version in model.versions)
            self.tell.check(
                f"nothing forgotten: versions {known}, pinned to {model.pinned_version}", known == "1.1, 1.0"
            )
            self.tell.check("the other model serves too", client.is_serving("either-ink"))

    def drop_bad_files(self) -> None:
        self.tell.step("Bad files: refused with the reason, and nothing that serves is touched")
        whole = self.releases.better.path.read_bytes()
        (self.daemon.drop / "digits-1.2.pt").write_bytes(whole[: len(whole) * 6 // 10])
        self.tell.say("digits-1.2.pt: cut off after 60 %")
        self.daemon.copy_in(self.releases.conflicting.path)
        self.tell.say(f"{self.releases.conflicting.path.name}: another model that calls itself 1.1 as well")
        with self.daemon.client() as client:
            for name, word in (("digits-1.2.pt", "truncated"), (self.releases.conflicting.path.name, "1.1")):
                file = wait_dropped(client, name)
                self.tell.check(f"ListModels: {name}: {file.reason}", word in file.reason)
            model = client.get_model("digits").model
            good = [
                version.version for version in model.versions if version.state != VersionState.QUARANTINED
            ]
            self.tell.check("the good versions are as they were", good == ["1.1", "1.0"])
            answered_by = client.predict("digits", self.some_scans()).version
            self.tell.check(f"calls are answered by {answered_by} as before", answered_by == "1.0")
        self.tell.show("modelctl models", self.daemon.ctl("models"))

    def stop(self) -> None:
        self.tell.step("SIGTERM: finish what is in flight, and leave")
        began = time.monotonic()
        status = self.daemon.terminate()
        self.tell.check(f"exit status {status} after {time.monotonic() - began:.2f} s", status == 0)

    def some_scans(self) -> dict[str, np.ndarray]:
        return {"x": self.held_out.pictures[:1].numpy()}

    def classify(self, client: Client, release: Release) -> tuple[int, bool, float]:
        """One call a held-out digit: how many are right, whether PyTorch agrees on all, and the seconds."""
        pictures = self.held_out.pictures.numpy()
        began = time.monotonic()
        answers = [client.predict("digits", {"x": picture[None]}) for picture in pictures]
        seconds = time.monotonic() - began
        logits = np.concatenate([answer.outputs["logits"] for answer in answers])
        right = int((logits.argmax(1) == self.held_out.digits.numpy()).sum())
        expected = release.module(self.held_out.pictures).detach().numpy()
        alike = all(answer.version == release.version for answer in answers) and np.allclose(
            logits, expected, rtol=1e-4, atol=1e-4
        )
        return right, alike, seconds

    @staticmethod
    def let_call(callers: Callers, version: str) -> None:
        """Lets the clients call for a while, and until each of them was answered by the version."""
        began = time.monotonic()
        wait_for(
            f"every client to be answered by {version}",
            lambda: time.monotonic() - began > LOAD_S and callers.everybody_saw(version, began),
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--modeld", type=Path, required=True, help="the daemon")
    parser.add_argument("--modelctl", type=Path, required=True, help="its command line")
    parser.add_argument("--keep", action="store_true", help="keep the working directory")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the daemon is ended, too

    work = Path(tempfile.mkdtemp(prefix="modeld-demo-"))
    narrator = Narrator()
    daemon = DaemonProcess(
        arguments.modeld,
        arguments.modelctl,
        work,
        settle_ms=SETTLE_MS,
        options=[f"--incomplete-timeout-s={INCOMPLETE_S}"],
    )
    try:
        Demo(narrator, daemon, work).run()
    except Exception as error:
        narrator.check(f"the demo ran to its end: {type(error).__name__}: {error}", held=False)
    finally:
        daemon.kill()

    print()
    if narrator.failures:
        print(
            f"{len(narrator.failures)} of the claims above did not hold. The daemon's log: {daemon.log_path}"
        )
        print("".join(daemon.log.splitlines(keepends=True)[-20:]))
        return 1
    print(f"Everything above was tested and held. {narrator.elapsed_s:.0f} s.")
    if arguments.keep:
        print(f"Kept: {work}")
    else:
        shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())

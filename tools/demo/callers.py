"""Clients that call without pause, each from a thread of its own, and remember every answer."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from modeld_client import Client, ModeldError


@dataclass(frozen=True)
class Answer:
    began: float  # time.monotonic()
    ended: float
    version: str


class Callers:
    """Use as a context manager: the threads call from entry to exit."""

    def __init__(self, address: str, model: str, inputs: dict[str, Any], count: int) -> None:
        self._address = address
        self._model = model
        self._inputs = inputs
        self._stop = threading.Event()
        self._failures: list[str] = []
        self._answers: list[list[Answer]] = [[] for _ in range(count)]
        self._threads = [threading.Thread(target=self._call, args=(answers,)) for answers in self._answers]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call(self, answers: list[Answer]) -> None:
        with Client(self._address) as client:
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    version = client.predict(self._model, self._inputs).version
                    answers.append(Answer(began, time.monotonic(), version))
                except ModeldError as error:
                    self._failures.append(str(error))

    @property
    def failures(self) -> list[str]:
        return list(self._failures)

    def everybody_saw(self, version: str, since: float) -> bool:
        """Whether every client has an answer of this version to a call begun since then."""
        return all(
            answers and answers[-1].version == version and answers[-1].began >= since
            for answers in self._answers
        )

    def answers(self, since: float = 0.0, until: float = float("inf")) -> list[Answer]:
        """Answers to calls begun in that time, in the order in which they came."""
        chosen = [a for answers in self._answers for a in list(answers) if since <= a.began < until]
        return sorted(chosen, key=lambda answer: answer.ended)

    def counts(self, since: float = 0.0, until: float = float("inf")) -> Counter[str]:
        """Number of answers by version."""
        return Counter(answer.version for answer in self.answers(since, until))

    def went_back(self, old: str, new: str, until: float) -> int:
        """Clients that got an answer by the old version after one by the new, in calls begun until then."""
        return sum(
            old in versions[versions.index(new) :]
            for versions in ([a.version for a in answers if a.began < until] for answers in self._answers)
            if new in versions
        )

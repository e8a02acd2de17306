"""Tells what happens, line by line, and keeps count of the claims that did not hold."""

from __future__ import annotations

import os
import sys
import textwrap
import time

WIDTH = 96


class Narrator:
    """Writes to standard output; bold and colour on a terminal only."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self._began = time.monotonic()
        self._steps = 0
        self._styled = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def step(self, title: str) -> None:
        self._steps += 1
        print(f"\n{self._style('1', f'{self._steps:2}. {title}')}", flush=True)

    def say(self, text: str) -> None:
        print(f"    {text}", flush=True)

    def show(self, command: str, output: str) -> None:
        """A command as typed, and what it printed."""
        self.say(self._style("2", f"$ {command}"))
        print(textwrap.indent(output.rstrip("\n"), "      "), flush=True)

    def check(self, claim: str, held: bool) -> None:
        """States a claim that was just tested."""
        mark = self._style("32", "ok    ") if held else self._style("31", "FAILED")
        # Wrapped without the mark, whose style has no width.
        lines = textwrap.wrap(claim, WIDTH)
        print(f"    {mark} {lines[0]}", flush=True)
        for line in lines[1:]:
            print(f"           {line}", flush=True)
        if not held:
            self.failures.append(claim)

    def _style(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._styled else text

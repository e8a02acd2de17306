"""Subject: a module that is being exported, with what is known of it."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from modeld_client import golden_sample

from .axes import Axes
from .calls import Call
from .config import Config, label_entry
from .differences import Tolerance
from .values import Value, copy_of


@dataclass(frozen=True)
class Subject:
    module: nn.Module
    call: Call
    axes: Axes
    outputs: dict[str, Value]  # of the call, by the module itself
    output_names: tuple[str, ...]
    config: Config
    labels: dict[str, Sequence[str]]
    tolerance: Tolerance

    def extra_files(self, outputs: dict[str, Value] | None = None) -> dict[str, bytes]:
        """What lies beside the model in an archive: config, golden sample, labels, environment.

        Args:
          outputs: the golden sample's, where they are not the module's.
        """
        expected = self.outputs if outputs is None else outputs
        files = {
            "config.json": json.dumps(self.config, indent=2, ensure_ascii=False).encode(),
            "golden/0": golden_sample(_contiguous(self.call.arguments), _contiguous(expected)),
            "environment.json": json.dumps(environment(), indent=2).encode(),
        }
        for name, texts in self.labels.items():
            files[label_entry(name)] = "".join(f"{text}\n" for text in texts).encode()
        return files


def _contiguous(values: dict[str, Value]) -> dict[str, Value]:
    copied: dict[str, Value] = copy_of(values)
    return copied


def environment() -> dict[str, str]:
    """What the artifact was made with."""
    return {"torch": torch.__version__, "python": platform.python_version(), "machine": platform.machine()}

"""What it costs to take pictures instead of tensors."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

from report import Row, row
from setting import Setting

ROUNDS = 200


def images(setting: Setting) -> Iterator[Row]:
    """A JPEG's way to a tensor, against bare OpenCV."""
    done = subprocess.run([setting.image, str(ROUNDS)], capture_output=True, text=True, check=True)
    median_ms: dict[str, float] = json.loads(done.stdout)
    floor, ours = median_ms["floor"], median_ms["modeld"]
    yield row(
        "1280x720 JPEG to a tensor of 224x224",
        f"ms on one thread, median of {ROUNDS} (reference: OpenCV's decode and resize, one pass more)",
        ours,
        "≤ 1.1 × reference",
        ours <= 1.1 * floor,
        floor,
        detail=median_ms,
    )

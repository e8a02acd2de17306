"""The C++ client's example against the real daemon."""

import os
import subprocess

import pytest
from daemon_process import wait_live

EXAMPLE = os.environ.get("CPP_EXAMPLE_BIN", "")


@pytest.mark.skipif(not os.path.isfile(EXAMPLE), reason="CPP_EXAMPLE_BIN names no program")
def test_the_example_predicts(daemon, client, artifacts):
    daemon.move_in(artifacts.tagged("1.0", 1.0))
    wait_live(client, "m", "1.0")
    answer = subprocess.run(
        [EXAMPLE, daemon.address, "m"], capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "1.0" in answer.stdout

"""The C++ client's example against the real daemon."""

import os
import subprocess

import pytest
from daemon_process import wait_live

EXAMPLE = os.environ.get("CPP_EXAMPLE_BIN", "")


@pytest.mark.skipif(not os.path.isfile(EXAMPLE), reason="CPP_EXAMPLE_BIN names no program")
def test_the_example_predicts(daemon, client, artifacts):
    inputs = [{"name": "x", "dtype": "FP32", "shape": [-1, 2]}]
    daemon.move_in(artifacts.tagged("1.0", 7.0, inputs=inputs))
    wait_live(client, "m", "1.0")
    command = [EXAMPLE, daemon.address, "m"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "m 1.0\noutput [1,2]: 7 7\n"

"""The C++ client's examples against the real daemon."""

import os
import subprocess

import pytest
from daemon_process import wait_live

EXAMPLE = os.environ.get("CPP_EXAMPLE_BIN", "")
STREAM_EXAMPLE = os.path.join(os.path.dirname(EXAMPLE), "modeld_client_stream_example")


@pytest.mark.skipif(not os.path.isfile(EXAMPLE), reason="CPP_EXAMPLE_BIN names no program")
def test_the_example_predicts(daemon, client, artifacts):
    inputs = [{"name": "x", "dtype": "FP32", "shape": [-1, 2]}]
    daemon.move_in(artifacts.tagged("1.0", 7.0, inputs=inputs))
    wait_live(client, "m", "1.0")
    command = [EXAMPLE, daemon.address, "m"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "m 1.0\noutput [1,2]: 7 7\n"


@pytest.mark.skipif(not os.path.isfile(STREAM_EXAMPLE), reason="no stream example beside CPP_EXAMPLE_BIN")
def test_the_stream_example_classifies(two_versions):
    command = [STREAM_EXAMPLE, two_versions.address, "m", "3"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr
    # The model adds 11 to (0, 1), (1, 1) and (2, 1); of equals the earlier is told.
    versions, answers = answer.stdout.splitlines()[:2], answer.stdout.splitlines()[2:]
    assert [line.partition(":")[0] for line in versions] == ["m 1.1", "m 1.0"]
    assert answers == ["second 12", "first 12", "first 13"]

"""When a call is tried again: the same numbers as the C++ client's."""

import pytest

from modeld_client import NO_RETRY, RetryPolicy

MIDDLE = 0.5  # no scatter
LONG = 1e9


def test_backoff_doubles_until_the_attempts_are_used_up():
    policy = RetryPolicy()
    delays = [policy.delay_after(failures, LONG, MIDDLE) for failures in range(1, 6)]
    assert delays == pytest.approx([0.05, 0.1, 0.2, 0.4, None])


def test_backoff_grows_to_its_maximum_only():
    policy = RetryPolicy(max_attempts=100)
    assert policy.delay_after(6, LONG, MIDDLE) == pytest.approx(1.6)
    assert policy.delay_after(7, LONG, MIDDLE) == pytest.approx(2.0)
    assert policy.delay_after(99, LONG, MIDDLE) == pytest.approx(2.0)


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 0.08), (0.25, 0.09), (0.75, 0.11), (1.0, 0.12)])
def test_backoff_is_scattered_by_a_fifth(chance, delay):
    assert RetryPolicy().delay_after(2, LONG, chance) == pytest.approx(delay)


def test_never_beyond_the_deadline():
    assert RetryPolicy().delay_after(1, 0.051, MIDDLE) == pytest.approx(0.05)
    assert RetryPolicy().delay_after(1, 0.05, MIDDLE) is None
    assert RetryPolicy().delay_after(1, -1, MIDDLE) is None


def test_no_retry():
    assert NO_RETRY.delay_after(1, LONG, MIDDLE) is None


@pytest.mark.parametrize(
    "bad", [{"max_attempts": 0}, {"scatter": 1.0}, {"scatter": -0.1}, {"initial_backoff_s": -1}]
)
def test_impossible_policies_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        RetryPolicy(**bad)

"""When to try a call again, as a pure function: clock, sleep and chance stay with the callers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RetryPolicy:
    """UNAVAILABLE is retried, with a back-off that doubles each time; never beyond the call's deadline."""

    max_attempts: int = 5
    initial_backoff_s: float = 0.05
    max_backoff_s: float = 2.0
    scatter: float = 0.2
    """Each back-off is scattered by this share of itself, so that clients do not come back in step."""

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts is {self.max_attempts}; it must be at least 1 (no retry)")
        if not 0 <= self.scatter < 1:
            raise ValueError(f"scatter is {self.scatter}; it must be at least 0 and below 1")
        if self.initial_backoff_s < 0 or self.max_backoff_s < 0:
            raise ValueError("initial_backoff_s and max_backoff_s must not be negative")

    def delay_after(self, failures: int, remaining_s: float, chance: float) -> float | None:
        """Seconds to wait after the `failures`-th failure in a row; None: give up.

        `remaining_s` is the time left until the call's deadline; `chance` is uniform in [0, 1).
        """
        if failures >= self.max_attempts:
            return None
        backoff = min(self.initial_backoff_s * 2.0 ** (failures - 1), self.max_backoff_s)
        delay = backoff * (1 + self.scatter * (2 * chance - 1))
        return delay if delay < remaining_s else None


NO_RETRY = RetryPolicy(max_attempts=1)

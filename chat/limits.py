"""How often somebody may do something, in one process."""

import threading
from collections.abc import Hashable
from time import monotonic

MINUTE_SECONDS = 60.0
# Past so many keys the full buckets are forgotten: they say nothing that a new one would not.
KEYS = 10_000


class TokenBuckets:
    """Up to `per_minute` at once, refilled evenly over a minute, for each key; 0 is no limit."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._lock = threading.Lock()
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable) -> bool:
        """Whether `key` may now."""
        if not self._per_minute:
            return True
        now = monotonic()
        with self._lock:
            if len(self._buckets) >= KEYS:
                self._buckets = {
                    other: bucket
                    for other, bucket in self._buckets.items()
                    if self._left(bucket, now) < self._per_minute
                }
            left = self._left(self._buckets.get(key, (self._per_minute, now)), now)
            allowed = left >= 1
            self._buckets[key] = (left - allowed, now)
            return allowed

    def _left(self, bucket: tuple[float, float], now: float) -> float:
        left, at = bucket
        return min(self._per_minute, left + (now - at) * self._per_minute / MINUTE_SECONDS)

"""How often somebody may do something, in one process; and who is one, by address."""

import threading
from collections.abc import Hashable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from time import monotonic

MINUTE_SECONDS = 60.0
# Past so many keys the full buckets are forgotten: they say nothing that a new one would not.
KEYS = 10_000


# What one customer of a provider has: limits by address would otherwise be none.
IPV6_PREFIX_BITS = 64


def network(address: str) -> str:
    """Whom an address is counted as: an IPv6 one by its /64; what is none, as it is."""
    found = _parsed(address)
    if isinstance(found, IPv6Address):
        return str(ip_network((int(found), IPV6_PREFIX_BITS), strict=False))
    return str(found or address)


def is_here(address: str) -> bool:
    """Whether it is this machine, or a socket of it: people at it, or a proxy that does not say who asks."""
    found = _parsed(address)
    return not address or bool(found and found.is_loopback)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """Without a port, as some proxies write one, and without IPv6 around IPv4."""
    host = address[1:].partition("]")[0] if address.startswith("[") else address
    host = host.partition(":")[0] if host.count(":") == 1 else host
    with suppress(ValueError):
        found = ip_address(host)
        return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
    return None


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

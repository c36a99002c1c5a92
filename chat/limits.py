"""How often somebody may do something, in one process; and who is one, by address."""

import threading
from collections.abc import Hashable, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from math import ceil
from time import monotonic_ns

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
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
    """Up to so many at once, refilled evenly over a minute, for each key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # When all that a key has taken has come back (ns).
        self._full_at: dict[Hashable, int] = {}

    def take(self, per_minute: Mapping[Hashable, int]) -> int:
        """One for every key, or none for any: 0, or in how many seconds it could be; a limit of 0 is none."""
        now = monotonic_ns()
        costs = {key: MINUTE_NS // most for key, most in per_minute.items() if most}
        with self._lock:
            if len(self._full_at) >= KEYS:
                self._full_at = {key: at for key, at in self._full_at.items() if at > now}
            taken = {key: max(now, self._full_at.get(key, 0)) + cost for key, cost in costs.items()}
            wait = max(taken.values(), default=0) - now - MINUTE_NS
            if wait <= 0:
                self._full_at |= taken
        return max(0, ceil(wait / SECOND_NS))

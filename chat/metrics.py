"""What there is to watch, for Prometheus: what the processes of this server count, and what is stored."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from chat import counts, store
from chat.counts import ABOVE, SUM
from chat.database.connection import Connection
from chat.errors import DatabaseUnavailable, Overloaded
from chat.runtime import Runtime
from chat.version import VERSION

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
PREFIX = "chat"

Totals = Mapping[tuple[str, str | int], int]


def exposition(runtime: Runtime) -> bytes:
    """All in the text format; without a database `chat_database_up` is 0, and what is stored is missing."""
    return generate_latest(_Collector(runtime))


class _Collector(Collector):
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def collect(self) -> Iterator[Metric]:
        yield _gauge("info", "Which version this is.", "version", {VERSION: 1})
        totals = counts.totals()
        for each in counts.COUNTERS:
            yield _counter(each.name, each.help, each.label, _values(totals, each))
        for each in counts.GAUGES:
            yield _gauge(each.name, each.help, each.label, _values(totals, each))
        for histogram in counts.HISTOGRAMS:
            yield _histogram(totals, histogram)
        yield from self._files()
        try:
            stored = self._runtime.database.read_slowly(lambda db: list(_stored(db)))
        except (DatabaseUnavailable, Overloaded):
            stored = []
        yield _gauge("database_up", "Whether the database could be read.", values={"": bool(stored)})
        yield from stored

    def _files(self) -> Iterator[Metric]:
        database = self._runtime.database
        yield _gauge(
            "file_bytes", "How large the database and its write-ahead log are.", "file", database.sizes()
        )
        try:
            free = database.free_bytes()
        except OSError:
            return
        if free is not None:
            yield _gauge("disk_free_bytes", "Room on the database's disk.", values={"": free})


def _stored(db: Connection) -> Iterator[Metric]:
    by_status = store.sessions.count_by_status(db)
    yield _gauge("sessions", "Chat sessions.", "status", by_status)
    missed = {"expired": 0, "cancelled": 0} | store.answers.count_missed(db)
    yield _counter("requests_missed", "Requests to any agent that nobody took.", "reason", missed)
    yield _gauge("outbox_waiting", "What waits to be sent to others.", "kind", store.outbox.waiting(db))
    time = store.server.time(db)
    age = (time.now - time.heartbeat_at) / 1000
    yield _gauge("heartbeat_age_seconds", "Since the leading process last said so.", values={"": age})


def _values(totals: Totals, metric: counts.Metric) -> dict[str, int]:
    return {value: totals[metric.name, value] for value in metric.values}


def _counter(name: str, help: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"{PREFIX}_{name}", help, labels=[label] if label else [])
    for value, number in values.items():
        family.add_metric([value] if label else [], number)
    return family


def _gauge(name: str, help: str, label: str = "", values: Mapping[str, float] = {}) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", help, labels=[label] if label else [])
    for value, number in values.items():
        family.add_metric([value] if label else [], number)
    return family


def _histogram(totals: Totals, histogram: counts.Histogram) -> Metric:
    """Its buckets count what is below each bound, as Prometheus wants it."""
    name, below, buckets = histogram.name, 0, list[tuple[str, float]]()
    for bound in histogram.bounds:
        below += totals[name, bound]
        buckets.append((f"{bound * histogram.unit:g}", below))
    buckets.append(("+Inf", below + totals[name, ABOVE]))
    family = HistogramMetricFamily(f"{PREFIX}_{name}", histogram.help, labels=[])
    family.add_metric([], buckets=buckets, sum_value=totals[name, SUM] * histogram.unit)
    return family

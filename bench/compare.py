"""The server beside its peers: the same load for each in turn, again and again, and what that gives.

Only ratios of one sitting say anything: machines differ, and one machine differs from hour to hour.
"""

import statistics
import sys
from argparse import Namespace
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from bench import measures, report
from bench.contenders import CEILING, CHATS, VIEWS, Contender, Lean
from bench.meter import MISTAKES, Figures

OURS = "ours"
COLUMNS = list(dict.fromkeys([*CHATS, *VIEWS, CEILING]))
MEASURES = {
    "hold": (measures.hold, CHATS),
    "conversation": (measures.conversation, CHATS),
    "burst": (measures.burst, CHATS),
    "get": (measures.get, VIEWS),
    "post": (measures.post, VIEWS),
}
ROWS = {
    "hold": {
        "delivery p50 ms": "{polls:,} held, {rate:g} sends/s: delivery p50, ms",
        "delivery p99 ms": "the same, p99, ms",
        "worker CPU %": "the same, server CPU %",
        "KB per held poll": "the same, KB per held poll",
    },
    "conversation": {"sends/s": "conversation, {sessions} sessions: sends/s"},
    "burst": {
        "sends/s": "saturated, {sessions} sessions: sends/s",
        "deliveries/s": "the same, deliveries/s",
    },
    "get": {
        "requests/s": "GET, {connections} connections: requests/s",
        "answer p50 ms": "the same, p50, ms",
        "answer p99 ms": "the same, p99, ms",
    },
    "post": {
        "requests/s": "POST, {connections} connections: requests/s",
        "answer p50 ms": "the same, p50, ms",
        "answer p99 ms": "the same, p99, ms",
    },
}
CLIENT = {"client CPU %": "the same, load client's CPU %"}
# Of each measure and each contender, the figures of every round.
Results = defaultdict[str, defaultdict[str, list[Figures]]]


def compare(options: Namespace) -> int:
    """The server and its peers in turn, medians and ratios; the exit code, 1 for a mistake of ours."""
    results: Results = defaultdict(lambda: defaultdict(list))
    for number in range(options.rounds):
        for measure, name, contender in _turns(is_first=number == 0):
            print(f"round {number + 1}/{options.rounds}: {measure}, {name}", file=sys.stderr)
            results[measure][name].append(measure_one(options, measure, contender))
    table = "\n".join([*_table(options, results), "", _mistakes(results), _others(results)])
    report.show("compare", table, options)
    return int(any(map(mistakes_of, _figures_of(results, OURS))))


def ceiling(options: Namespace) -> Figures:
    """The load client against a server that does nothing else: what it can do itself."""
    found = {measure: measure_one(options, measure, Lean()) for measure in MEASURES}
    return {f"{measure}: {name}": value for measure, each in found.items() for name, value in each.items()}


def measure_one(options: Namespace, measure: str, contender: Contender) -> Figures:
    """One measure of one contender, on a server of its own."""
    take, _ = MEASURES[measure]
    sessions = {"hold": options.polls // 2, "get": options.connections, "post": options.connections}
    with contender.serve(sessions.get(measure, options.sessions)) as (server, made):
        return measures.run(take(options, server, made, contender.make), options.seconds)


def _turns(is_first: bool) -> Iterator[tuple[str, str, Contender]]:
    """One round; the client's ceiling is looked at in the first."""
    for measure, (_, contenders) in MEASURES.items():
        for name, contender in contenders.items():
            yield measure, name, contender
        if is_first:
            yield measure, CEILING, Lean()


def _table(options: Namespace, results: Results) -> Iterator[str]:
    yield f"| | {' | '.join(COLUMNS)} |"
    yield f"|---|{'---|' * len(COLUMNS)}"
    for measure, rows in ROWS.items():
        for figure, title in (rows | CLIENT).items():
            cells = (_cell(results[measure], name, figure) for name in COLUMNS)
            yield f"| {title.format_map(vars(options))} | {' | '.join(cells)} |"


def _cell(found: Mapping[str, list[Figures]], name: str, figure: str) -> str:
    """The median, and beside a peer's the median of each round's ratio: ours to this one."""
    if name not in found:
        return "-"
    values = [each[figure] for each in found[name]]
    median = report.number(statistics.median(values))
    if name in (OURS, CEILING) or figure in CLIENT:
        return median
    ours = [each[figure] for each in found[OURS]]
    ratios = [mine / theirs for mine, theirs in zip(ours, values, strict=True) if theirs]
    return f"{median} ({statistics.median(ratios):.2f})" if ratios else median


def _mistakes(results: Results) -> str:
    """What must be 0, or else the figures mean nothing."""
    found: Counter[str] = Counter()
    for name in COLUMNS:
        for figures in _figures_of(results, name):
            found.update({f"{kind} ({name})": number for kind, number in mistakes_of(figures).items()})
    told = ", ".join(f"{number:g} {kind}" for kind, number in found.items())
    return f"Lost, doubled, out of order, refused or failed: {told or 'none'}."


def _others(results: Results) -> str:
    """How far the machine was this run's."""
    shares = [figures["others CPU %"] for name in COLUMNS for figures in _figures_of(results, name)]
    return f"Other programs took {statistics.median(shares):.0f} % of a core meanwhile."


def _figures_of(results: Results, name: str) -> Iterator[Figures]:
    for found in results.values():
        yield from found.get(name, ())


def mistakes_of(figures: Figures) -> Figures:
    """Those that there were."""
    return {kind: number for kind, number in figures.items() if kind in MISTAKES and number}

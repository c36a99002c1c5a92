"""`python -m bench SCENARIO`: run it and print its figures; without one, renew docs/performance.md."""

import argparse
import json
import os
import signal
import statistics
import sys

from bench import scenarios
from bench.compare import ceiling, compare
from bench.growth import growth
from bench.meter import MISTAKES, Figures
from bench.server import CLIENT_CORE, raise_file_limit

REPORTS = {"compare": compare, "growth": growth}


def main() -> int:
    """The exit code: 1 when anything was lost, refused or wrong."""
    parser = _parser()
    commands = [sys.argv[1:]] if sys.argv[1:] else [[report, "--write"] for report in REPORTS]
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    raise_file_limit()
    os.sched_setaffinity(0, {CLIENT_CORE})
    return max([_run(parser.parse_args(command)) for command in commands])


def _run(options: argparse.Namespace) -> int:
    """Run one scenario `--runs` times, or a report."""
    if options.name in REPORTS:
        return REPORTS[options.name](options)
    runs = [options.scenario(options) for _ in range(options.runs)]
    names = dict.fromkeys(name for run in runs for name in run)
    summary = {name: _summary(name, [run.get(name, 0) for run in runs]) for name in names}
    if options.json:
        print(json.dumps({"scenario": options.name, "figures": summary, "runs": runs}, indent=1))
    else:
        _print_table(options.name, summary, runs)
    return int(any(value for name, value in summary.items() if _is_mistake(name)))


def _parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    subparsers = parser.add_subparsers(dest="name")
    found = {}
    for scenario in (*scenarios.ALL, ceiling):
        name = scenario.__name__
        found[name] = subparsers.add_parser(name, help=scenario.__doc__)
        found[name].set_defaults(scenario=scenario)
        _add_common(found[name], name)
    found["hold"].add_argument("--polls", type=_even, default=1000, help="held polls (1000)")
    found["hold"].add_argument("--rate", type=float, default=100, help="sends a second (100)")
    found["hold"].add_argument("--idle", type=_positive, default=5, help="s without sends (5)")
    found["burst"].add_argument("--sessions", type=int, default=100, help="one sender each (100)")
    found["burst"].add_argument("--polls", type=_even, default=0, help="polls beside them (0)")
    found["streams"].add_argument("--polls", type=_even, default=1000, help="held connections (1000)")
    found["streams"].add_argument("--rate", type=float, default=100, help="sends a second (100)")
    found["streams"].add_argument("--idle", type=_positive, default=25, help="s without sends (25)")
    found["streams"].add_argument("--sessions", type=int, default=100, help="then one sender each (100)")
    found["engines"].add_argument("--polls", type=_even, default=1000, help="held polls (1000)")
    found["engines"].add_argument("--rate", type=float, default=100, help="sends a second (100)")
    found["engines"].add_argument("--idle", type=_positive, default=5, help="s without sends (5)")
    found["engines"].add_argument("--sessions", type=int, default=100, help="then one sender each (100)")
    found["sockets"].add_argument("--sessions", type=int, default=100, help="one sender each (100)")
    found["workers"].add_argument("--sessions", type=int, default=100, help="one sender each (100)")
    found["conversation"].add_argument("--sessions", type=int, default=100, help="(100)")
    for name in ("workers", "cross"):
        found[name].add_argument("--polls", type=_even, default=200, help="held polls (200)")
        found[name].add_argument("--rate", type=float, default=50, help="sends a second (50)")
        found[name].add_argument("--doorbell", choices="01", default="1", help="CHAT_DOORBELL (1)")
    for name, polls, rate in (("reload", 2000, 20), ("upgrade", 3000, 100)):
        found[name].add_argument("--polls", type=_even, default=polls, help=f"held polls ({polls})")
        found[name].add_argument("--rate", type=float, default=rate, help=f"sends a second ({rate})")
    found["backup"].add_argument("--polls", type=_even, default=200, help="held polls (200)")
    found["backup"].add_argument("--rate", type=float, default=500, help="sends a second (500)")
    found["backup"].add_argument("--messages", type=int, default=200_000, help="of before (200000)")
    found["year"].add_argument("--polls", type=_even, default=200, help="held polls (200)")
    found["year"].add_argument("--rate", type=float, default=100, help="sends a second (100)")
    found["year"].add_argument("--requests", type=int, default=1_000_000, help="of the year (1000000)")
    for name in ("get", "post"):
        found[name].add_argument("--connections", type=int, default=64, help="(64)")
    found["search"].add_argument("--messages", type=int, default=1_000_000, help="(1000000)")
    found["search"].add_argument("--rounds", type=int, default=20, help="each question so often (20)")
    found["pages"].add_argument("--messages", type=int, default=100, help="(100)")
    found["stop"].add_argument("--polls", type=_even, default=50, help="held polls (50)")
    found["storm"].add_argument("--polls", type=_even, default=3000, help="held polls (3000)")
    found["storm"].add_argument("--rounds", type=int, default=3, help="how often they are cut (3)")
    for name, report in REPORTS.items():
        found[name] = subparsers.add_parser(name, help=report.__doc__)
        found[name].add_argument("--write", action="store_true", help="into docs/performance.md")
    found["compare"].add_argument("--rounds", type=int, default=3, help="medians of so many (3)")
    found["growth"].add_argument("--rounds", type=int, default=1, help="medians of so many (1)")
    for name in ("compare", "growth"):
        found[name].add_argument("--seconds", type=_positive, default=4, help="s of each measure (4)")
    for name in ("compare", "ceiling", "growth"):
        found[name].add_argument("--rate", type=float, default=100, help="sends a second (100)")
        found[name].add_argument("--idle", type=_positive, default=1, help="s without sends (1)")
    for name in ("compare", "ceiling"):
        found[name].add_argument("--polls", type=_even, default=1000, help="held polls (1000)")
        found[name].add_argument("--sessions", type=int, default=100, help="that talk (100)")
        found[name].add_argument("--connections", type=int, default=64, help="of plain requests (64)")
    return parser


def _add_common(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--runs", type=int, default=1, help="take the medians of so many (1)")
    parser.add_argument("--json", action="store_true", help="JSON, with the figures of each run")
    if name != "stop":
        kinds = ("gevent", "gthread")
        parser.add_argument("--seconds", type=_positive, default=10, help="s under load (10)")
        parser.add_argument("--worker-class", choices=kinds, default="gevent", help="(gevent)")


def _even(text: str) -> int:
    """Two parties poll each session."""
    number = int(text)
    if number < 0 or number % 2:
        raise argparse.ArgumentTypeError(f"{text} is not an even number")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _summary(name: str, values: list[float]) -> float:
    """The worst of several runs for a mistake, the median for everything else."""
    return max(values) if _is_mistake(name) else statistics.median(values)


def _is_mistake(name: str) -> bool:
    """Also of a part of the run: "gevent: cut"."""
    return not MISTAKES.isdisjoint(name.split(": "))


def _print_table(scenario: str, summary: Figures, runs: list[Figures]) -> None:
    print(scenario)
    width = max(map(len, summary))
    for name, value in summary.items():
        each = "".join(f"{_number(run.get(name, 0)):>12}" for run in runs) if len(runs) > 1 else ""
        print(f"  {name:{width}}{_number(value):>12}{each}")


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


if __name__ == "__main__":
    sys.exit(main())

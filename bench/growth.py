"""What gets slower as there is more of it: delivery and CPU at a steady number of sends, from few to many."""

import statistics
import sys
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import filling, measures, plot, report
from bench.compare import mistakes_of
from bench.meter import Figures
from bench.readers import Make, Reader, Record
from bench.server import Server, Session, fresh_database

FIGURES = {
    "delivery p50 ms": "p50, ms",
    "delivery p99 ms": "p99, ms",
    "worker CPU %": "server CPU, %",
}
FOLDER = report.PAGE.with_suffix("")
# Of each size, the figures of every round.
Results = defaultdict[int, list[Figures]]


def _as_it_is(path: Path, sessions: list[Session], size: int) -> Make:
    return Reader


def _with_ended(path: Path, sessions: list[Session], size: int) -> Make:
    filling.add_ended(path, size)
    return Reader


def _with_people(path: Path, sessions: list[Session], size: int) -> Make:
    filling.add_people(path, size)
    return Reader


def _with_messages(path: Path, sessions: list[Session], size: int) -> Make:
    """The readers have them already."""
    return partial(_standing_at, filling.add_messages(path, sessions[0].id, size))


def _standing_at(message_id: int, port: int, session: Session, side: str, record: Record) -> Reader:
    reader = Reader(port, session, side, record)
    reader.last_id = message_id
    return reader


@dataclass(frozen=True)
class Axis:
    """What there is more and more of; `talking` sessions, of `sessions(size)` active ones, are talked in."""

    sizes: tuple[int, ...]
    sessions: Callable[[int], int]
    fill: Callable[[Path, list[Session], int], Make] = _as_it_is
    talking: int = 100


AXES = {
    "waiters": Axis((100, 1000, 10_000), lambda size: size // 2, talking=5000),
    "active sessions": Axis((100, 1000, 10_000), lambda size: size),
    "ended sessions": Axis((100, 1000, 10_000, 100_000), lambda size: 100, _with_ended),
    "messages in one session": Axis((100, 10_000, 1_000_000), lambda size: 1, _with_messages),
    "people": Axis((100, 1000, 10_000, 100_000), lambda size: 100, _with_people),
}


def growth(options: Namespace) -> int:
    """Delivery and CPU against what there is more and more of. The exit code: 1 for a mistake."""
    results: dict[str, Results] = {name: defaultdict(list) for name in AXES}
    for number in range(options.rounds):
        for name, axis in AXES.items():
            for size in axis.sizes:
                print(f"round {number + 1}/{options.rounds}: {size:,} {name}", file=sys.stderr)
                results[name][size].append(_measure(options, axis, size))
    report.show("growth", "\n".join(_page(options, results)), options)
    every = [figures for found in results.values() for each in found.values() for figures in each]
    return int(any(map(mistakes_of, every)))


def _measure(options: Namespace, axis: Axis, size: int) -> Figures:
    with fresh_database(axis.sessions(size)) as (path, sessions):
        make = axis.fill(path, sessions, size)
        talking = sessions[: axis.talking]
        with Server(path, "gevent", 2 * len(talking)) as server:
            return measures.run(measures.hold(options, server, talking, make), options.seconds)


def _page(options: Namespace, results: dict[str, Results]) -> Iterator[str]:
    yield f"At {options.rate:g} sends/s; the last column is the largest's figure ÷ the smallest's."
    for name, found in results.items():
        medians = {
            figure: [statistics.median(each[figure] for each in rounds) for rounds in found.values()]
            for figure in FIGURES
        }
        yield f"\n| {name} | {' | '.join(f'{size:,}' for size in found)} | ratio |"
        yield f"|---|{'---|' * (len(found) + 1)}"
        for figure, values in medians.items():
            cells = " | ".join(map(report.number, values))
            ratio = f"{values[-1] / values[0]:.2f}" if values[0] else "-"
            yield f"| {FIGURES[figure]} | {cells} | {ratio} |"
        if options.write:
            yield f"\n![{name}](performance/{_draw(name, list(found), medians)})"


def _draw(name: str, sizes: list[int], medians: dict[str, list[float]]) -> str:
    """The name of the picture's file."""
    lines = {figure: list(zip(sizes, values, strict=True)) for figure, values in medians.items()}
    delivery = {title: lines[f"delivery {title} ms"] for title in ("p50", "p99")}
    panels = {"delivery, ms": delivery, "server CPU, %": {"": lines["worker CPU %"]}}
    FOLDER.mkdir(exist_ok=True)
    picture = FOLDER / f"{name.replace(' ', '-')}.svg"
    picture.write_text(plot.draw(name, panels))
    return picture.name

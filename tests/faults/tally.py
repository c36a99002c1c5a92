"""What the histories of one run counted, over all processes of the tests."""

from collections import Counter

from tests.history import History, Mistake

ROWS = {
    "operations": "operations",
    "faults": "faults injected",
    "acknowledged": "acknowledged messages",
    "missing": "acknowledged messages missing",
    "duplicated": "duplicated",
    "disordered": "disordered",
    "gap": "gaps",
    "leaked": "leaked",
    "wrong": "otherwise wrong",
    "inputs": "bad inputs",
    "server_errors": "5xx on bad input",
}

# Of this process.
counted: Counter[str] = Counter()


def count(history: History, mistakes: list[Mistake]) -> None:
    """One history that was checked."""
    counted.update(
        operations=len(history.operations),
        faults=history.faults,
        acknowledged=sum(one.outcome == "acknowledged" for one in history.sent),
    )
    counted.update(mistake.kind for mistake in mistakes)


def table(total: Counter[str]) -> list[str]:
    """As it stands in docs/guarantees.md."""
    return ["| what | count |", "| --- | ---: |", *(f"| {ROWS[key]} | {total[key]:,} |" for key in ROWS)]

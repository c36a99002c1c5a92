"""Tables as text (RFC 4180), for a spreadsheet, which computes nothing of what people wrote."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO

# A spreadsheet would take such a cell for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """With a head; what a row does not have, or has None of, is an empty cell."""
    text = StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows({name: _safe(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _safe(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value

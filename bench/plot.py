"""Pictures of what grows, as SVG: one panel beside the other, each with its lines."""

import math
from collections.abc import Mapping, Sequence
from html import escape

Line = Sequence[tuple[float, float]]

WIDTH, HEIGHT, MARGIN = 380, 220, 46
COLOURS = ("#2a78d6", "#d6642a")
STYLE = "text { font: 12px sans-serif; fill: gray } path { fill: none; stroke-width: 2 }"


def draw(label: str, panels: Mapping[str, Mapping[str, Line]]) -> str:
    """`panels` has lines by name, by the panel's title; the x axis is logarithmic, and called `label`."""
    drawn = [
        f'<g transform="translate({number * WIDTH} 0)">{_panel(label, title, lines)}</g>'
        for number, (title, lines) in enumerate(panels.items())
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH * len(panels)} {HEIGHT}">'
    return f"{head}<style>{STYLE}</style>{''.join(drawn)}</svg>\n"


def _panel(label: str, title: str, lines: Mapping[str, Line]) -> str:
    xs = sorted({x for line in lines.values() for x, _ in line})
    top = _above(max(y for line in lines.values() for _, y in line))

    def across(x: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * math.log(x / xs[0]) / math.log(xs[-1] / xs[0])

    def down(y: float) -> float:
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * y / top

    parts = [_text(MARGIN, 20, title, "start"), _text(WIDTH / 2, HEIGHT - 8, label, "middle")]
    parts += [_text(across(x), HEIGHT - MARGIN + 18, f"{x:,}", "middle") for x in xs]
    for y in (0.0, top / 2, top):
        parts.append(f'<path stroke="#8884" d="M{MARGIN} {down(y):.1f}H{WIDTH - MARGIN}"/>')
        parts.append(_text(MARGIN - 6, down(y) + 4, f"{y:g}", "end"))
    for (name, line), colour in zip(lines.items(), COLOURS, strict=False):
        points = "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in line)
        parts.append(f'<path stroke="{colour}" d="M{points}"/>')
        parts.append(_text(WIDTH - MARGIN + 4, down(line[-1][1]) + 4, name, "start"))
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _above(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 …"""
    power: float = 10.0 ** math.floor(math.log10(value or 1.0))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)

"""Results as a picture: a row a figure, its runs as dots on a scale of its own, earlier runs grey below. Plain SVG."""

from collections.abc import Mapping, Sequence
from html import escape

from bench.harness import Figure, shown

ROW, TOP, WORDS, SCALE = 26, 16, 430, 380
NOW, BEFORE = "#1f6feb", "#999999"


def drawn(figures: Sequence[Figure], before: Mapping[str, Figure]) -> str:
    rows = [_row(place, figure, before.get(figure.name)) for place, figure in enumerate(figures)]
    height, width = TOP + ROW * len(figures) + TOP, WORDS + SCALE + 190
    style = "font: 13px system-ui, sans-serif"
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" style="{style}">'
    return "\n".join([opening, f'<rect width="{width}" height="{height}" fill="white"/>', *rows, "</svg>\n"])


def _row(place: int, figure: Figure, old: Figure | None) -> str:
    """Zero stands left, the largest value of the row right: what is twice as far is twice as much."""
    y = TOP + ROW * place + ROW / 2
    most = max((*figure.values, *(old.values if old else ()))) or 1
    dots = [_dot(value / most, y + 4, BEFORE, 3) for value in (old.values if old else ())]
    dots += [_dot(value / most, y - 2, NOW, 4) for value in figure.values]
    line = f'<line x1="{WORDS}" x2="{WORDS + SCALE}" y1="{y}" y2="{y}" stroke="#dddddd"/>'
    name = f'<text x="{WORDS - 12}" y="{y + 4}" text-anchor="end">{escape(figure.name)}</text>'
    told = f'<text x="{WORDS + SCALE + 12}" y="{y + 4}">{escape(f"{shown(figure.median)} {figure.unit}")}</text>'
    return "".join([line, name, *dots, told])


def _dot(share: float, y: float, colour: str, radius: int) -> str:
    return f'<circle cx="{WORDS + share * SCALE:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}" fill-opacity="0.7"/>'

"""`python -m bench [WORD...]`: run the measurements whose name holds one of the words (all), print one page.

Results are kept in `.bench/`, as figures (JSON) and as a plot (SVG); `--against` holds them to an earlier file.
`--compare` puts the API load on another API server too, pair by pair. `--profile` says where the time of a run goes.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import afar, growth, harness, load, names, node, others, plot, pods, profile, replicas, starting

MEASUREMENTS = (
    *starting.ALL,
    *replicas.ALL,
    *growth.ALL,
    *afar.ALL,
    *pods.ALL,
    *node.ALL,
    *names.ALL,
    *load.ALL,
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("words", nargs="*", help="parts of names")
    parser.add_argument("--runs", type=int, help="how often each (its own number)")
    parser.add_argument("--against", metavar="FILE", type=Path, help="earlier results, beside which to show these")
    parser.add_argument("--compare", metavar="URL", help="another API server (or its kubeconfig) for the same API load")
    parser.add_argument("--token", default="", help="bearer token for the URL of --compare")
    parser.add_argument("--profile", metavar="WHAT", choices=profile.WHATS, help=f"one of {', '.join(profile.WHATS)}")
    parsed = parser.parse_args()
    console = Console()
    if parsed.profile:
        profile.show(parsed.profile)
        return 0
    if parsed.compare:
        return _compared(console, parsed)
    chosen = [m for m in MEASUREMENTS if not parsed.words or any(word in m.name for word in parsed.words)]
    figures: list[harness.Figure] = []
    for measurement in chosen:
        console.print(f"[dim]{measurement.name}[/]", end="\r")
        figures += harness.run(measurement, parsed.runs)
    before = harness.read(parsed.against) if parsed.against else {}
    console.print(_page(figures, before))
    kept = harness.keep(figures)
    kept.with_suffix(".svg").write_text(plot.drawn(figures, before))
    console.print(f"[dim]kept in {kept} and as a plot beside it[/]")
    return 0


def _page(figures: list[harness.Figure], before: harness.Kept) -> Table:
    """Every figure a row, with a bar of its spread; with earlier ones, their medians and the ratio."""
    table = Table(box=None, title=", ".join(f"{name} {fact}" for name, fact in harness.machine().items()))
    table.add_column("figure")
    for column in ("median", "spread", "unit", *(("before", "ratio") if before else ())):
        table.add_column(column, justify="left" if column == "unit" else "right")
    for figure in figures:
        old = before.get(figure.name)
        compared = (harness.shown(old.median), f"{figure.median / old.median:.2f}") if old else ("", "")
        row = (figure.name, harness.shown(figure.median), figure.spread, figure.unit)
        table.add_row(*row, *(compared if before else ()))
    return table


def _compared(console: Console, parsed: argparse.Namespace) -> int:
    """The same load on stead and on another server, in turn, so that both meet the same machine."""
    pairs = others.pairs(partial(others.access_of, parsed.compare, parsed.token), parsed.runs or 3)
    table = Table(box=None, title=f"stead and {parsed.compare}, pair by pair")
    for column in ("a second", "stead", "other", "ratios", "median ratio"):
        table.add_column(column, justify="left" if column == "a second" else "right")
    for name, found in pairs.items():
        ratios = sorted(ours / theirs for ours, theirs in found)
        mine, other = (harness.shown(sorted(side)[len(side) // 2]) for side in zip(*found, strict=True))
        shown = " ".join(f"{ratio:.1f}" for ratio in ratios)
        table.add_row(name, mine, other, shown, f"{ratios[len(ratios) // 2]:.1f}")
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())

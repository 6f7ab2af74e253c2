"""`python -m bench [WORD...]`: run the measurements whose name holds one of the words (all), print one page."""

import argparse

from rich.console import Console
from rich.table import Table

from bench import harness, replicas, starting

MEASUREMENTS = (*starting.ALL, *replicas.ALL)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("words", nargs="*", help="parts of names")
    parser.add_argument("--runs", type=int, help="how often each (its own number)")
    parsed = parser.parse_args()
    chosen = [m for m in MEASUREMENTS if not parsed.words or any(word in m.name for word in parsed.words)]
    console = Console()
    table = Table(box=None, title=", ".join(f"{name} {fact}" for name, fact in harness.machine().items()))
    for column, side in (("figure", "left"), ("median", "right"), ("spread", "right"), ("unit", "left")):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    figures: list[harness.Figure] = []
    for measurement in chosen:
        console.print(f"[dim]{measurement.name}[/]", end="\r")
        for figure in harness.run(measurement, parsed.runs):
            figures.append(figure)
            table.add_row(figure.name, harness.shown(figure.median), figure.spread, figure.unit)
    console.print(table)
    console.print(f"[dim]kept in {harness.keep(figures)}[/]")


if __name__ == "__main__":
    main()

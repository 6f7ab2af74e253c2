"""`stead replay`: one simulated life again, round by round, with every promise checked.

It takes a seed of `make stories`, or the file in which a broken promise was left.
"""

import argparse

from stead.cli.options import complain
from stead.cli.roundlog import RoundLog
from stead.simulation import drawing, schedules, stories
from stead.simulation.schedules import Schedule, ScheduleError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="SEED|FILE", help="a number, or a schedule in YAML or JSON")
    parser.add_argument("--print", dest="is_printed", action="store_true", help="print the schedule, live nothing")
    parser.add_argument("-q", "--quiet", action="store_true", help="only how it ends")
    parser.add_argument("-v", "--verbose", action="store_true", help="every action, status writes and probes too")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    try:
        schedule = _schedule(parsed.what)
    except ScheduleError as error:
        return complain(error)
    print(schedule, end="" if parsed.is_printed else "\n")
    if parsed.is_printed:
        return 0
    log = RoundLog(1.0, verbose=parsed.verbose)
    refused: list[str] = []

    def on_step(at: float, told: str, answer: str) -> None:
        if answer:
            refused.append(f"{told} was refused: {answer}")
        if not parsed.quiet:
            log.step(at, told, answer)

    ending = stories.live(schedule, on_round=[] if parsed.quiet else [log], on_step=on_step)
    if parsed.quiet:
        print("\n".join(refused))
    told = f"{ending.at:.1f} s of virtual time, {ending.steps} steps, {ending.deaths} deaths, log {ending.digest:08x}"
    if ending.broken:
        return complain(f"{ending.broken}\nafter {told}")
    print(f"every promise kept: {told}")
    return 0


def _schedule(what: str) -> Schedule:
    return drawing.draw(int(what)) if what.isdigit() else schedules.read(what)

"""`stead simulate`: the same kernel in virtual time. Prints the log of rounds, then how long everything took."""

import argparse

from stead.cli import nodeoptions
from stead.cli.options import complain
from stead.cli.roundlog import RoundLog
from stead.cluster import manifests
from stead.cluster.config import Config
from stead.cluster.roster import Roster
from stead.machinery.errors import ApiError
from stead.simulation import schedules
from stead.simulation.schedules import Schedule, ScheduleError
from stead.simulation.shell import NotSettled, Simulation
from stead.simulation.world import World


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--filename", metavar="FILE", action="append", default=[], help="manifests; repeatable")
    parser.add_argument("--faults", metavar="FILE", help="a schedule: what users do and what goes wrong, and when")
    parser.add_argument("--seed", type=int, default=None, help="what decides everything left to chance (0)")
    parser.add_argument("--seconds", type=float, default=3600, help="virtual seconds at most (3600)")
    parser.add_argument("--profile", choices=("v1_36", "v1_37"), default=None, help="whose behaviour (v1_36)")
    nodeoptions.add_nodes(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="every action, status writes and probes too")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    if not parsed.filename and not parsed.faults:
        return complain("nothing to simulate: give manifests with -f, or a schedule with --faults")
    try:
        schedule = schedules.read(parsed.faults) if parsed.faults else Schedule()
        wanted = manifests.read(parsed.filename)
        simulation = _simulation(parsed, schedule)
        _live(World(schedule, simulation), wanted, parsed)
    except (manifests.ManifestError, ScheduleError, NotSettled, ValueError) as error:
        return complain(error)
    print(
        f"settled after {simulation.now.mono - 1:.1f} s of virtual time, {simulation.steps} steps, "
        f"seed {simulation.seed}"
    )
    return 0


def _simulation(parsed: argparse.Namespace, schedule: Schedule) -> Simulation:
    """What the command line says goes before what the schedule says."""
    seed = schedule.seed if parsed.seed is None else parsed.seed
    nodes = nodeoptions.asked(parsed, Roster(schedule.nodes, schedule.zones))
    config = Config(runtime="simulated", profile=parsed.profile or schedule.profile, **nodes)
    return Simulation(seed, config=config, is_distant=schedule.distant)


def _live(world: World, wanted: list[manifests.Manifest], parsed: argparse.Namespace) -> None:
    simulation, schedule = world.simulation, world.schedule
    simulation.run_for(1)
    log = RoundLog(simulation.now.mono, verbose=parsed.verbose)
    simulation.watchers.append(log)
    world.create_sets()
    for manifest in wanted:
        _take(world, manifest)
    began = simulation.now.mono
    for step in schedule.steps:
        simulation.run_for(max(0.0, began + step.at - simulation.now.mono))
        log.step(simulation.now.mono, str(step), world.happen(step))
    simulation.settle(parsed.seconds)


def _take(world: World, manifest: manifests.Manifest) -> None:
    try:
        world.take(manifest.obj)
    except ApiError as error:
        raise manifests.ManifestError(f"{manifest.place}: {error.message}") from error

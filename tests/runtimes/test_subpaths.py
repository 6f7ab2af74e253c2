"""A container that puts links where a `subPath` of another container leads: nothing outside of the volume is mounted or
made, whenever it does.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from stead.machinery.runtime import ContainerNotCreated, ContainerStarted, Mount
from stead.runtimes import inside
from stead.runtimes.logs import LogReader
from stead.runtimes.native import volumes
from tests.runtimes.conftest import Machine, Play

ROUNDS = 300
# A directory made in its place meanwhile is thrown away.
SWAP = """
import os, shutil
os.rename(place, aside)
try:
    os.symlink(outside, place)
    os.unlink(place)
except OSError:
    pass
while True:
    try:
        os.rename(aside, place)
        break
    except OSError:
        shutil.rmtree(place, ignore_errors=True)
"""


@contextmanager
def swapping(place: Path, outside: Path) -> Iterator[None]:
    """`place` is a directory and a link to `outside`, in turn, as fast as can be."""
    aside, end = place.with_name("aside"), threading.Event()
    place.mkdir()

    def play() -> None:
        while not end.is_set():
            exec(SWAP, {"place": str(place), "aside": str(aside), "outside": str(outside)})

    player = threading.Thread(target=play)
    player.start()
    try:
        yield
    finally:
        end.set()
        player.join()


def test_nothing_is_made_or_held_outside_while_links_come_and_go(tmp_path: Path) -> None:
    volume, outside = tmp_path / "volume", tmp_path / "outside"
    volume.mkdir()
    outside.mkdir()
    there, refused = os.stat(outside).st_ino, 0
    with swapping(volume / "sub", outside):
        for number in range(ROUNDS):
            mount = Mount(str(volume / "sub" / f"d{number}"), "/x", within=str(volume))
            try:
                source = volumes.source_of(mount, str(tmp_path))
                volumes.make_places([(str(volume), "/v", True), (str(volume), f"/v/sub/m{number}", False)])
                part = inside.held(str(volume), os.path.relpath(source, volume))
                assert os.stat("..", dir_fd=part).st_ino != there
                os.close(part)
            except (OSError, volumes.PartTrouble):
                refused += 1
            assert list(outside.iterdir()) == [], "made outside of the volume"
    assert refused < ROUNDS, "some succeed"


def test_a_link_that_comes_after_the_look_is_not_held(tmp_path: Path) -> None:
    """The one interleaving that counts, without a race: looked at, swapped, held. Nothing is mounted by this test."""
    volume, outside = tmp_path / "volume", tmp_path / "outside"
    (volume / "sub").mkdir(parents=True)
    outside.mkdir()
    source = volumes.source_of(Mount(str(volume / "sub"), "/x", within=str(volume)), str(tmp_path))
    (volume / "sub").rmdir()
    (volume / "sub").symlink_to(outside)
    with pytest.raises(OSError, match="sub has become a link"):
        inside.held(str(volume), os.path.relpath(source, volume))


async def race(machine: Machine, beside: tuple[Mount, ...] = (), *, least: int) -> None:
    """One container puts a link to the host's own in the way of another's subPath, which is tried
    more than `least` times: it never gets that mounted. `beside` are mounts that both programs need.
    """
    claim, secret = machine.place / "claim", machine.place / "secret"
    claim.mkdir()
    secret.mkdir()
    (secret / "key").write_text("host's own")
    await machine.sandbox("a")
    words = f"place, aside, outside = '/v/sub', '/v/aside', {str(secret)!r}"
    begin = f"import os\nos.makedirs('/v/sub', exist_ok=True)\n{words}"
    program = f"{begin}\ncode = compile({SWAP!r}, '', 'exec')\nwhile True: exec(code)"
    await machine.start("a", "python3", "-c", program, container="bad", mounts=(*beside, Mount(str(claim), "/v")))
    seen, part = 0, (Mount(str(claim / "sub"), "/m", within=str(claim)),)
    for attempt in range(400):
        order = {"container": "good", "attempt": attempt, "mounts": part}
        event = await machine.start("a", "sh", "-c", "ls /m; echo there", **order)
        if isinstance(event, ContainerNotCreated):
            continue
        await machine.exited("a", "good", attempt)
        said = LogReader(machine.log("a", "good", attempt)).read()
        assert b"key" not in said, "a file of the host was mounted"
        seen += isinstance(event, ContainerStarted)
        if attempt > least and seen:  # one in ten starts
            break
    assert seen, "some start"
    assert LogReader(machine.log("a", "bad")).read() == b"", "it plays to the end"
    assert [entry.name for entry in secret.iterdir()] == ["key"]


@pytest.mark.shell
@pytest.mark.anyone
@pytest.mark.parametrize("tier", ["root", "user"])
def test_real_containers_race(play: Play, tier: str) -> None:
    play(tier, partial(race, least=40))

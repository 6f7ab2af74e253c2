"""What strangers on this machine can do who have no credentials: connect, and say nothing, or lie about themselves."""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stead.cluster.config import Config
from stead.cluster.live import Live, StartError
from stead.runtimes import trees
from stead.runtimes.native import volumes
from stead.serve.limits import Limits
from stead.serve.tls import certificates, server_context, server_names
from tests.serve.serving import Client, eventually, run, serving

pytestmark = pytest.mark.shell

GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[ssl.SSLContext, ssl.SSLContext]]:
    kept = certificates(tmp_path / "pki", server_names("cluster.local", ["127.0.0.1"]), time.time())
    yield server_context(kept), ssl.create_default_context(cafile=str(kept.authority))


def is_closed(one: socket.socket) -> bool:
    try:
        return one.recv(10) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def silent(port: int) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port))
    one.setblocking(False)
    return one


def test_those_who_say_nothing_keep_nobody_out_and_are_bounded(
    server: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """Each costs 50 KB until its handshake is given up; one too many, and the oldest of them goes."""

    async def scenario() -> None:
        async with serving(server_tls=server[0], limits=Limits(strangers=20)) as house:
            strangers = []
            for _ in range(100):
                strangers.append(silent(house.port))
                await asyncio.sleep(0)
            await eventually(lambda: sum(map(is_closed, strangers)) >= 80)
            assert not any(map(is_closed, strangers[-19:])), "the youngest may still mean it"
            reader, writer = await asyncio.open_connection("127.0.0.1", house.port, ssl=server[1])
            assert (await Client(reader, writer).ask(GET)).code == 200
            writer.close()
            for one in strangers:
                one.close()

    run(scenario)


def test_who_never_ends_the_handshake_is_cut_off(server: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def scenario() -> None:
        async with serving(server_tls=server[0], limits=Limits(handshake_seconds=0.2)) as house:
            stranger = silent(house.port)
            await eventually(lambda: is_closed(stranger))
            stranger.close()

    run(scenario)


# --- the data directory


async def started(data: Path) -> None:
    live = Live(Config(data=data, port=0, runtime="simulated"))
    await live.start()
    await live.close(stops_pods=False)


def test_nobody_else_may_put_files_into_the_data_directory(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o777)
    asyncio.run(started(data))
    assert data.stat().st_mode & 0o022 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's files")
@pytest.mark.parametrize("name", ["", "token", "pki"])
def test_what_another_user_has_put_there_is_not_believed(tmp_path: Path, name: str) -> None:
    """A token or a CA key that somebody else knows would let him in."""
    place = tmp_path / "data" / name if name else tmp_path / "data"
    (place if name != "token" else place.parent).mkdir(parents=True)
    if name == "token":
        place.write_text("known to me\n")
    os.chown(place, 12345, -1)
    with pytest.raises(StartError, match="belongs to another user"):
        asyncio.run(started(tmp_path / "data"))


# --- links that a program in a pod puts where stead works


def test_the_old_files_of_a_volume_are_found_by_our_name_alone(tmp_path: Path) -> None:
    """A program with write access turns `..data` to something else: that is not what is removed by the next change."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    files = volumes.VolumeFiles("v", ())
    volumes.make(str(tmp_path), files, None)
    for target in ("../precious", str(precious), ".."):
        link = tmp_path / "v" / "..data"
        link.unlink()
        link.symlink_to(target)
        volumes.make(str(tmp_path), files, None)
        assert (precious / "file").read_text() == "x"


def test_a_group_is_given_no_file_behind_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("x")
    outside.chmod(0o600)
    place = tmp_path / "v"
    (place / "deep").mkdir(parents=True)
    (place / "deep" / "file").write_text("y")
    (place / "link").symlink_to(outside)
    (place / "far").symlink_to(tmp_path)
    trees.give_to_group(str(place), os.getgid())
    assert outside.stat().st_mode & 0o777 == 0o600
    assert (place / "deep" / "file").stat().st_mode & 0o060 == 0o060
    assert (place / "deep").stat().st_mode & 0o2070 == 0o2070

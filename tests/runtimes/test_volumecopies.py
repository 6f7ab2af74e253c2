"""All volumes as one tar: what goes in comes out, nothing leads out of it, and what is not whole is not put back."""

import io
import os
import tarfile
import threading
from pathlib import Path

import pytest

from stead.runtimes import volumecopies
from stead.runtimes.volumecopies import BadArchive, Told


def copied(volumes: Path, archive: Path) -> Told:
    with archive.open("wb") as target:
        return volumecopies.take(volumes, target)


def put_back(archive: Path, volumes: Path) -> tuple[Told, str]:
    with volumecopies.unpacked(archive, volumes) as made:
        return made.told, made.put_in_place()


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    made = tmp_path / "volumes"
    (made / "pvc-1" / "shut").mkdir(parents=True)
    (made / "pvc-2").mkdir()
    return made


def test_all_that_a_volume_may_have_comes_back(volumes: Path, tmp_path: Path) -> None:
    one = volumes / "pvc-1"
    (one / "shut" / "data").write_bytes(os.urandom(100_000))
    os.link(one / "shut" / "data", one / "twin")
    os.symlink("/etc/passwd", one / "link")
    os.mkfifo(one / "fifo")
    with (one / "holes").open("wb") as file:
        file.write(b"begin")
        file.seek(5_000_000)
        file.write(b"end")
        file.truncate(9_000_000)
    (one / os.fsdecode(b"n\xffme \n")).write_text("odd")
    (one / ("long" * 50)).write_text("long")
    os.setxattr(one / "twin", "user.note", b"\xff\0")
    (one / "shut" / "data").chmod(0o640)
    os.utime(one / "shut" / "data", (1, 1.5))
    (one / "shut").chmod(0o500)
    told = copied(volumes, tmp_path / "a.tar")
    assert (told.volumes, told.files, told.changed, told.left_out) == (2, 5, [], [])
    assert (tmp_path / "a.tar").stat().st_size < 200_000, "holes are not copied"
    again = tmp_path / "again"
    assert put_back(tmp_path / "a.tar", again) == (Told(volumes=2, files=5), "")
    assert told_of(again) == told_of(volumes)
    assert (again / "pvc-1" / "twin").samefile(again / "pvc-1" / "shut" / "data")
    assert os.getxattr(again / "pvc-1" / "twin", "user.note") == b"\xff\0"
    assert (again / "pvc-1" / "holes").stat().st_blocks == (one / "holes").stat().st_blocks


def told_of(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        kept = path.lstat()
        data = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        times = kept.st_mtime if path.is_file() and not path.is_symlink() else 0
        found[str(path.relative_to(folder))] = (oct(kept.st_mode), kept.st_uid, kept.st_gid, times, data)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owners_come_back(volumes: Path, tmp_path: Path) -> None:
    (volumes / "pvc-1" / "theirs").write_text("x")
    os.chown(volumes / "pvc-1" / "theirs", 12345, 54321)
    copied(volumes, tmp_path / "a.tar")
    put_back(tmp_path / "a.tar", tmp_path / "again")
    assert told_of(tmp_path / "again") == told_of(volumes)


def test_what_was_there_is_kept_aside(volumes: Path, tmp_path: Path) -> None:
    (volumes / "pvc-1" / "a").write_text("old")
    copied(volumes, tmp_path / "a.tar")
    (volumes / "pvc-1" / "a").write_text("new")
    for number in (1, 2):
        _, aside = put_back(tmp_path / "a.tar", volumes)
        assert aside == f"{volumes}.before-restore-{number}"
        assert (volumes / "pvc-1" / "a").read_text() == "old"
    assert Path(f"{volumes}.before-restore-1", "pvc-1", "a").read_text() == "new"


def test_who_writes_meanwhile_is_told_and_leads_nobody_out(volumes: Path, tmp_path: Path) -> None:
    """A pod swaps a directory for a link to one of the host's, again and again, and a file grows and shrinks."""
    secret, one = tmp_path / "secret", volumes / "pvc-1"
    secret.mkdir()
    (secret / "key").write_text("host's own")
    (one / "data").mkdir()
    (one / "data" / "key").write_text("pod's")
    end = threading.Event()

    def play() -> None:
        while not end.is_set():
            os.rename(one / "data", one / "aside")
            os.symlink(secret, one / "data")
            (one / "file").write_bytes(b"x" * 1_000_000)
            os.unlink(one / "data")
            os.rename(one / "aside", one / "data")
            os.truncate(one / "file", 10)

    player = threading.Thread(target=play)
    player.start()
    changed = 0
    try:
        for _ in range(60):
            changed += len(copied(volumes, tmp_path / "a.tar").changed)
            assert b"host's own" not in (tmp_path / "a.tar").read_bytes()
            with (tmp_path / "a.tar").open("rb") as file:
                volumecopies.checked(file)
    finally:
        end.set()
        player.join()
    assert changed


def test_a_changed_byte_and_a_lost_end_are_told(volumes: Path, tmp_path: Path) -> None:
    (volumes / "pvc-1" / "a").write_bytes(b"x" * 5000)
    copied(volumes, tmp_path / "a.tar")
    data = (tmp_path / "a.tar").read_bytes()
    place = data.index(b"xxxx") + 100
    for wrong in (data[:place] + b"y" + data[place + 1 :], data[:place], data[: data.index(b"xxxx") + 5120], b"", b"?"):
        (tmp_path / "bad.tar").write_bytes(wrong)
        with pytest.raises(BadArchive):
            put_back(tmp_path / "bad.tar", volumes)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.tar", "bad.tar", "volumes"]


def an_entry(name: str, type_: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = type_, link, 0o755
    return entry


V = an_entry("v", tarfile.DIRTYPE)


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([V, an_entry("v/../../etc")], "leads out"),
        ([an_entry("/v", tarfile.DIRTYPE)], "leads out"),
        ([an_entry("..", tarfile.DIRTYPE)], "leads out"),
        ([V, an_entry("v//a")], "leads out"),
        ([an_entry("file")], "in no directory"),
        ([an_entry("link", tarfile.SYMTYPE, "/etc")], "in no directory"),
        ([V, an_entry("v/l", tarfile.SYMTYPE, "/etc"), an_entry("v/l/passwd")], "in no directory"),
        ([V, an_entry("v/a/b")], "in no directory"),
        ([V, an_entry("v/l", tarfile.SYMTYPE, "/etc/passwd"), an_entry("v/h", tarfile.LNKTYPE, "v/l")], "is a link to"),
        ([V, an_entry("v/h", tarfile.LNKTYPE, "../../etc/passwd")], "is a link to"),
        ([V, an_entry("v/a"), an_entry("v/a")], "twice"),
        ([V, an_entry("v/l", tarfile.SYMTYPE, "/etc"), an_entry("v/l", tarfile.DIRTYPE)], "twice"),
        ([V, an_entry("v/d", tarfile.BLKTYPE)], "device"),
        ([V, an_entry("v/d", tarfile.CHRTYPE)], "device"),
    ],
)
def test_hostile_archives_are_refused(entries: list[tarfile.TarInfo], why: str, tmp_path: Path) -> None:
    """Whole ones, with the right sum at their end."""
    target = io.BytesIO()
    counted = volumecopies._Counted(target)
    with tarfile.open(fileobj=counted, mode="w") as tar:  # type: ignore[arg-type]
        for entry in entries:
            tar.addfile(entry)
        volumecopies._add_last(tar, counted.sum)
    (tmp_path / "a.tar").write_bytes(target.getvalue())
    with pytest.raises(BadArchive, match=why):
        put_back(tmp_path / "a.tar", tmp_path / "volumes")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tar"]

"""CRI logs: written in parts, turned over when full, read as `kubectl logs` prints them."""

from pathlib import Path

import pytest

from stead.runtimes import logs
from stead.runtimes.logs import LogReader, LogWriter, Wanted

PART = b"a" * logs.PART_BYTES


@pytest.mark.parametrize(
    ("data", "entries", "rest"),
    [
        (b"", [], b""),
        (b"one\n", [(b"F", b"one")], b""),
        (b"one\ntwo", [(b"F", b"one")], b"two"),
        (b"\n\n", [(b"F", b""), (b"F", b"")], b""),
        (PART + b"\n", [(b"F", PART)], b""),
        (PART + b"b\n", [(b"P", PART), (b"F", b"b")], b""),
        (PART + PART + b"c", [(b"P", PART), (b"P", PART)], b"c"),
    ],
)
def test_bytes_become_lines_and_parts(data: bytes, entries: list[tuple[bytes, bytes]], rest: bytes) -> None:
    assert logs.cut(data) == (entries, rest)


def test_what_is_written_is_read_byte_for_byte(tmp_path: Path) -> None:
    path = str(tmp_path / "0.log")
    writer = LogWriter(path)
    said = b"first\nsecond " + PART + b" end\nno newline"
    for start in range(0, len(said), 1000):
        writer.write(b"stdout", said[start : start + 1000])
    writer.close()
    assert LogReader(path).read() == said


def test_a_line_without_end_takes_twice_the_limit_at_most(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    writer = LogWriter(str(path), limit_bytes=100_000)
    for _ in range(50):
        writer.write(b"stderr", b"x" * 20_000)
    writer.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 200_000
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0.log", "0.log.1"]


def test_a_full_log_goes_on_in_place_while_no_new_one_can_be_made(tmp_path: Path) -> None:
    """Its directory is gone, as good as a disk without room for a file: lines are lost, no descriptor is."""
    folder = tmp_path / "logs"
    folder.mkdir()
    writer = LogWriter(str(folder / "0.log"), limit_bytes=100)
    writer.write(b"stdout", b"x" * 90 + b"\n")
    folder.rename(tmp_path / "away")
    for _ in range(3):
        writer.write(b"stdout", b"lost\n")
    (tmp_path / "away").rename(folder)
    writer.write(b"stdout", b"again\n")
    writer.close()
    assert LogReader(str(folder / "0.log")).read() == b"x" * 90 + b"\nagain\n"


def test_a_reader_follows_over_a_turn_and_misses_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "0.log")
    writer = LogWriter(path, limit_bytes=300)
    reader = LogReader(path)
    said = heard = b""
    for number in range(60):
        line = b"line %d\n" % number
        writer.write(b"stdout", line)
        said += line
        heard += reader.read()
    assert heard == said
    assert reader.read() == b""


LINES = b"one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (Wanted(), LINES),
        (Wanted(tail_lines=2), b"two\nthree\n"),
        (Wanted(tail_lines=0), b""),
        (Wanted(tail_lines=9), LINES),
        (Wanted(limit_bytes=5), b"one\nt"),
        (Wanted(since=b"2999-01-01T00:00:00.000000000Z"), b""),
        (Wanted(since=b"1999-01-01T00:00:00.000000000Z", tail_lines=1), b"three\n"),
    ],
)
def test_what_is_asked_for(wanted: Wanted, shown: bytes, tmp_path: Path) -> None:
    path = str(tmp_path / "0.log")
    writer = LogWriter(path)
    writer.write(b"stdout", LINES)
    assert LogReader(path, wanted).read() == shown


def test_timestamps_stand_before_lines_and_not_inside_them(tmp_path: Path) -> None:
    path = str(tmp_path / "0.log")
    writer = LogWriter(path)
    writer.write(b"stdout", PART + b"b\n")
    (line,) = LogReader(path, Wanted(has_timestamps=True)).read().splitlines()
    moment, _, text = line.partition(b" ")
    assert text == PART + b"b" and len(moment) == len(b"2026-11-22T18:00:00.123456789Z")


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    reader = LogReader(str(tmp_path / "no.log"))
    assert (reader.read(), reader.is_done) == (b"", False)


@pytest.mark.parametrize("line", [b"", b"damaged", b"2026 stdout", b"2026 stdin F x"])
def test_a_damaged_line_is_skipped(line: bytes) -> None:
    assert logs.parse(line) is None

"""SPDY frames as values: what is written is read, and any bytes make frames or a SpdyError."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.serve import spdy

HEADERS = st.dictionaries(st.text("abcdefgh-", min_size=1, max_size=9), st.text(max_size=20), max_size=5)


def test_the_dictionary_is_the_one_both_ends_know():
    assert zlib.adler32(spdy.DICTIONARY) == 0xE3C6A7C2


@given(st.lists(HEADERS, min_size=1, max_size=4), st.integers(1, 50))
def test_streams_are_read_in_any_pieces(all_headers, size):
    writer, reader = spdy.Writer(), spdy.Reader()
    data = b"".join(writer.opened(2 * at + 1, headers) for at, headers in enumerate(all_headers))
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    frames = [frame for piece in pieces for frame in reader.feed(piece)]
    assert frames == [spdy.Opened(2 * at + 1, headers, False) for at, headers in enumerate(all_headers)]


def test_data_and_control_frames():
    said = b"x" * (spdy.DATA_BYTES + 1)
    wire = b"".join([*spdy.data_frames(1, said), spdy.last_frame(1), spdy.pong(7), spdy.reset(3)])
    frames = list(spdy.Reader().feed(wire))
    assert b"".join(frame.data for frame in frames[:3]) == said
    assert frames[2:] == [spdy.Data(1, b"", True), spdy.Ping(7), spdy.Reset(3)]


def _bomb():
    packer = zlib.compressobj(zdict=spdy.DICTIONARY)
    return packer.compress(bytes(10_000_000)) + packer.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize(
    "wire",
    [
        struct.pack("!II", 1, 0xFFFFFF),
        struct.pack("!II", 0x80020001, 0),
        spdy.control(spdy.SYN_STREAM, b"\0\0"),
        spdy.control(spdy.SYN_STREAM, bytes(10) + b"not compressed"),
        spdy.control(spdy.SYN_STREAM, bytes(10) + _bomb()),
    ],
    ids=["too large", "version 2", "too short", "junk", "bomb"],
)
def test_what_is_not_spdy(wire):
    with pytest.raises(spdy.SpdyError):
        list(spdy.Reader().feed(wire))


@given(st.binary(max_size=200), st.integers(1, 9))
def test_any_bytes(data, sort):
    for wire in (data, spdy.control(sort, data)):
        try:
            list(spdy.Reader().feed(wire))
        except spdy.SpdyError:
            continue

"""A long list is made while it is written, a slice at a time, so that nobody waits until ten thousand objects are told.

The rows are those of one moment: rows are never changed, only replaced. What a client has not read yet is not made yet.
"""

from collections.abc import Callable, Iterator, Sequence

from stead.api import forms, listing, views
from stead.api.request import Request
from stead.api.views import View
from stead.kinds.kind import Kind
from stead.machinery.objects import Json, encode
from stead.machinery.times import Now
from stead.store.log import Row

LONG = {"object": 1000, "table": 300, "metadata": 300}  # shorter lists are made at once
SLICE = 50


def suits(request: Request, view: View, rows: Sequence[Row]) -> bool:
    """Whether a list may leave in slices: long, in JSON, and to a client that can take it so."""
    return request.takes_slices and len(rows) > LONG[view.sort] and forms.is_plain(request)


class LongList:
    """A stream that ends with the list."""

    media: str = forms.JSON
    warnings: tuple[str, ...] = ()

    def __init__(self, kind: Kind, view: View, found: tuple[Sequence[Row], Json], now: Now) -> None:
        self.is_done = False
        self._kind = kind
        self._view = view
        self._rows, self._listed = found
        self._asked = now

    def next_wake(self) -> None:
        return None

    def frames(self, now: Now) -> Iterator[bytes]:
        """The whole list as pieces of its JSON."""
        whole = bytes(listing.answer(self._kind, self._view, ((), self._listed), self._asked))
        assert whole.endswith(b"[]}"), "what is listed stands last"
        yield whole[:-2]
        inner = INNER[self._view.sort]
        for start in range(0, len(self._rows), SLICE):
            piece = inner(self, self._rows[start : start + SLICE])
            yield b"," + piece if start else piece
        self._rows = ()
        self.is_done = True
        yield b"]}"

    def objects(self, rows: Sequence[Row]) -> bytes:
        head = listing.head_of(self._kind)
        return b"{" + b",{".join([listing.item(self._kind, head, row) for row in rows])

    def partial(self, rows: Sequence[Row]) -> bytes:
        return b"{" + b",{".join([encode(views.partial(self._view, row.obj))[1:] for row in rows])

    def cells(self, rows: Sequence[Row]) -> bytes:
        about = (self._listed, self._asked)
        return encode(views.table(self._view, self._kind, [row.obj for row in rows], about)["rows"])[1:-1]


INNER: dict[str, Callable[[LongList, Sequence[Row]], bytes]] = {
    "object": LongList.objects,
    "metadata": LongList.partial,
    "table": LongList.cells,
}

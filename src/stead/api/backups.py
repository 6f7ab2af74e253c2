"""`GET /stead/backup`: the whole store as one file, taken while it is in use; for administrators."""

from stead.api.core import Core
from stead.api.request import Request, Response

PATH = "/stead/backup"
MEDIA = "application/vnd.sqlite3"


def answer(core: Core, request: Request) -> Response | None:
    """The store as of the last commit; None where something else is asked."""
    if (request.method, request.path) != ("GET", PATH):
        return None
    return Response(200, core.store.disk.image(), MEDIA)

"""Long lists, fetched a page at a time as servers like it."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from stead.kube.client import Client
from stead.machinery.objects import dig

PAGE = 500


def listed(client: Client, path: str, **asked: str) -> Iterator[dict[str, Any]]:
    """Every item of the list at `path`; `asked` are selectors. Raises ClientError."""
    goes_on = ""
    while True:
        query = urlencode({**asked, "limit": str(PAGE), **({"continue": goes_on} if goes_on else {})})
        page = client.get(f"{path}?{query}")
        yield from page.get("items") or ()
        goes_on = dig(page, "metadata", "continue", default="")
        if not goes_on:
            return

"""Answers that clients may keep: a mark tells whether what they have is still what there is."""

from stead.api.request import Request, Response

FOREVER = "public, immutable, max-age=31536000"


def marked(request: Request, response: Response, mark: str) -> Response:
    """The answer with its mark, or, to a client that has it already, 304 and nothing else."""
    tag = f'"{mark}"'
    known = [text.strip() for text in request.headers.get("if-none-match", "").split(",")]
    headers = (*response.headers, ("Etag", tag))
    if tag in known:
        return Response(304, b"", response.media, headers=headers)
    return Response(response.code, response.body, response.media, headers=headers)

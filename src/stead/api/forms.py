"""The form an answer goes out in: JSON as it is kept, JSON for human eyes, YAML, or protocol buffers.

Everything is answered in JSON first, which is how objects are stored. Who does not accept that has it written anew
here, at the very end, refusals too. A client that names protocol buffers before JSON reads both; it is given JSON.
"""

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct
from msgspec.json import format as indented
from msgspec.structs import replace

from stead.api.request import Request, Response
from stead.kinds import protobuf, protobufwriting
from stead.machinery.errors import ApiError, NotAcceptable
from stead.machinery.late import Late
from stead.machinery.objects import Json, decode

Form = Literal["json", "yaml", "protobuf"]
JSON, YAML, PROTOBUF = "application/json", "application/yaml", protobuf.MEDIA
ACCEPTED = (JSON, YAML, PROTOBUF)
RANGES: dict[str, Form] = {
    JSON: "json",
    YAML: "yaml",
    PROTOBUF: "protobuf",
    "application/*": "json",
    "*/*": "json",
    "": "json",
}
MEDIA: dict[Form, str] = {"json": JSON, "yaml": YAML, "protobuf": PROTOBUF}
FOR_EYES = ("curl", "Wget", "Mozilla/5.0")

yamlwriting: Any = Late("stead.api.yamlwriting")


class Clause(Struct, frozen=True):
    """One choice of an Accept header: the form, and what else it says (`as`, `g`, `v`)."""

    form: Form
    said: dict[str, str]


def clauses(accept: str) -> Iterator[Clause]:
    """What a client takes and we have, best first."""
    parts = accept.split(",")
    ranked = sorted(parts, key=_quality, reverse=True) if "q=" in accept else parts
    for part in ranked:
        media, *parameters = [word.strip() for word in part.split(";")]
        form = RANGES.get(media.lower())
        if form is not None:
            yield Clause(form, dict(parameter.partition("=")[::2] for parameter in parameters))


def _quality(part: str) -> float:
    given = next((word.strip()[2:] for word in part.split(";")[1:] if word.strip().startswith("q=")), "1")
    try:
        return float(given)
    except ValueError:
        return 0.0


def not_acceptable(accepted: tuple[str, ...] = ACCEPTED) -> NotAcceptable:
    return NotAcceptable(f"only the following media types are accepted: {', '.join(accepted)}")


def asked(request: Request) -> Form:
    """The form that a client gets: JSON where it takes it in any way. Unlike a view's, this never refuses."""
    accept = request.headers.get("accept", "")
    if not accept or accept == JSON:
        return "json"
    taken = list(dict.fromkeys(clause.form for clause in clauses(accept)))
    if not taken or (taken[0] == "protobuf" and "json" in taken):
        return "json"
    return taken[0]


def presented(request: Request, response: Response) -> Response:
    """An answer in the form that was asked for; raises NotAcceptable where it cannot be had."""
    if not response.media.startswith(JSON):
        return response
    form = asked(request) if response.media == JSON else "json"
    if form == "yaml":
        return replace(response, content=yamlwriting.text(decode(response.body)).encode(), media=YAML)
    if form == "protobuf":
        obj = decode(response.body)
        return response if "kind" not in obj else replace(response, content=in_protobuf(obj), media=PROTOBUF)
    if _is_for_eyes(request):
        return replace(response, content=indented(response.body, indent=2))
    return response


def is_plain(request: Request) -> bool:
    """Whether the client gets JSON as it is kept."""
    return asked(request) == "json" and not _is_for_eyes(request)


def refused(request: Request, response: Response) -> Response:
    """A refusal in the form that was asked for, in JSON where it cannot be had."""
    try:
        return presented(request, response)
    except ApiError:
        return response


def in_protobuf(obj: Json) -> bytes:
    """Raises NotAcceptable for custom resources, of whose fields no numbers are known."""
    try:
        return protobufwriting.encoded(obj)
    except KeyError:
        raise untyped(str(obj.get("kind", "")).endswith("List")) from None


def untyped(is_list: bool) -> NotAcceptable:
    """What is said of custom resources in protocol buffers."""
    name = "UnstructuredList" if is_list else "Unstructured"
    return NotAcceptable(
        f"object *unstructured.{name} does not implement the protobuf marshalling interface and cannot be encoded to a "
        "protobuf message"
    )


def frame(form: Form, type_: str, obj: bytes) -> bytes:
    """One event of a watch, `obj` in JSON."""
    if form == "protobuf":
        return protobufwriting.watch_frame(type_, decode(obj))
    return b'{"type":"%b","object":%b}\n' % (type_.encode(), obj)


def stream_media(form: Form) -> str:
    """The Content-Type of a watch."""
    return JSON if form == "json" else f"{PROTOBUF};stream=watch"


def _is_for_eyes(request: Request) -> bool:
    """Who says `pretty` means it; programs through which people look at answers mean it unsaid."""
    said = [value for name, value in request.query if name == "pretty"]
    if said and said[0]:
        return said[0] in ("1", "t", "T", "true", "TRUE", "True")
    return request.headers.get("user-agent", "").startswith(FOR_EYES)

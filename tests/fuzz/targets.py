"""Every parser of ours as one function of bytes: it returns, or it found a defect and raises.

The same functions are fed by hypothesis in the tests (changed samples), by atheris at night (coverage-guided), and by
the findings that are kept.
"""

import contextlib
import io
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import msgspec
from wsproto import ConnectionType, connection, events

from stead.api import bodies, yamltext
from stead.api.request import ADMIN, Request, Response
from stead.api.server import Api
from stead.cluster import manifests
from stead.dns.answer import Settings
from stead.dns.names import NameIndex
from stead.dns.wire import Responder
from stead.kinds import gotime, jsonpath, paths, protobuf, strictness, types
from stead.kinds.registry import BUILT_IN
from stead.kinds.scalars import DecodingError
from stead.kube import kubeconfig
from stead.machinery import fieldsets, intstr, quantity, selectors
from stead.machinery.cache import Cache
from stead.machinery.errors import ApiError
from stead.machinery.keys import key_of
from stead.machinery.objects import encode
from stead.machinery.patches import PatchError, json_patch, merge_patch, strategic_merge
from stead.machinery.times import Now
from stead.runtimes import layers, logs, references, trees
from stead.runtimes.images import ImageStore, ImageTrouble
from stead.serve import authentication, channels, message, spdy
from stead.serve.incoming import Incoming
from stead.serve.limits import Limits
from stead.serve.websocket import WebSocket
from stead.store.log import Store
from tests.fuzz import further, samples

NOW = Now(1_790_000_000.0, 0.0)


@dataclass(frozen=True)
class Target:
    """`run` returns for whatever bytes; `samples` are some that mean something."""

    run: Callable[[bytes], None]
    samples: list[bytes]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _values(data: bytes) -> list[Any]:
    """The JSON values of a text, one a line; what is none is left out."""
    found = []
    for line in data.split(b"\n"):
        with contextlib.suppress(msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            found.append(msgspec.json.decode(line))
    return found


# --- bodies


def run_json(data: bytes) -> None:
    try:
        value = bodies.parse_json(data)
    except ValueError as error:
        assert str(error), "refused without a reason"
        return
    encode(value)
    with contextlib.suppress(ValueError):
        strictness.unknown_and_duplicate("core.v1.Pod", data)


def run_protobuf(data: bytes) -> None:
    with contextlib.suppress(DecodingError):
        encode(protobuf.decode(data).obj)


def run_yaml(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        for document in yamltext.documents(data):
            encode(document)


def run_manifest(data: bytes) -> None:
    with contextlib.suppress(manifests.ManifestError):
        manifests.parse(_text(data), "f.yaml")


# --- what bodies change


def run_patches(data: bytes) -> None:
    """Two lines: an object and a patch, by all three ways."""
    obj, patch = [*_values(data), {}, {}][:2]
    if not isinstance(obj, dict):
        return
    shape = types.shape_of("core.v1.Pod")
    for way in (merge_patch, json_patch, lambda old, new: strategic_merge(old, new, shape)):
        with contextlib.suppress(PatchError, ApiError):
            encode(way(obj, patch))


def run_fieldsets(data: bytes) -> None:
    one, other = [*_values(data), {}, {}][:2]
    with contextlib.suppress(ValueError, ApiError):
        one, other = fieldsets.checked(one), fieldsets.checked(other)
        union = fieldsets.union(one, other)
        for made in (fieldsets.difference(one, other), fieldsets.intersection(one, other), fieldsets.in_order(union)):
            list(fieldsets.members(made))
            encode(made)


# --- words


def run_words(data: bytes) -> None:
    """Selectors, quantities, times, paths, references: whatever stands in a query or a field."""
    text = _text(data)
    for read in (
        selectors.parse,
        selectors.parse_fields,
        jsonpath.compiled,
        references.parse,
        _quantity,
        intstr.is_percent,
    ):
        with contextlib.suppress(ValueError, ApiError):
            read(text)
    paths.target_of(text, BUILT_IN)
    with contextlib.suppress(ValueError, ApiError):
        selectors.parse(text).matches({"app": "web", "tier": "1"})


def _quantity(text: str) -> None:
    read = quantity.parse(text)
    assert quantity.compare(quantity.canonical(text), text) == 0 or len(text) > 20
    quantity.add(text, text)
    assert read.value is not None


READERS: list[Callable[[str], Any]] = [
    selectors.parse,
    selectors.parse_fields,
    jsonpath.compiled,
    references.parse,
    gotime.read_time,
    gotime.read_micro_time,
    intstr.is_percent,
    _quantity,
]


def run_credentials(data: bytes) -> None:
    text = data.decode("latin-1")
    for headers in ({"authorization": text}, {"sec-websocket-protocol": text}, {"host": text, "origin": text}):
        authentication.bearer_token(headers)
        authentication.is_foreign(headers, ("localhost",))
    assert _API.bearer(_text(data), NOW) is None


def run_kubeconfig(data: bytes) -> None:
    path = Path(_scratch(), "kubeconfig")
    path.write_bytes(data)
    with contextlib.suppress(kubeconfig.KubeconfigError):
        kubeconfig.read(path)


# --- the wire


def _is_broken(answer: Response) -> bool:
    """An error of ours; upstream's own 500s have no reason."""
    return answer.code == 500 and b'"reason"' in answer.body


class _Receiver:
    def identify(self, headers: Any) -> Any:
        return ADMIN

    def expects_body(self, *, awaits_word: bool) -> None: ...

    def takes(self, turn: Any) -> None:
        if isinstance(turn.item, Request):
            answer = _API.handle(turn.item, NOW)
            assert not isinstance(answer, Response) or not _is_broken(answer), answer
        else:
            assert not _is_broken(turn.item), turn.item

    def gives_up(self, response: Response) -> None:
        assert not _is_broken(response), response


def run_http(data: bytes) -> None:
    """Bytes of a connection, in two pieces."""
    incoming = Incoming(_Receiver(), Limits())
    for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
        incoming.feed(piece)
    incoming.forget()


def run_target(data: bytes) -> None:
    with contextlib.suppress(ApiError):
        path, query = message.split_target(data)
        answer = _API.handle(Request("GET", path, query, {}), NOW)
        assert not isinstance(answer, Response) or not _is_broken(answer), answer


def run_spdy(data: bytes) -> None:
    reader = spdy.Reader()
    with contextlib.suppress(spdy.SpdyError):
        for start in range(0, len(data), 100):
            list(reader.feed(data[start : start + 100]))


class _Client:
    """The client's half of a conversation: some bytes, then nothing more."""

    def __init__(self, data: bytes) -> None:
        self.pieces = [data[start : start + 64] for start in range(0, len(data), 64)]
        key = {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": "13"}
        self.request = SimpleNamespace(headers=key)

    def switch(self, headers: Any) -> None: ...

    async def send(self, data: bytes) -> None: ...

    async def receive(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def close(self) -> None: ...


def run_websocket(data: bytes) -> None:
    async def listen() -> None:
        client: Any = _Client(data)
        talk = channels.ChannelClient(WebSocket.accept(client, ""))
        with contextlib.suppress(ConnectionError):
            while await talk.receive() is not None:
                pass

    coroutine = listen()
    with contextlib.suppress(StopIteration):  # nothing in it ever waits: no loop is needed
        coroutine.send(None)
    coroutine.close()


def run_dns(data: bytes) -> None:
    for is_tcp in (False, True):
        _DNS.reply(data, NOW, is_tcp=is_tcp)


# --- files


def run_layer(data: bytes) -> None:
    """Nothing may appear beside the layer's own directory."""
    folder = Path(_scratch(), "layer")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "below").mkdir(parents=True)
    (folder / "blob").write_bytes(data)
    with contextlib.suppress(layers.BadLayer):
        layers.unpack(str(folder / "blob"), "sha256:" + "0" * 64, str(folder / "below" / "place"))
    assert sorted(entry.name for entry in folder.iterdir()) == ["below", "blob"]
    assert [entry.name for entry in (folder / "below").iterdir()] in ([], ["place"])
    if (folder / "below" / "place").exists():
        trees.remove_tree(str(folder / "below" / "place"))


def run_image(data: bytes) -> None:
    folder = Path(_scratch(), "image")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "archive").write_bytes(data)
    with contextlib.suppress(ImageTrouble):
        ImageStore(folder / "store").import_file(folder / "archive", "x:1")
    assert {entry.name for entry in folder.iterdir()} <= {"archive", "store"}


def run_log(data: bytes) -> None:
    path = Path(_scratch(), "0.log")
    path.write_bytes(data)
    for wanted in (logs.EVERYTHING, logs.Wanted(2, b"", True, 50)):
        reader = logs.LogReader(str(path), wanted)
        assert len(reader.read()) <= len(data) + data.count(b"\n") + 1
        reader.close()
    logs.cut(data)


def _scratch() -> str:
    return _FOLDER.name


def _websocket_frames() -> list[bytes]:
    """What a client sends: a resize, some input, a ping, its close."""
    client = connection.Connection(ConnectionType.CLIENT)
    sent = [
        client.send(events.BytesMessage(b"\x04" + b'{"Width":80,"Height":24}')),
        client.send(events.BytesMessage(b"\x00ls\n")),
        client.send(events.TextMessage("\x00x")),
        client.send(events.Ping(b"p")),
        client.send(events.CloseConnection(1000)),
    ]
    return [*sent, b"".join(sent)]


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _dns() -> Responder:
    cache = Cache([NameIndex()])
    for kind, obj in samples.NAMES:
        cache.put(key_of(kind, obj), obj)
    return Responder(cache.index(NameIndex), Settings())


def _api() -> Api:
    api = Api(Store(), BUILT_IN, Random(1))
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}, NOW)
    return api


_FOLDER = tempfile.TemporaryDirectory(prefix="stead-fuzz-")
_API = _api()
_DNS = _dns()

TARGETS: dict[str, Target] = {
    "json": Target(run_json, samples.JSON),
    "protobuf": Target(run_protobuf, samples.PROTOBUF),
    "yaml": Target(run_yaml, samples.YAML),
    "manifest": Target(run_manifest, samples.YAML),
    "patches": Target(run_patches, samples.PATCHES),
    "fieldsets": Target(run_fieldsets, samples.FIELD_SETS),
    "words": Target(run_words, samples.WORDS),
    "credentials": Target(run_credentials, samples.CREDENTIALS),
    "kubeconfig": Target(run_kubeconfig, samples.KUBECONFIG),
    "http": Target(run_http, samples.HTTP),
    "target": Target(run_target, samples.URLS),
    "spdy": Target(run_spdy, samples.SPDY),
    "websocket": Target(run_websocket, _websocket_frames()),
    "dns": Target(run_dns, samples.DNS),
    "layer": Target(run_layer, samples.LAYERS),
    "image": Target(run_image, [*samples.LAYERS, *samples.IMAGES]),
    "log": Target(run_log, samples.LOGS),
    "answers": Target(further.run_answers, [*samples.JSON, *samples.PROTOBUF]),
    **{name: Target(*of) for name, of in further.FURTHER.items()},
    **{name: Target(partial(run, Path(_scratch())), some) for name, (run, some) in further.IN_FOLDERS.items()},
}

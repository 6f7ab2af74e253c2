"""The image store: what it takes in, what it refuses, and which image a reference means."""

import contextlib
import http.server
import json
import socket
import stat
import tarfile
import threading
import urllib.error
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stead.machinery.runtime import ContainerStarted
from stead.runtimes import layers, references
from stead.runtimes.images import Aliases, Image, ImageStore, ImageTrouble, architecture
from stead.runtimes.logins import logins
from stead.runtimes.registry import why_unreached

from .conftest import Machine, Play, image_goes_and_comes
from .ocimaking import File, Layout, docker_archive, host_programs, layer, special

NO_ALIASES = Aliases({}, {})


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images", NO_ALIASES, is_pulling=False)


def image_of(store: ImageStore, reference: str) -> Image:
    found = store.resolve(reference).image
    assert isinstance(found, Image)
    return found


def seen(store: ImageStore, image: Image, layer_number: int = 0) -> dict[str, str]:
    """What one unpacked layer holds, by path."""
    root = store.layers / image.layers[layer_number]
    kinds = ((stat.S_ISLNK, "link"), (stat.S_ISDIR, "directory"), (stat.S_ISREG, "file"), (stat.S_ISCHR, "whiteout"))
    return {
        str(path.relative_to(root)): next(word for test, word in kinds if test(path.lstat().st_mode))
        for path in sorted(root.rglob("*"))
    }


def test_an_oci_layout_is_imported(store: ImageStore, tmp_path: Path) -> None:
    config = {"Entrypoint": ["/bin/app"], "Cmd": ["-v"], "Env": ["A=b=c"], "User": "web", "StopSignal": "SIGQUIT"}
    layout = Layout([layer({"bin": None, "bin/app": b"#!", "etc": "-> /usr/etc"})], config)
    assert store.import_file(layout.write(tmp_path / "oci", "me/app:1")) == ["docker.io/me/app:1"]
    image = image_of(store, "me/app:1")
    assert (image.entrypoint, image.command, image.environment) == (("/bin/app",), ("-v",), (("A", "b=c"),))
    assert (image.user, image.stop_signal, image.identity) == ("web", "SIGQUIT", layout.config["digest"])
    assert seen(store, image) == {"bin": "directory", "bin/app": "file", "etc": "link"}


def test_a_tar_of_a_layout_and_a_docker_archive_are_imported(store: ImageStore, tmp_path: Path) -> None:
    place = Layout([layer({"a": b"1"})]).write(tmp_path / "oci", "first:1")
    with tarfile.open(tmp_path / "oci.tar", "w") as tar:
        tar.add(place, ".")
    assert store.import_file(tmp_path / "oci.tar") == ["docker.io/library/first:1"]
    archive = docker_archive(tmp_path / "d.tar", [layer({"b": b"2"})], {"Cmd": ["b"]}, "second:2")
    assert store.import_file(archive) == ["docker.io/library/second:2"]
    assert image_of(store, "second:2").command == ("b",)
    assert [line.reference for line in store.list()] == ["docker.io/library/first:1", "docker.io/library/second:2"]


def test_whiteouts_become_overlayfs_ones(store: ImageStore, tmp_path: Path) -> None:
    upper = layer({"a/.wh.gone": b"", "b/.wh..wh..opq": b"", "b/new": b""})
    store.import_file(Layout([layer({"a/gone": b"1"}), upper]).write(tmp_path / "oci", "w"))
    image = image_of(store, "w")
    assert seen(store, image) == {"a": "directory", "a/gone": "whiteout", "b": "directory", "b/new": "file"}
    assert len(image.layers) == 2


def test_removing_an_image_frees_what_only_it_needs(store: ImageStore, tmp_path: Path) -> None:
    shared, own = layer({"shared": b"1"}), layer({"own": b"2"})
    store.import_file(Layout([shared]).write(tmp_path / "one", "one"))
    store.import_file(Layout([shared, own]).write(tmp_path / "two", "two"))
    assert store.remove("two") and not store.remove("two")
    assert len(list(store.layers.iterdir())) == 1
    assert seen(store, image_of(store, "one")) == {"shared": "file"}


HOSTILE: list[tuple[str, dict[str, File], str]] = [
    ("a name that climbs", {"../out": b"x"}, "climbs out"),
    ("a name that climbs later", {"a/../../out": b"x"}, "climbs out"),
    ("a hard link that climbs", {"x": special("x", tarfile.LNKTYPE, "../../etc/passwd")}, "climbs out"),
    ("a hard link to nothing", {"x": special("x", tarfile.LNKTYPE, "etc/passwd")}, "No such file"),
]


@pytest.mark.parametrize(("files", "words"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_layers_are_refused_and_nothing_stays(
    files: dict[str, File], words: str, store: ImageStore, tmp_path: Path
) -> None:
    with pytest.raises(ImageTrouble, match=words):
        store.import_file(Layout([layer(files)]).write(tmp_path / "oci", "bad"))
    assert list(store.layers.glob("*")) == [] and store.list() == []
    assert not (tmp_path / "images" / "out").exists()


def test_links_of_a_layer_lead_nowhere_else(store: ImageStore, tmp_path: Path) -> None:
    files: dict[str, File] = {"etc": f"-> {tmp_path}", "etc/owned": b"x", "up": "-> ../../..", "up/owned": b"y"}
    store.import_file(Layout([layer(files)]).write(tmp_path / "oci", "sly"))
    assert not (tmp_path / "owned").exists() and not (store.layers / "owned").exists()
    inner = store.layers / image_of(store, "sly").layers[0]
    assert (inner / str(tmp_path).lstrip("/") / "owned").read_bytes() == b"x"
    assert (inner / "owned").read_bytes() == b"y"


def test_devices_of_a_layer_are_left_out(store: ImageStore, tmp_path: Path) -> None:
    files: dict[str, File] = {"dev/sda": special("dev/sda", tarfile.BLKTYPE), "a": b"1"}
    store.import_file(Layout([layer(files)]).write(tmp_path / "oci", "d"))
    assert seen(store, image_of(store, "d")) == {"a": "file", "dev": "directory"}


def test_a_layer_that_unpacks_to_too_much_is_refused(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "_SMALL_BYTES", 1 << 20)
    with pytest.raises(ImageTrouble, match="unpacks to more"):
        store.import_file(Layout([layer({"zeros": bytes(4 << 20)})]).write(tmp_path / "oci", "bomb"))
    assert list(store.layers.glob("*")) == []


def test_content_that_is_not_what_it_says_is_refused(store: ImageStore, tmp_path: Path) -> None:
    honest = Layout([layer({"a": b"1"})])
    blob = next(
        digest
        for digest in honest.blobs
        if digest == json.loads(honest.blobs[honest.manifest["digest"]])["layers"][0]["digest"]
    )
    place = honest.write(tmp_path / "oci", "x")
    (place / "blobs" / "sha256" / blob.partition(":")[2]).write_bytes(b"something else")
    with pytest.raises(ImageTrouble, match="hashes to"):
        store.import_file(place)
    (place / "blobs" / "sha256" / blob.partition(":")[2]).unlink()
    with pytest.raises(ImageTrouble, match="is missing"):
        store.import_file(place)
    lying = Layout([layer({"a": b"1"})], diff_ids=["sha256:" + "0" * 64])
    with pytest.raises(ImageTrouble, match="not what its image says"):
        store.import_file(lying.write(tmp_path / "lying", "x"))


@pytest.mark.parametrize("content", [b"", b"no tar at all", layer({"a": b"1"})])
def test_files_that_are_no_images(content: bytes, store: ImageStore, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(ImageTrouble, match="cannot import"):
        store.import_file(tmp_path / "x.tar")


# which image a reference means

TABLE = Aliases(
    always={"k8s.gcr.io/nginx-slim": "host:nginx", "docker.io/library/old:1": "mine:2"},
    unreachable={"docker.io/library/busybox": "host:shell"},
)


@pytest.mark.parametrize(
    ("asked", "policy", "image", "alias"),
    [
        ("k8s.gcr.io/nginx-slim:0.8", "IfNotPresent", "host:nginx", "host:nginx"),
        ("k8s.gcr.io/nginx-slim:0.8", "Never", "host:nginx", "host:nginx"),
        ("busybox:1.36", "Always", "host:shell", "host:shell"),
        ("old:1", "IfNotPresent", "mine", "mine:2"),
        ("mine:2", "Never", "mine", ""),
        ("host:shell", "Always", "host:shell", ""),
    ],
)
def test_the_chain(asked: str, policy: str, image: str, alias: str, tmp_path: Path) -> None:
    """Store, alias, registry, stand-in; and what stood in is told."""
    store = ImageStore(tmp_path / "images", TABLE, is_pulling=False)
    layout = Layout([layer({"a": b"1"})])
    store.import_file(layout.write(tmp_path / "oci", "mine:2"))
    found = store.pull(asked, policy)
    name = "mine" if isinstance(found.image, Image) else found.image
    assert (name, found.alias) == (image, alias)
    assert store.resolve(asked) == found


@pytest.mark.parametrize(
    ("asked", "policy", "reason"),
    [
        ("nobody/knows:1", "Never", "ErrImageNeverPull"),
        ("nobody/knows:1", "IfNotPresent", "ErrImagePull"),
        ("NOT A NAME", "IfNotPresent", "InvalidImageName"),
    ],
)
def test_images_that_cannot_be_had(asked: str, policy: str, reason: str, store: ImageStore) -> None:
    with pytest.raises(ImageTrouble) as trouble:
        store.pull(asked, policy)
    assert trouble.value.reason == reason


# a registry on loopback


class Registry(http.server.BaseHTTPRequestHandler):
    layout: Layout
    token = "open-sesame"
    login = ""  # who may come, in base64; "" is anybody
    has_tokens = True

    def do_GET(self) -> None:
        shown = self.headers.get("Authorization")
        if self.login and (self.path.startswith("/token") or not self.has_tokens) and shown != f"Basic {self.login}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
            self.end_headers()
        elif not self.has_tokens:
            self._answer(self._content())
        elif self.path.startswith("/token"):
            self._answer(json.dumps({"token": self.token}).encode())
        elif self.headers.get("Authorization") != f"Bearer {self.token}":
            self.send_response(401)
            realm = f"http://127.0.0.1:{self.server.server_address[1]}/token"
            self.send_header("WWW-Authenticate", f'Bearer realm="{realm}",service="test",scope="repository:app:pull"')
            self.end_headers()
        else:
            self._answer(self._content())

    def _content(self) -> bytes | None:
        kind, _, name = self.path.removeprefix("/v2/app/").partition("/")
        if kind == "manifests" and name == "1":
            entry = {**self.layout.manifest, "platform": {"os": "linux", "architecture": architecture()}}
            return json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
        return self.layout.blobs.get(name)

    def _answer(self, body: bytes | None) -> None:
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *values: object) -> None:
        return


@pytest.fixture
def registry() -> Iterator[str]:
    Registry.layout = Layout([layer({"a": b"1"})], {"Cmd": ["run"]})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    Registry.login, Registry.has_tokens = "", True


@pytest.mark.shell
def test_always_asks_what_the_tag_means_now(registry: str, tmp_path: Path) -> None:
    """The image that had the name stays for those who run on it; without the registry there is no going on."""
    store, name = ImageStore(tmp_path / "images", NO_ALIASES), f"{registry}/app:1"
    first = store.pull(name, "Always").image
    assert store.pull(name, "Always").image == first
    Registry.layout = Layout([layer({"a": b"2"})], {"Cmd": ["newer"]})
    assert store.pull(name, "IfNotPresent").image == first
    second = store.pull(name, "Always")
    assert isinstance(second.image, Image) and (second.image.command, second.is_pulled) == (("newer",), True)
    assert store.resolve(name).image == second.image
    assert isinstance(first, Image) and store.resolve(f"{registry}/app@{first.manifest}").image == first
    offline = ImageStore(tmp_path / "images", NO_ALIASES, is_pulling=False)
    with pytest.raises(ImageTrouble, match="failed to pull"):
        offline.pull(name, "Always")
    assert offline.pull(name, "IfNotPresent").image == second.image


@pytest.mark.shell
def test_always_does_not_ask_for_what_was_imported(registry: str, tmp_path: Path) -> None:
    """By hand, over what was pulled too; an offline machine goes on with it."""
    store, name = ImageStore(tmp_path / "images", NO_ALIASES), f"{registry}/app:1"
    store.pull(name, "Always")
    mine = Layout([layer({"a": b"3"})], {"Cmd": ["mine"]}).write(tmp_path / "oci", name)
    store.import_file(mine)
    found = store.pull(name, "Always")
    assert isinstance(found.image, Image) and (found.image.command, found.is_pulled) == (("mine",), False)


@pytest.mark.shell
def test_an_image_is_pulled_once(registry: str, tmp_path: Path) -> None:
    """Token, index, manifest, layers, all checked; the second time it is here."""
    store = ImageStore(tmp_path / "images", NO_ALIASES)
    first, second = (store.pull(f"{registry}/app:1", "IfNotPresent") for _ in range(2))
    assert (first.is_pulled, second.is_pulled) == (True, False)
    assert isinstance(first.image, Image) and first.image.command == ("run",)
    by_digest = store.resolve(f"{registry}/app@{Registry.layout.manifest['digest']}")
    assert by_digest.image == first.image
    with pytest.raises(ImageTrouble, match="not found"):
        store.pull(f"{registry}/app:2", "IfNotPresent")


@pytest.mark.shell
def test_whoever_waits_is_told_that_a_registry_is_asked(registry: str, tmp_path: Path) -> None:
    """Not for what is here; before it is known what comes of it."""
    store, told = ImageStore(tmp_path / "images", NO_ALIASES), list[str]()
    for name, policy in (("app:1", "IfNotPresent"), ("app:1", "IfNotPresent"), ("app:1", "Always"), ("app:2", "Never")):
        with contextlib.suppress(ImageTrouble):
            store.pull(f"{registry}/{name}", policy, begins=lambda: told.append(f"{name} {policy}"))  # noqa: B023
    with pytest.raises(ImageTrouble):
        store.pull(f"{registry}/app:2", "IfNotPresent", begins=lambda: told.append("app:2, which is not there"))
    assert told == ["app:1 IfNotPresent", "app:1 Always", "app:2, which is not there"]


def _config(**auths: Any) -> bytes:
    return json.dumps({"auths": {key.replace("_", "."): login for key, login in auths.items()}}).encode()


@pytest.mark.shell
@pytest.mark.parametrize("has_tokens", [True, False])
def test_a_registry_is_shown_the_login_of_the_pod(has_tokens: bool, registry: str, tmp_path: Path) -> None:
    """imagePullSecrets: a wrong one is passed over for one that fits; without any the pull is refused."""
    Registry.login, Registry.has_tokens = b64encode(b"me:secret").decode(), has_tokens
    store = ImageStore(tmp_path / "images", NO_ALIASES)
    wrong = json.dumps({"auths": {f"http://{registry}/app": {"username": "me", "password": "no"}}}).encode()
    right = json.dumps({"auths": {registry: {"auth": Registry.login}}}).encode()
    for texts in ((), (wrong,), (_config(elsewhere_org={"auth": Registry.login}), b"not json")):
        with pytest.raises(ImageTrouble, match=r"denied|401"):
            store.pull(f"{registry}/app:1", "IfNotPresent", texts)
    assert store.pull(f"{registry}/app:1", "IfNotPresent", (wrong, right)).is_pulled


ME, YOU = b64encode(b"me:1").decode(), b64encode(b"you:2").decode()


@pytest.mark.parametrize(
    "image, auths, expected",
    [
        ("r.example.org/a", {"r.example.org": ME}, [ME]),
        ("r.example.org/a", {"https://r.example.org/v2/": ME}, [ME]),
        ("r.example.org/a/b", {"r.example.org": ME, "r.example.org/a": YOU}, [YOU, ME]),
        ("r.example.org/ab", {"r.example.org/a": ME}, []),
        ("r.example.org/a", {"*.example.org": ME, "example.org": YOU, "*.org": YOU}, [ME]),
        ("r.example.org:5000/a", {"r.example.org": YOU, "r.example.org:5000": ME}, [ME]),
        ("nginx", {"https://index.docker.io/v1/": ME}, [ME]),
        ("nginx", {"r.example.org": ME}, []),
        ("r.example.org/a", {"r.example.org": "no base64"}, []),
    ],
)
def test_which_login_fits_an_image(image: str, auths: dict[str, str], expected: list[str]) -> None:
    text = json.dumps({"auths": {key: {"auth": auth} for key, auth in auths.items()}}).encode()
    assert logins(references.parse(image), [text, text]) == expected


@pytest.mark.shell
def test_a_registry_that_is_not_there(tmp_path: Path) -> None:
    table = Aliases({}, {"127.0.0.1:1/app": "host:shell"})
    store = ImageStore(tmp_path / "images", table)
    assert store.pull("127.0.0.1:1/app:1", "IfNotPresent").alias == "host:shell"
    with pytest.raises(ImageTrouble, match=r"dial tcp 127\.0\.0\.1:1: connect: connection refused"):
        store.pull("127.0.0.1:1/other:1", "IfNotPresent")


@pytest.mark.parametrize(
    "error, told",
    [
        (urllib.error.URLError(socket.gaierror(-2, "Name or service not known")), "dial tcp: lookup a.b: no such host"),
        (urllib.error.URLError(TimeoutError("timed out")), "dial tcp a.b: i/o timeout"),
        (urllib.error.URLError(OSError(113, "No route to host")), "dial tcp a.b: connect: no route to host"),
        (urllib.error.URLError("unknown url type: x"), "a.b: unknown url type: x"),
    ],
)
def test_why_a_registry_is_not_reached(error: OSError, told: str) -> None:
    assert why_unreached("a.b", error) == told


# real containers from images


@pytest.mark.shell
@pytest.mark.parametrize("tier", ("root", "user", "lent"))
def test_a_container_runs_over_its_image(tier: str, play: Play) -> None:
    old: dict[str, File] = {"gone": b"", "kept/old": b"", "tmp": special("tmp", tarfile.DIRTYPE)}
    base = layer({**host_programs("sh", "cat", "ls", "sleep"), **old})
    top = layer({".wh.gone": b"", "kept/.wh..wh..opq": b"", "kept/new": b"", "etc/passwd": b"web:x:7:8::/:/bin/sh\n"})
    config = {"Entrypoint": ["sh", "-c"], "Cmd": ["ls / kept; exec sleep 1000"], "Env": ["PATH=/bin"], "User": "web"}

    async def scenario(machine: Machine) -> None:
        place = Layout([base, top], config).write(machine.place / "oci", "small:1")
        machine.runtime.images.import_file(place)
        await machine.sandbox("a")
        started = await machine.start("a", image="small:1")
        assert isinstance(started, ContainerStarted) and started.image_id.startswith("sha256:")
        listed = (await machine.run("a", "ls", "/", "/kept"))[1].split()
        assert "gone" not in listed and "old" not in listed and {"new", "bin", "proc"} <= set(listed)
        assert (await machine.run("a", "cat", "/etc/hostname"))[1] == "a\n"
        assert "Uid:\t7\t" in (await machine.run("a", "cat", "/proc/self/status"))[1]
        await machine.start("a", image="small:1", container="second")
        assert (await machine.run("a", "sh", "-c", "echo x > /tmp/mine"))[0] == 0
        assert (await machine.run("a", "ls", "/tmp", container="second"))[1] == ""

    play(tier, scenario)


@pytest.mark.shell
@pytest.mark.parametrize("tier", ("root", "user", "lent"))
def test_an_image_may_go_while_its_container_runs_and_come_back(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        layout = Layout([layer(host_programs("sh", "sleep"))]).write(machine.place / "oci", "example.org/shell:1")
        machine.runtime.images.import_file(layout)
        await image_goes_and_comes(machine, "example.org/shell:1", layout)

    play(tier, scenario)

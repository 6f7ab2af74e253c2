"""A stead for tests of other programs: started in a fraction of a second, and gone with the tests.

It is the command `stead up` as a process of its own, on a free port and a directory that is thrown away; it ends with
the process that started it, however that ends.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from msgspec.structs import replace

from stead.cluster import manifests
from stead.cluster.settled import is_settled
from stead.kinds.kind import Kind
from stead.kinds.paths import path_of
from stead.kinds.registry import BUILT_IN
from stead.kube import kubeconfig
from stead.kube.client import Client, ClientError
from stead.machinery.objects import Json

T = TypeVar("T")

START_SECONDS, STOP_SECONDS, WAIT_SECONDS = 60.0, 10.0, 30.0
LOOK_SECONDS = 0.01
MANAGER = "stead-testing"
# asks the kernel for SIGTERM when its parent ends, then becomes stead
MORTAL = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


class NotStarted(Exception):
    """stead did not come up; the message is what it said."""


class NotInTime(AssertionError):
    """What was waited for did not come about; the message says what, and what it waits for."""


class ApiServer:
    """One running stead. `url`, `kubeconfig` (a file), `client` and `data` are the whole cluster's."""

    def __init__(self, process: "subprocess.Popen[str]", folder: str) -> None:
        self._process = process
        self.pid = process.pid
        self._folder = folder
        self._spaces = 0
        self.data = Path(folder, "data")
        self.kubeconfig = self.data / "kubeconfig"
        self.access = kubeconfig.read(self.kubeconfig)
        self.url = self.access.server
        self.client = Client(self.access)

    @classmethod
    def start(cls, options: Sequence[str] = ("--runtime", "simulated")) -> "ApiServer":
        """`options` are those of `stead up`. Raises NotStarted."""
        folder = tempfile.mkdtemp(prefix="stead-")
        words = [sys.executable, "-c", MORTAL, "-m", "stead", "up", "--port", "0", "--data", f"{folder}/data", *options]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with Path(folder, "errors").open("wb") as errors:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environment, text=True
            )
        assert process.stdout is not None
        if "stead is up" not in process.stdout.readline():
            process.wait(START_SECONDS)
            said = Path(folder, "errors").read_text()
            shutil.rmtree(folder, ignore_errors=True)
            raise NotStarted(f"stead up {' '.join(options)}: {said.strip()}")
        return cls(process, folder)

    def stop(self) -> None:
        """Pods get no long goodbye; nothing is left."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def space(self, name: str = "") -> "Space":
        """A namespace that is not there yet; made now."""
        self._spaces += 1
        return Space(self, name or f"test-{self._spaces}")

    def __enter__(self) -> "ApiServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Space:
    """One namespace of it. Kinds are words as kubectl knows them: `sts`, `pods`, `configmap`."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self.server = server
        self.namespace = namespace
        self.url = server.url
        self.client = server.client
        self.client.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        self.kubeconfig = server.data / f"kubeconfig-{namespace}"
        kubeconfig.write(self.kubeconfig, replace(server.access, namespace=namespace))

    def close(self) -> None:
        """The namespace goes, with all that is in it; nobody waits for that."""
        try:
            self.client.ask("DELETE", f"/api/v1/namespaces/{self.namespace}")
        except ClientError as error:
            if error.code not in (404, 409):
                raise

    def apply(self, *what: Json | str | Path) -> list[Any]:
        """Server-side apply of objects, YAML texts and files; answers what is there then. Raises ClientError."""
        found = [obj for one in what for obj in _objects(one)]
        return [self._applied(obj) for obj in found]

    def get(self, kind: str, name: str) -> Any:
        """One object, None where there is none."""
        try:
            return self.client.get(self._path(kind, name))
        except ClientError as error:
            if error.code == 404:
                return None
            raise

    def all(self, kind: str, selector: str = "") -> list[Any]:
        """Every object of a kind in this namespace, or those with certain labels."""
        query = f"?{urlencode({'labelSelector': selector})}" if selector else ""
        found: list[Any] = self.client.get(self._path(kind) + query)["items"]
        return found

    def names(self, kind: str, selector: str = "") -> list[str]:
        return [str(obj["metadata"]["name"]) for obj in self.all(kind, selector)]

    def patch(self, kind: str, name: str, body: Json) -> Any:
        """A merge patch."""
        return self.client.ask("PATCH", self._path(kind, name), body, "application/merge-patch+json")

    def delete(self, kind: str, name: str) -> None:
        self.client.ask("DELETE", self._path(kind, name))

    def until(self, what: Callable[[], T], *, seconds: float = WAIT_SECONDS, wish: str = "") -> T:
        """Ask until the answer is true; answers it. Raises NotInTime with what the namespace waits for."""
        deadline = time.monotonic() + seconds
        while not (found := what()):
            if time.monotonic() > deadline:
                raise NotInTime(f"not after {seconds:g} s: {wish or 'what was wanted'}{self._waits()}")
            time.sleep(LOOK_SECONDS)
        return found

    def settled(self, name: str, *, seconds: float = WAIT_SECONDS) -> Any:
        """The StatefulSet of that name, once it is as its spec wants it."""

        def found() -> Any:
            obj = self.get("statefulset", name)
            return obj if obj is not None and is_settled(obj) else None

        return self.until(found, seconds=seconds, wish=f"StatefulSet {name} settled")

    def explain(self, kind: str, name: str) -> Any:
        """Why it is not where it should be: an Explanation, None where there is nothing to explain."""
        try:
            return self.client.get(f"/apis/stead.dev/v1/namespaces/{self.namespace}/explanations/{kind}.{quote(name)}")
        except ClientError as error:
            if error.code == 404:
                return None
            raise

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """What kubectl prints, in this namespace. Raises CalledProcessError, FileNotFoundError without kubectl."""
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(
            ["kubectl", *words], env=environment, input=stdin, capture_output=True, text=True, check=True
        )
        return done.stdout

    def _applied(self, obj: Json) -> Any:
        kind = self._kind(obj["kind"], obj["apiVersion"])
        name = obj["metadata"]["name"]
        path = path_of(kind, obj["metadata"].get("namespace") or self.namespace, name)
        return self.client.ask(
            "PATCH", f"{path}?fieldManager={MANAGER}&force=true", obj, "application/apply-patch+yaml"
        )

    def _path(self, word: str, name: str = "") -> str:
        return path_of(self._kind(word), self.namespace, name)

    def _kind(self, word: str, api_version: str = "") -> Kind:
        """Of stead's own kinds or, asked of the server, of a custom one."""
        known = BUILT_IN.by_type(api_version, word) if api_version else BUILT_IN.by_word(word)
        return known or self._custom(word.lower(), api_version)

    def _custom(self, word: str, api_version: str) -> Kind:
        for definition in self.client.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]:
            spec = definition["spec"]
            names, group = spec["names"], spec["group"]
            version = next(one["name"] for one in spec["versions"] if one.get("served"))
            words = {names["plural"], names.get("singular", ""), names["kind"].lower(), *names.get("shortNames", ())}
            if word in words and (not api_version or api_version.split("/")[0] == group):
                version = api_version.split("/")[1] if api_version else version
                is_namespaced = spec["scope"] == "Namespaced"
                return Kind(
                    f"{names['kind']}.{group}", names["kind"], names["plural"], version, group, "", is_namespaced
                )
        raise LookupError(f"this stead serves no kind {word!r}{f' of {api_version}' if api_version else ''}")

    def _waits(self) -> str:
        found = self.client.get(f"/apis/stead.dev/v1/namespaces/{self.namespace}/explanations")["items"]
        told = [f"{one['object'].get('name')}: {wait['text']}" for one in found for wait in one.get("waits", [])]
        return "; waiting:\n  " + "\n  ".join(told) if told else ""


def _objects(what: Json | str | Path) -> list[Json]:
    """A mapping is an object, a Path a file or a folder, a text YAML."""
    if isinstance(what, Path):
        return [manifest.obj for manifest in manifests.read([str(what)])]
    if isinstance(what, str):
        return [manifest.obj for manifest in manifests.parse(what, "a text")]
    return [what]

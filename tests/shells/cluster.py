"""A stead of its own for a test: the real command, real processes, a real kubectl, data that go with it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stead.runtimes.trees import remove_tree

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "web.yaml"
IMAGES = ROOT / ".tools" / "images"  # made by tools/images
KUBECTL = ROOT / ".tools" / "bin" / "kubectl"
DEADLINE_SECONDS = 60.0


def until(
    what: Callable[[], Any],
    *,
    seconds: float = DEADLINE_SECONDS,
    wish: str = "",
    heard: Callable[[], str] | None = None,
) -> Any:
    """Ask again until the answer is true; answers it. Raises AssertionError with the last one and what was `heard`."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > deadline:
            said = heard()[-2000:] if heard else ""
            raise AssertionError(f"not after {seconds:g} s: {wish or what}: {found!r} {said}")
        time.sleep(0.02)
    return found


@contextmanager
def a_folder() -> Iterator[Path]:
    """A short path, for unix sockets have room for 108 bytes; at the end all of it goes, whoever owns it."""
    made = tempfile.mkdtemp(prefix="stead-")
    try:
        yield Path(made)
    finally:
        with suppress(OSError):
            remove_tree(made)


class Cluster:
    """`up()` starts it, `crash()` kills it with -9, `down()` stops it. Every command runs with its data directory."""

    def __init__(self, data: Path, *, runtime: str = "native", prefix: tuple[str, ...] = ()) -> None:
        self.data = data
        self.runtime = runtime
        self.prefix = prefix  # a program that runs stead up
        self.process: subprocess.Popen[bytes] | None = None

    # --- life

    def up(self, *files: Path, options: tuple[str, ...] = ()) -> "Cluster":
        """Start in the foreground of this test and wait until the API answers."""
        words = [word for file in files for word in ("-f", str(file))]
        log = (self.data.parent / "stead.out").open("ab")
        command = [*self.prefix, sys.executable, "-m", "stead", "up", "--data", str(self.data), "--port", "0"]
        command += ["--runtime", self.runtime, *options, *words]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        until(self._is_up, wish="stead up", heard=self.output)
        return self

    def _is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output()
        return (self.data / "running.json").exists() and self.kubectl("get", "--raw", "/readyz", check=False) == "ok"

    def output(self) -> str:
        """All that it has printed."""
        return (self.data.parent / "stead.out").read_text()

    def crash(self) -> None:
        """kill -9: no goodbye; pods run on."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def down(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=60)
        elif any(self.data.glob("node*/keeper.sock")) or (self.data / "cri" / "engine" / "containerd.pid").exists():
            # after a crash: come back once, to stop the pods as one should
            self.up().down()

    # --- asking

    def stead(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "stead", *words, "--data", str(self.data)],
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout if check else done.stdout + done.stderr

    def kubectl(self, *words: str, check: bool = True, stdin: str | None = None) -> str:
        environment = {**os.environ, "KUBECONFIG": str(self.data / "kubeconfig"), "HOME": str(self.data.parent)}
        done = subprocess.run(
            [str(KUBECTL), *words], capture_output=True, text=True, env=environment, input=stdin, timeout=90
        )
        assert not check or done.returncode == 0, f"kubectl {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout if check else done.stdout + done.stderr

    def get(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def pods(self) -> dict[str, Any]:
        return {pod["metadata"]["name"]: pod for pod in self.get("pods")["items"]}

    def ready(self) -> list[str]:
        """Names of the Ready pods that are not going."""
        return [name for name, pod in self.pods().items() if is_ready(pod)]

    def wait_ready(self, *names: str) -> None:
        until(lambda: self.ready() == list(names), wish=f"{names} Ready", heard=self.output)

    def page(self, pod: str, path: str = "/") -> str:
        """What the pod's web server answers to another pod's question, by DNS name."""
        name = f"{pod}.nginx.default.svc.cluster.local"
        script = f"import urllib.request as u; print(u.urlopen('http://{name}{path}', timeout=5).read().decode())"
        asking = ["python3", "-c", script] if self.runtime != "cri" else ["wget", "-q", "-O-", f"http://{name}{path}"]
        return self.kubectl("exec", self.ready()[0], "--", *asking).strip()

    def write_page(self, pod: str, text: str) -> None:
        """Put a file into the pod's volume, from inside the pod."""
        self.kubectl("exec", pod, "--", "sh", "-c", f"echo {text} > /usr/share/nginx/html/index.html")


def is_ready(pod: Any) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    is_going = "deletionTimestamp" in pod["metadata"]
    return not is_going and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def can_run_engines() -> bool:
    """Whether this user, on this machine, can have a containerd of its own."""
    return os.geteuid() == 0 and shutil.which("containerd") is not None and shutil.which("runc") is not None


def import_example_image(cluster: Cluster) -> None:
    """An engine runs real images only: nginx of Debian's package, by the name that the first example asks for."""
    place = cluster.data.parent / "nginx"
    place.mkdir()
    shutil.copytree(IMAGES / "nginx" / "blobs", place / "blobs")
    (place / "oci-layout").write_bytes((IMAGES / "nginx" / "oci-layout").read_bytes())
    index = json.loads((IMAGES / "nginx" / "index.json").read_text())
    index["manifests"] = index["manifests"][:1]
    index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "k8s.gcr.io/nginx-slim:0.8"}
    (place / "index.json").write_text(json.dumps(index))
    cluster.stead("image", "import", str(place))


@contextmanager
def a_cluster(folder: Path, *, runtime: str = "native", prefix: tuple[str, ...] = ()) -> Iterator[Cluster]:
    """A cluster that is stopped and gone when the block ends, whatever happened in it."""
    cluster = Cluster(folder / "data", runtime=runtime, prefix=prefix)
    try:
        yield cluster
    finally:
        cluster.down()
        shutil.rmtree(cluster.data, ignore_errors=True)

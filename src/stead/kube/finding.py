"""Which cluster is meant: the kubeconfig that was named, the one kubectl would take, or the cluster we live in."""

from collections.abc import Mapping
from pathlib import Path

from stead.kube import kubeconfig
from stead.kube.kubeconfig import Access, KubeconfigError

MOUNTED = Path("/var/run/secrets/kubernetes.io/serviceaccount")  # what every pod is given


def access(named: str, context: str, environment: Mapping[str, str], *, mounted: Path = MOUNTED) -> Access:
    """`named` and `context` may be empty. As client-go has it: what was named, $KUBECONFIG, ~/.kube/config, and in a
    pod its own service account. Raises KubeconfigError.
    """
    if named:
        return kubeconfig.read(Path(named).expanduser(), context)
    listed = [Path(word) for word in environment.get("KUBECONFIG", "").split(":") if word]
    there = [path for path in listed if path.exists()]
    if listed and not there:
        raise KubeconfigError(f"$KUBECONFIG: there is no file {', '.join(map(str, listed))}")
    own = Path(environment.get("HOME", "~")).expanduser() / ".kube" / "config"
    if not there and own.exists():
        there = [own]
    if there:
        return kubeconfig.read_all(there, context)
    return inside(environment, mounted)


def inside(environment: Mapping[str, str], mounted: Path = MOUNTED) -> Access:
    """The cluster whose pod we are. The token is changed under us, so its file is what is kept."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "443")
    token = mounted / "token"
    if not host or not token.exists():
        raise KubeconfigError("no cluster is named: give --kubeconfig FILE, or set $KUBECONFIG")
    try:
        authority = (mounted / "ca.crt").read_bytes()
        namespace = (mounted / "namespace").read_text().strip()
    except OSError as error:
        raise KubeconfigError(f"{error.filename}: {error.strerror}") from error
    place = f"[{host}]" if ":" in host else host
    return Access(f"https://{place}:{port}", authority, namespace=namespace, context="", token_file=str(token))

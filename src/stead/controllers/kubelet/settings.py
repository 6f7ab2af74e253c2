"""What the shell tells every kubelet of a cluster."""

from collections.abc import Callable

from msgspec import Struct

from stead.machinery.objects import Json

Variables = tuple[tuple[str, str], ...]
# (pod, audience, seconds it lasts) -> the token's bytes
TokenMaker = Callable[[Json, str, int], bytes]


class Settings(Struct, frozen=True):
    """`environment` is what every container finds beside its own and over what services say (KUBERNETES_SERVICE_HOST);
    `host_environment` is that of pods on the host's network.

    Without `make_token`, service-account volumes hold everything but the token.
    """

    cluster_domain: str = "cluster.local"
    nameservers: tuple[str, ...] = ()  # () is the runtime's own
    environment: Variables = ()
    host_environment: Variables = ()
    make_token: TokenMaker | None = None

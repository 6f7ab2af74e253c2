"""How much, how many and how long: what one client may take from the others."""

from msgspec import Struct


class Limits(Struct, frozen=True):
    """`body_bytes` is upstream's limit for a request body; the others keep memory and patience bounded."""

    body_bytes: int = 3 * 1024 * 1024
    head_bytes: int = 64 * 1024
    connections: int = 4000
    strangers: int = 1000  # connections in the TLS handshake; one more, and the oldest of them goes
    handshake_seconds: float = 10.0
    batch: int = 8  # requests handled in one commit
    batch_beside_readers: int = 2  # the same where somebody has read lately, and may want to again
    head_seconds: float = 20.0
    body_seconds: float = 60.0
    idle_seconds: float = 180.0
    stalled_seconds: float = 60.0  # a client that does not read its answer
    unread_watch_seconds: float = 300.0  # costs no memory meanwhile: an unread watch is not pulled
    linger_seconds: float = 2.0  # reading on after a refusal, so that the answer arrives

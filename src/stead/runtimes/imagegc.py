"""Which images go when the disk fills up, by the kubelet's rule. Pure: sizes, times and the disk come in."""

from collections.abc import Iterable

from msgspec import Struct


class Limits(Struct, frozen=True):
    """At more than `high_percent` of the disk images go, down to `low_percent`; younger ones than the minimum stay.

    Raises ValueError for what cannot be.
    """

    high_percent: int = 85
    low_percent: int = 80
    minimum_age_seconds: float = 120.0

    def __post_init__(self) -> None:
        for flag, percent in (("high", self.high_percent), ("low", self.low_percent)):
            if not 0 <= percent <= 100:
                raise ValueError(f"--image-gc-{flag}-threshold {percent}: a percentage is 0 to 100")
        if self.low_percent >= self.high_percent:
            told = f"has to be below --image-gc-high-threshold {self.high_percent}"
            raise ValueError(f"--image-gc-low-threshold {self.low_percent}: {told}")


class Held(Struct, frozen=True):
    """An image in the store. `since` is when it came, `used` when a pod last had or wanted it.

    `is_kept`: a pod runs on it, or somebody imported it by hand.
    """

    digest: str
    references: tuple[str, ...]
    size_bytes: int
    since: float = 0.0
    used: float = 0.0
    is_kept: bool = False


def bytes_to_free(capacity: int, available: int, limits: Limits) -> int:
    """0 up to the high threshold, and where the threshold is 100; beyond it, down to the low one."""
    if capacity <= 0 or limits.high_percent == 100:
        return 0
    used_percent = 100 - available * 100 // capacity
    if used_percent < limits.high_percent:
        return 0
    return max(0, capacity * (100 - limits.low_percent) // 100 - available)


def chosen(images: Iterable[Held], wanted_bytes: float, now: float, minimum_age_seconds: float) -> list[Held]:
    """Those that go, in order: longest unused first, of these the oldest, until `wanted_bytes` are free."""
    going: list[Held] = []
    freed = 0
    for image in sorted(images, key=lambda image: (image.used, image.since, image.digest)):
        if freed >= wanted_bytes:
            break
        if not image.is_kept and now - max(image.since, image.used) >= minimum_age_seconds:
            going.append(image)
            freed += image.size_bytes
    return going

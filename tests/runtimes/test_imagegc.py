"""Images that nobody uses go where the disk is too full: the rule, then the store."""

import asyncio
import math
import os
from pathlib import Path

import pytest

from stead.cluster.imagecare import ImageCare
from stead.runtimes.imagegc import Held, Limits, bytes_to_free, chosen
from stead.runtimes.images import Aliases, Image, ImageStore

from .ocimaking import Layout, layer

LATE = 1e12  # long after anything a test makes


@pytest.mark.parametrize(
    ("available", "limits", "wanted"),
    [
        (160, Limits(), 0),  # 84 %
        (150, Limits(), 50),  # 85 %: down to 80
        (0, Limits(), 200),
        (0, Limits(high_percent=100), 0),
        (1000, Limits(1, 0), 0),
        (990, Limits(1, 0), 10),
    ],
)
def test_how_much_goes(available: int, limits: Limits, wanted: int) -> None:
    assert bytes_to_free(1000, available, limits) == wanted


def held(name: str, used: float = 0, *, since: float = 0, is_kept: bool = False) -> Held:
    return Held(name, (name,), 10, since, used, is_kept)


@pytest.mark.parametrize(
    ("images", "wanted", "going"),
    [
        ([held("a", 5), held("b", 3), held("c", 4)], 20, "bc"),  # longest unused first
        ([held("a", 3, since=2), held("b", 3, since=1)], 1, "b"),  # then the oldest
        ([held("a", is_kept=True), held("b")], math.inf, "b"),
        ([held("a", 900), held("b", since=900), held("c", 880)], math.inf, "c"),  # younger than two minutes
        ([held("a")], 0, ""),
    ],
)
def test_which_go(images: list[Held], wanted: float, going: str) -> None:
    assert "".join(image.digest for image in chosen(images, wanted, 1000, 120)) == going


@pytest.mark.parametrize(
    ("high", "low", "told"), [(101, 80, "high-threshold 101"), (85, -1, "low-threshold -1"), (80, 80, "below")]
)
def test_limits_that_cannot_be(high: int, low: int, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Limits(high, low)


class Shop:
    """A store whose images came from a registry, as far as its records say; `now` is its clock."""

    def __init__(self, place: Path):
        self.place = place
        self.now = 0.0
        self.store = ImageStore(place / "images", Aliases({}, {}), is_pulling=False, clock=lambda: self.now)

    def has(self, name: str, content: bytes, *, is_pulled: bool = True) -> Image:
        self.store.import_file(Layout([layer({"a": content})]).write(self.place / f"{name}-{self.now}", name))
        found = self.store.resolve(name).image
        assert isinstance(found, Image)
        if is_pulled:
            self.store._shelf.remember(f"docker.io/library/{name}:latest", found.manifest, is_pulled=True)
        return found

    def names(self) -> list[str]:
        return [line.reference.rpartition("/")[2] for line in self.store.list()]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_what_pods_run_on_and_what_was_imported_stays(shop: Shop) -> None:
    used = shop.has("used", b"1")
    shop.has("mine", b"2", is_pulled=False)
    gone = shop.has("gone", b"3")
    shop.now = 119
    assert not shop.store.collect({used.identity}, math.inf, 120)
    shop.now = LATE
    (image,) = shop.store.collect({used.identity}, math.inf, 120)
    assert image.references == ("docker.io/library/gone:latest",) and image.size_bytes > 0
    assert shop.names() == ["mine:latest", "used:latest"]
    assert not (shop.store.layers / gone.layers[0]).exists()
    shop.store.collect({used.manifest}, math.inf, 0, is_all=True)
    assert shop.names() == ["used:latest"]


def test_a_pod_that_asks_keeps_an_image_young(shop: Shop) -> None:
    shop.has("a", b"1")
    shop.has("b", b"2")
    shop.now = 1000
    shop.store.pull("a", "IfNotPresent")
    shop.now = 1100
    assert [image.references for image in shop.store.collect((), math.inf, 120)] == [("docker.io/library/b:latest",)]


def test_a_name_that_moves_leaves_the_image_that_pods_run_on(shop: Shop) -> None:
    old = shop.has("web", b"1")
    shop.now = 1.0
    shop.has("web", b"2")
    shop.now = LATE
    assert not shop.store.collect({old.identity}, 0, 120)  # a sweep
    assert (shop.store.layers / old.layers[0]).exists()
    assert shop.names() == ["web:latest", f"web@{old.manifest}"]
    shop.now = LATE + 120
    assert len(shop.store.collect((), math.inf, 120)) == 2
    assert not (shop.store.layers / old.layers[0]).exists()


def test_what_an_interrupted_pull_left_goes_when_it_is_old(shop: Shop) -> None:
    shop.has("kept", b"1")
    blobs = shop.store.layers.parent / "blobs" / "sha256"
    before = set(blobs.iterdir())
    (blobs / "partial-1").write_bytes(b"half")
    (blobs / ("0" * 64)).write_bytes(b"a layer of an image that never came")
    (shop.store.layers / "partial-2").mkdir()
    shop.now = os.lstat(blobs / "partial-1").st_ctime + 60
    shop.store.collect((), 0, 120)
    assert (blobs / "partial-1").exists()
    shop.now += 120
    shop.store.collect((), 0, 120)
    assert set(blobs.iterdir()) == before and len(list(shop.store.layers.iterdir())) == 1


def test_nothing_is_collected_while_somebody_pulls(shop: Shop) -> None:
    shop.has("a", b"1")
    with shop.store._shelf.adding(), pytest.raises(BlockingIOError):
        shop.store.collect((), math.inf, 0)
    assert shop.names() == ["a:latest"]


@pytest.mark.parametrize(
    ("phase", "available", "left", "complaints"),
    [
        ("Running", 150, ["used:latest"], ["FreeDiskSpaceFailed"]),
        ("Succeeded", 150, [], ["FreeDiskSpaceFailed"]),
        ("Running", 160, ["free:latest", "used:latest"], []),
    ],
)
def test_a_pass_over_the_store(phase: str, available: int, left: list[str], complaints: list[str], shop: Shop) -> None:
    """Of a gigabyte; what small images give is too little, and that is told."""
    shop.has("used", b"1")
    shop.has("free", b"2")
    pod = {"spec": {"containers": [{"image": "used"}]}, "status": {"phase": phase}}
    told: list[str] = []
    care = ImageCare(shop.place / "images", Limits(), lambda: [pod], lambda reason, _: told.append(reason))
    asyncio.run(care.look(10**9, available * 10**6))
    assert (shop.names(), told) == (left, complaints)

"""The small decisions of the native runtime: addresses, files, arguments, references."""

from pathlib import Path

import pytest

from stead.machinery.keys import Key
from stead.machinery.runtime import Mount, RunSandbox, StartContainer
from stead.runtimes import inside, references
from stead.runtimes.images import Image
from stead.runtimes.native import files, plain, probe, starting, static_server, volumes
from stead.runtimes.native.addresses import Addresses, AddressesExhausted
from stead.runtimes.native.volumes import PartTrouble, VolumeTrouble

POD = Key("Pod", "default", "web-0")


def test_addresses_come_in_turn_and_return_late() -> None:
    addresses = Addresses("10.0.0.0/29")
    first = [addresses.take(uid) for uid in "abc"]
    assert first == ["10.0.0.2", "10.0.0.3", "10.0.0.4"]
    assert addresses.take("b") == "10.0.0.3"
    addresses.release("b")
    assert [addresses.take(uid) for uid in "def"] == ["10.0.0.5", "10.0.0.6", "10.0.0.3"]
    with pytest.raises(AddressesExhausted):
        addresses.take("g")


def test_remembered_addresses_are_not_given_away() -> None:
    addresses = Addresses("10.0.0.0/24")
    addresses.remember("old", "10.0.0.7")
    assert (addresses.take("old"), addresses.take("new"), addresses.gateway) == ("10.0.0.7", "10.0.0.8", "10.0.0.1")


@pytest.mark.parametrize("cidr", ["10.0.0.0/31", "10.0.0.1/24", "fd00::/64", "x"])
def test_ranges_that_cannot_be(cidr: str) -> None:
    with pytest.raises(ValueError):
        Addresses(cidr)


def test_etc_hosts_names_the_pod_and_its_aliases() -> None:
    aliases = (("1.2.3.4", "a"), ("1.2.3.4", "b"))
    order = RunSandbox(POD, "u", "web-0", "nginx.default.svc.cluster.local", host_aliases=aliases)
    lines = files.hosts(order, "10.244.0.2").splitlines()
    assert "10.244.0.2\tweb-0.nginx.default.svc.cluster.local\tweb-0" in lines
    assert lines[-1] == "1.2.3.4\ta\tb"


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"searches": ("a", "b")}, "search a b\nnameserver 10.0.0.1\noptions ndots:5\n"),
        ({"nameservers": ("9.9.9.9",)}, "nameserver 9.9.9.9\n"),
        ({"dns_options": ("ndots:2",)}, "nameserver 10.0.0.1\noptions ndots:2\n"),
    ],
)
def test_resolv_conf(more: dict[str, tuple[str, ...]], text: str) -> None:
    assert files.resolv_conf(RunSandbox(POD, "u", "web-0", **more), "10.0.0.1") == text  # type: ignore[arg-type]


IMAGE = Image("sha256:x", ("entry",), ("cmd",), (("A", "image"), ("B", "image")), "/image", "7")


@pytest.mark.parametrize(
    ("command", "arguments", "argv"),
    [
        (None, None, ["entry", "cmd"]),
        (None, ("x",), ["entry", "x"]),
        (("c",), None, ["c"]),
        (("c",), ("x",), ["c", "x"]),
    ],
)
def test_command_and_arguments(
    command: tuple[str, ...] | None, arguments: tuple[str, ...] | None, argv: list[str], tmp_path: Path
) -> None:
    start = StartContainer(POD, "u", "c", 0, "image", command, arguments, environment=(("A", "pod"),))
    order = starting.order(start, IMAGE, starting.Pod(str(tmp_path), "web-0", "10.0.0.2", "root", "/layers"))
    spec = order["spec"]
    assert spec["arguments"] == argv
    assert (spec["environment"]["A"], spec["environment"]["B"]) == ("pod", "image")
    assert (spec["environment"]["HOSTNAME"], spec["user"], spec["directory_inside"]) == ("web-0", "7", "/image")


def test_a_container_without_a_program_cannot_start(tmp_path: Path) -> None:
    start = StartContainer(POD, "u", "c", 0, "image")
    with pytest.raises(starting.StartTrouble, match="no command specified"):
        starting.order(start, Image("x"), starting.Pod(str(tmp_path), "h", "ip", "root", "/layers"))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("/data", "/pv"),
        ("/data/x", "/pv/x"),
        ("--dir=/data", "--dir=/pv"),
        ("/database", "/database"),
        ("/data/inner/x", "/in/x"),
    ],
)
def test_the_plain_tier_writes_targets_as_sources(text: str, seen: str) -> None:
    assert plain.rewritten(text, [("/pv", "/data", False), ("/in", "/data/inner", False)]) == seen


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ("/a/b", "a/b"),
        ("/../../etc", "etc"),
        ("/out/passwd", "etc/passwd"),
        ("/up/x", "x"),
        ("/in/./x", "a/x"),
        ("/loop/x", None),
    ],
)
def test_links_stay_inside(path: str, leads: str | None, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name, target in (("out", "/etc"), ("up", "../../.."), ("in", "a"), ("loop", "loop")):
        (tmp_path / name).symlink_to(target)
    if leads is None:
        with pytest.raises(OSError, match="too many links"):
            inside.follow(str(tmp_path), path)
    else:
        assert inside.follow(str(tmp_path), path) == str(tmp_path / leads)


def test_a_sub_path_does_not_leave_its_volume(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "away").symlink_to("/etc")
    mount = Mount(str(tmp_path / "volume" / "away" / "x"), "/x", within=str(tmp_path / "volume"))
    assert volumes.source_of(mount, str(tmp_path)) == str(tmp_path / "volume" / "etc" / "x")
    assert not Path("/etc/x").exists()


@pytest.mark.parametrize("kind", ["Directory", "File", "Socket"])
def test_host_paths_must_be_what_they_say(kind: str, tmp_path: Path) -> None:
    with pytest.raises(VolumeTrouble, match=r'MountVolume\.SetUp failed for volume "v" : hostPath type check failed: '):
        volumes.source_of(Mount(str(tmp_path / "none"), "/x", host_type=kind, name="v"), str(tmp_path))


def test_a_sub_path_that_leads_through_a_file_is_told_with_its_volume(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "f").write_text("")
    mount = Mount(str(tmp_path / "volume" / "f" / "g"), "/x", within=str(tmp_path / "volume"), name="v")
    with pytest.raises(PartTrouble, match='failed to create subPath directory for volumeMount "v": f/g: not a dir'):
        volumes.source_of(mount, str(tmp_path))


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("me/app:1", "docker.io/me/app:1"),
        ("k8s.gcr.io/nginx-slim:0.8", "k8s.gcr.io/nginx-slim:0.8"),
        ("localhost:5000/a/b:c", "localhost:5000/a/b:c"),
        ("a@sha256:" + "0" * 64, "docker.io/library/a@sha256:" + "0" * 64),
    ],
)
def test_references(text: str, full: str) -> None:
    assert str(references.parse(text)) == full


@pytest.mark.parametrize("text", ["", "UPPER", "a b", "a:", "../a", "a@sha256:1", "http://a/b"])
def test_no_references(text: str) -> None:
    with pytest.raises(ValueError, match="invalid reference format"):
        references.parse(text)


@pytest.mark.parametrize(
    "text, name",
    [
        ("UPPER/Case:tag", "Case"),
        ("example.org/A/b:1", "A/b"),
        ("Nginx", "library/Nginx"),
        ("a/B@sha256:1", "a/B"),
    ],
)
def test_capitals_are_named(text: str, name: str) -> None:
    told = f"invalid reference format: repository name \\({name}\\) must be lowercase"
    with pytest.raises(ValueError, match=told):
        references.parse(text)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("/a/../../../etc/passwd", "/etc/passwd"),
        ("/%2e%2e/%2e%2e/x", "/x"),
        ("/a%20b?q=1#f", "/a b"),
        ("/dir/", "/dir/"),
        ("/%zz", "/%zz"),
    ],
)
def test_paths_a_web_server_serves(target: str, path: str) -> None:
    assert static_server.path_of(target) == path


@pytest.mark.parametrize(
    ("tier", "profiles", "told"),
    [
        ("root", (), ""),
        ("root", ("RuntimeDefault",), ""),
        ("user", ("Localhost/a", "RuntimeDefault"), ""),
        ("plain", ("RuntimeDefault",), "no filter of system calls is set for seccompProfile RuntimeDefault"),
    ],
)
def test_filters_of_calls_that_are_not_set_are_told(tier: str, profiles: tuple[str, ...], told: str) -> None:
    assert probe.note_of(tier, False, profiles).endswith(told)
    assert tier == "plain" or probe.note_of(tier, False, profiles) == told

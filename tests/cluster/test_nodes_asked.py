"""What may be said of nodes on the command line, and what is kept of them (docs/nodes.md)."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from stead.cli import nodeoptions
from stead.cluster import roster
from stead.cluster.config import Config
from stead.cluster.roster import Roster


def asked(*words: str, **kept: Any) -> Config:
    parser = argparse.ArgumentParser()
    nodeoptions.add_nodes(parser)
    return Config(**nodeoptions.asked(parser.parse_args(words), Roster(**kept)))


def test_one_node_unless_asked_or_kept() -> None:
    assert asked().nodes == ("stead",)
    assert asked("--nodes", "3").nodes == ("stead", "stead-2", "stead-3")
    assert asked(count=2).nodes == ("stead", "stead-2")


def test_zones_go_round() -> None:
    config = asked("--nodes", "3", "--zones", "a, b")
    zones = [config.labels_of(name)["topology.kubernetes.io/zone"] for name in config.nodes]
    assert zones == ["a", "b", "a"]
    assert asked(zones=("c",)).labels_of("stead") == {"topology.kubernetes.io/zone": "c"}
    assert asked("--zones", "", zones=("c",)).labels_of("stead") == {}


def test_what_nodes_offer_goes_round() -> None:
    config = asked("--nodes", "3", "--node-cpu", "2, 500m", "--node-memory", "1024Mi")
    offered = [config.capacity_of(name) for name in config.nodes]
    assert offered == [{"cpu": cpu, "memory": "1Gi"} for cpu in ("2", "500m", "2")]
    assert asked().capacity_of("stead") == {}
    assert asked(cpu=("4",)).capacity_of("stead") == {"cpu": "4"}
    assert asked("--node-cpu", "", cpu=("4",)).capacity_of("stead") == {}


def test_each_node_has_its_range_within_that_of_all() -> None:
    config = asked("--nodes", "3")
    ranges = [config.pod_cidr_of(name) for name in config.nodes]
    assert ranges == ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]
    assert config.cluster_cidr == asked().cluster_cidr == "10.244.0.0/16"


def test_each_node_has_its_address_on_the_loopback() -> None:
    config = asked("--nodes", "3")
    assert [config.host_of(name) for name in config.nodes] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


def test_a_heartbeat_comes_five_times_before_it_is_missed() -> None:
    assert (asked().node_monitor_grace_seconds, asked().renew_seconds) == (50, 10)
    short = asked("--node-monitor-grace-period", "5s")
    assert (short.node_monitor_grace_seconds, short.renew_seconds) == (5, 1)
    assert asked("--node-monitor-grace-period", "1m").node_monitor_grace_seconds == 60


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--nodes", "0"), "--nodes 0: 1 to 200"),
        (("--node-cpu", "two"), "--node-cpu two: quantities must match"),
        (("--node-cpu", "2,0"), "--node-cpu 0: more than nothing, like 2 or 500m"),
        (("--node-memory=-1Gi",), "--node-memory -1Gi: more than nothing, like 4Gi"),
        (("--nodes", "201"), "--nodes 201: 1 to 200"),
        (("--zones", "a,b c"), "--zones: 'b c' cannot be a label's value"),
        (("--node-monitor-grace-period", "1s"), "--node-monitor-grace-period 1s: a duration like 50s or 1m"),
        (("--node-monitor-grace-period", "soon"), "--node-monitor-grace-period soon: a duration"),
        (("--default-unreachable-toleration-seconds", "-1"), "--default-unreachable-toleration-seconds -1: 0 to"),
    ],
)
def test_what_cannot_be(words: tuple[str, ...], told: str) -> None:
    with pytest.raises(ValueError) as refused:
        asked(*words)
    assert told in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"count": 2, "zones": 1, "states": {}}', '{"count": "x"'])
def test_a_file_that_is_not_whole_is_one_node(tmp_path: Path, text: str) -> None:
    (tmp_path / roster.FILE).write_text(text)
    assert roster.read(tmp_path) == Roster()


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    kept = Roster(3, ("a", "b"), {"stead-2": "off", "stead-3": "cut"}, ("2",), ("1Gi", "2Gi"))
    roster.write(tmp_path, kept)
    assert roster.read(tmp_path) == kept
    assert [path.name for path in tmp_path.iterdir()] == [roster.FILE]

"""`stead simulate --faults` and `stead replay`, as they are typed."""

from pathlib import Path

import pytest

from stead.cli.main import main

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "web.yaml")
ROLL_BACK = """
steps:
- {at: 2, do: revise, set: web, image: b, trouble: image}
- {at: 30, do: die, after: 3}
- {at: 60, do: revise, set: web, image: good}
- {at: 90, do: delete-pod, pod: web-2}
"""

Told = pytest.CaptureFixture[str]


def test_faults_happen_to_manifests(tmp_path: Path, capsys: Told) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(ROLL_BACK)
    assert main(["simulate", "-f", EXAMPLE, "--faults", str(path)]) == 0
    told = capsys.readouterr().out
    assert "30.000  --- {at: 30, do: die, after: 3}" in told
    assert "an ordered set does not replace it" in told
    assert "settled after 90" in told


def test_a_schedule_brings_its_own_sets(tmp_path: Path, capsys: Told) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text("sets: [{name: db, replicas: 2}]")
    assert main(["simulate", "--faults", str(path)]) == 0
    assert "create Pod db-1" in capsys.readouterr().out


def test_nothing_to_simulate_and_mistakes_are_told(tmp_path: Path, capsys: Told) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text("steps:\n- {at: soon, do: lose-node}\n")
    assert main(["simulate"]) == 1
    assert main(["simulate", "-f", EXAMPLE, "--faults", str(path)]) == 1
    told = capsys.readouterr().err
    assert "nothing to simulate: give manifests with -f, or a schedule with --faults" in told
    assert "faults.yaml, line 2: steps[0].at: seconds, a number from 0 to 1e+07 is wanted, this is 'soon'" in told


def test_what_never_settles_says_what_it_waits_for(tmp_path: Path, capsys: Told) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(ROLL_BACK.replace("- {at: 90, do: delete-pod, pod: web-2}\n", ""))
    assert main(["simulate", "-f", EXAMPLE, "--faults", str(path), "--seconds", "300"]) == 1
    told = capsys.readouterr().err
    assert "not after 300 s: every StatefulSet settled; waiting:" in told and "web-2 is not Ready" in told


def test_a_seed_is_replayed_and_printed(capsys: Told) -> None:
    assert main(["replay", "3", "--print"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("seed: 3\n") and "steps:" in printed
    assert main(["replay", "3"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(printed) and "--- calm" in told and "every promise kept" in told


def test_a_broken_promise_is_replayed_from_its_file(tmp_path: Path, capsys: Told) -> None:
    path = tmp_path / "seed-1.yaml"
    path.write_text("sets: [{name: a-name-that-is-longer-than-what-a-label-can-hold-in-full-x}]")
    assert main(["replay", "--quiet", str(path)]) == 1
    assert "too long for a label" in capsys.readouterr().err


def test_two_sets_of_one_name_and_steps_that_miss_are_told(tmp_path: Path, capsys: Told) -> None:
    path = tmp_path / "twins.yaml"
    path.write_text("sets:\n- {name: web}\n- {name: web}\n")
    assert main(["replay", str(path)]) == 1
    assert "line 3: sets[1].name: there is a set web already" in capsys.readouterr().err
    path.write_text("sets: [{name: web}]\nsteps:\n- {at: 1, do: scale, set: wbe, replicas: 2}\n")
    assert main(["replay", "-q", str(path)]) == 0
    assert 'refused: NotFound: statefulsets.apps "wbe" not found' in capsys.readouterr().out

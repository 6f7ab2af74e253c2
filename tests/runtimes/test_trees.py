"""What deleting a directory may never reach. The mounts are made in a mount namespace of the test's own."""

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stead.runtimes.trees import remove_tree

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

REMOVES = """
import sys
from stead.runtimes.trees import remove_tree
try:
    remove_tree(sys.argv[1])
except OSError as error:
    print(f"{error.strerror}: {error.filename}")
"""


def removed(doomed: Path, *, mounting: str) -> str:
    """What removing `doomed` says, after `mounting` (a word of the shell) has been done where nobody else sees it."""
    script = f'{mounting} && exec "$0" -c "$1" "$2"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, sys.executable, REMOVES, doomed]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


@pytest.mark.parametrize("name", ["m", "with a space"])
def test_what_is_mounted_below_stays_and_so_does_all_else(tmp_path: Path, name: str) -> None:
    doomed, kept = tmp_path / "doomed", tmp_path / "kept"
    (doomed / name).mkdir(parents=True)
    (doomed / "x").touch()
    kept.mkdir()
    (kept / "dear").touch()
    said = removed(doomed, mounting=f"mount --bind '{kept}' '{doomed / name}'")
    assert said == f"something is mounted there, and would be emptied: {doomed / name}"
    assert [entry.name for entry in kept.iterdir()] == ["dear"]
    assert sorted(entry.name for entry in doomed.iterdir()) == sorted([name, "x"])


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    doomed, kept = tmp_path / "doomed", tmp_path / "kept"
    doomed.mkdir()
    kept.mkdir(mode=0o755)
    (kept / "dear").touch()
    (doomed / "link").symlink_to(kept)
    assert removed(doomed, mounting="true") == ""
    assert not doomed.exists()
    assert [entry.name for entry in kept.iterdir()] == ["dear"]


def test_no_tree_is_too_deep(tmp_path: Path) -> None:
    """Deeper than a path may be long, as a program makes it that changes into each directory it has made."""
    doomed, here = tmp_path / "doomed", os.getcwd()
    doomed.mkdir()
    os.chdir(doomed)
    try:
        for _ in range(3000):
            os.mkdir("deep")
            os.chdir("deep")
        Path("file").touch()
    finally:
        os.chdir(here)
    remove_tree(str(doomed))
    assert not doomed.exists()


def test_permission_bits_and_odd_names_keep_nothing(tmp_path: Path) -> None:
    doomed = tmp_path / "doomed"
    (doomed / "closed" / "in" / "side").mkdir(parents=True)
    (doomed / "closed" / "in" / "x").touch()
    for name in (".0", ".1", "\udcff\n"):  # those of the lifted, one of them no text
        (doomed / name).touch()
    (doomed / ".2" / "full").mkdir(parents=True)
    (doomed / "closed" / "in").chmod(0)
    (doomed / "closed").chmod(0)
    remove_tree(str(doomed))
    assert not doomed.exists()


def test_a_link_put_in_the_place_of_a_directory_meanwhile_leads_nowhere(tmp_path: Path) -> None:
    kept, end = tmp_path / "kept", threading.Event()
    kept.mkdir()
    (kept / "dear").touch()

    def play(place: Path) -> None:
        while not end.is_set():
            with contextlib.suppress(OSError):
                place.rename(place.with_name("aside"))
                place.symlink_to(kept)
                place.unlink()
                place.with_name("aside").rename(place)

    for number in range(40):
        doomed = tmp_path / f"doomed{number}"
        for name in map(str, range(20)):
            (doomed / "d" / name).mkdir(parents=True)
            (doomed / "d" / name / "dear").touch()
        end.clear()
        player = threading.Thread(target=play, args=(doomed / "d",))
        player.start()
        with contextlib.suppress(OSError):
            remove_tree(str(doomed))
        end.set()
        player.join()
        assert [entry.name for entry in kept.iterdir()] == ["dear"]

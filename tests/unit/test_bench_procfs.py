"""What the bench reads in /proc: from texts as Linux writes them, and of real processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import procfs
from tests.bench.procfs import (
    Spent,
    Stat,
    Usage,
    memory,
    missing,
    processes,
    pss,
    spent,
    strangers,
    usage,
)

ROLLUP = """5596ff5d5000-7fff7784a000 ---p 00000000 00:00 0                          [rollup]
Rss:                1740 kB
Pss:                 434 kB
Pss_Dirty:           116 kB
Pss_Anon:            116 kB
Shared_Clean:       1584 kB
Private_Dirty:       116 kB
Swap:                 70 kB
SwapPss:              66 kB
Locked:                0 kB
"""


def stat(pid: int, parent: int, group: int, used: str = "30 12 0 0", name: str = "chromium") -> str:
    return f"{pid} ({name}) S {parent} {group} {group} 0 -1 4194304 99 0 0 0 {used} 20 0 1 0 3026645 3133440\n"


class Proc:
    """A folder like /proc."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, pid: int, parent: int, group: int, kind: str = "", **more: str) -> None:
        files = {
            "stat": stat(pid, parent, group, **more),
            "smaps_rollup": ROLLUP,
            "cmdline": f"/usr/lib/chromium\0{kind}\0",
            "status": "Name:\tchromium\nvoluntary_ctxt_switches:\t100\nnonvoluntary_ctxt_switches:\t7\n",
        }
        (self.folder / str(pid)).mkdir()
        (self.folder / str(pid) / "exe").symlink_to(
            "/usr/bin/init" if pid == 1 else "/usr/lib/chromium"
        )
        for name, text in files.items():
            (self.folder / str(pid) / name).write_text(text)


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    """A browser 10 and its processes 11 to 13, one of them in a group of its own, and a stranger."""
    proc = Proc(tmp_path)
    proc.add(1, 0, 1)
    proc.add(10, 1, 10)
    proc.add(11, 10, 10, "--type=zygote")
    proc.add(12, 11, 10, "--type=renderer")
    proc.add(13, 12, 13, "--type=renderer", name="a (b) 1 2")
    proc.add(14, 1, 10, "--type=gpu-process")
    proc.add(20, 1, 20, "--type=renderer")
    (tmp_path / "self").mkdir()
    return proc


def test_shared_memory_counts_in_parts_and_so_does_what_is_swapped_out() -> None:
    assert pss(ROLLUP) == 500 * 1024


def test_an_older_linux_says_nothing_of_swap() -> None:
    assert pss("Rss:  10 kB\nPss:  4 kB\n") == 4096


def test_a_process_has_the_time_of_its_children_that_have_ended() -> None:
    text = stat(7, 3, 5, "100 20 3 4", name="a) b (c")
    assert Stat.parse(text) == Stat(parent=3, group=5, ticks=127)


def test_the_descendants_and_the_group_belong_to_a_browser(proc: Proc) -> None:
    assert processes(10, proc.folder).keys() == {10, 11, 12, 13, 14}


def test_memory_is_that_of_all_its_processes(proc: Proc) -> None:
    assert memory(10, proc.folder) == 5 * 500 * 1024


def test_a_process_that_ends_meanwhile_is_passed_over(proc: Proc) -> None:
    (proc.folder / "12/smaps_rollup").unlink()
    (proc.folder / "14/stat").unlink()
    assert memory(10, proc.folder) == 3 * 500 * 1024


def test_memory_that_is_secret_is_an_error(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_text

    def refuses(path: Path, errors: str) -> str:
        if path.name == "smaps_rollup":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, errors=errors)

    monkeypatch.setattr(Path, "read_text", refuses)
    with pytest.raises(PermissionError):
        memory(10, proc.folder)


def test_processes_of_another_such_browser_are_strangers(proc: Proc) -> None:
    assert strangers(10, proc.folder) == 1
    (proc.folder / "20/exe").unlink()
    (proc.folder / "20/exe").touch()  # what cannot be read as a link
    assert strangers(10, proc.folder) == 0


def test_what_was_used_is_all_processes_time_and_the_renderers_switches(proc: Proc) -> None:
    got = usage(10, proc.folder)
    assert got.ticks == 5 * 42
    assert got.switches == {12: 100, 13: 100}


def test_what_was_used_is_told_for_a_minute() -> None:
    before = Usage(at=100, ticks=50, switches={1: 10, 2: 5, 3: 1})
    after = Usage(at=220, ticks=90, switches={1: 130, 2: 9, 4: 1000})
    assert spent(before, after) == Spent(milliseconds=20 * procfs.TICK, wakes=62)


def test_other_systems_are_left_out(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert missing(proc.folder)  # as an old one
    monkeypatch.setattr(sys, "platform", "darwin")
    (proc.folder / "self/smaps_rollup").touch()
    assert missing(proc.folder)
    monkeypatch.setattr(sys, "platform", "linux")
    assert missing(proc.folder) is None


LINUX = pytest.mark.skipif(missing() is not None, reason=missing() or "")

CHILD = """
import sys, time
held = b"x" * 64 * 2**20
print("there", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        time.sleep(0.001)
    print("done", flush=True)
"""


@LINUX
def test_real_processes_are_found_and_weighed() -> None:
    # The child is in another group, as some of a browser's processes may be. Only it has this argument.
    child = f"[{sys.executable!r}, '-c', {CHILD!r}, '--type=' + 'renderer']"
    outer = f"import subprocess; subprocess.run({child}, start_new_session=True, check=True)"
    with subprocess.Popen(
        [sys.executable, "-c", outer],
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "there\n"
        assert os.getpid() not in processes(process.pid)
        assert len(processes(process.pid)) == 2
        assert 64 * 2**20 < memory(process.pid) < 256 * 2**20
        before = usage(process.pid)
        process.stdin.write("50\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"
        after = usage(process.pid)
        (pid,) = after.switches
        assert after.switches[pid] - before.switches[pid] >= 50
        process.stdin.close()
        assert process.wait(timeout=60) == 0

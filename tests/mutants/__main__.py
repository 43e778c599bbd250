"""`make mutants`: runs the tests cited for each rule against a copy in which the rule is broken.

Fails if a test that must notice does not, or if a rule's text is no longer where the list says. A test
notices if it fails; a test that cannot even start, because the broken copy does not build, does not.
"""

import argparse
import ast
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

from host.tools.node import run_node
from tests.mutants import Mutant, load
from tests.mutants.scratch import copy_tree

LIMIT = 600
"""Seconds for the tests of one mutant."""


@dataclass(frozen=True)
class Outcome:
    """What became of each test, by `path::name`, and of the run as a whole."""

    tests: dict[str, str]
    """"passed", "failed", or "error" where it could not start or its page said something else."""
    why: dict[str, str]
    """The first line of what each test that failed said."""
    output: str

    def missing(self, wanted: tuple[str, ...]) -> list[str]:
        """Return the tests of `wanted` that did not fail."""
        return [name for name in wanted if self.tests.get(name) != "failed"]


def main() -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("-k", default="", metavar="TEXT", help="only entries that hold this text")
    parser.add_argument("--engine", default="chromium", help="the browser (default: %(default)s)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that child processes end too
    listed = load()
    chosen = [one for one in listed.mutants if options.k.lower() in _text(one)]
    stale = [problem for one in chosen for part in one.changes if (problem := part.problem())]
    if stale or not chosen:
        print("\n".join(stale or [f"no entry holds {options.k!r}"]), file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="sso-bus-mutants-") as folder:
        root = Path(folder).resolve()
        copy_tree(root)
        for change in listed.faster:
            change.make(root)
        tests = tuple(sorted({name for one in chosen for name in one.killed_by}))
        print(
            f"mutants: {len(chosen)} of them; first, {len(tests)} tests as things are", flush=True
        )
        before = run_tests(root, tests, engine=options.engine)
        if bad := [name for name in tests if before.tests.get(name) != "passed"]:
            print(before.output, *bad, "mutants: these must pass first", sep="\n", file=sys.stderr)
            return 2
        rows = [
            _try(root, one, f"{number}/{len(chosen)}", options.engine)
            for number, one in enumerate(chosen, 1)
        ]
    return _summary(rows)


def _text(mutant: Mutant) -> str:
    return "\n".join(
        [
            mutant.file,
            mutant.before,
            *mutant.claims,
            *mutant.killed_by,
            *(c.file for c in mutant.with_),
        ]
    ).lower()


Row = tuple[str, float, Mutant, str]


def _try(root: Path, mutant: Mutant, number: str, engine: str) -> Row:
    began = time.monotonic()
    kept = {change.file: (root / change.file).read_text("utf-8") for change in mutant.changes}
    try:
        for change in mutant.changes:
            change.make(root)
        if problem := next(filter(None, (_syntax(root / file) for file in kept)), None):
            state, said = "UNUSABLE", problem
        else:
            outcome = run_tests(root, mutant.killed_by, engine=engine, only=mutant.only)
            missing = outcome.missing(mutant.killed_by)
            passed = [name for name in missing if outcome.tests.get(name) == "passed"]
            state = "SURVIVED" if passed else "NO PROOF" if missing else "killed"
            said = "; ".join(
                f"{name} {outcome.tests.get(name, 'did not run')}" for name in missing
            ) or " | ".join(outcome.why.values())
            if state == "NO PROOF":
                print(outcome.output[-3000:], file=sys.stderr)
    finally:
        for file, text in kept.items():
            (root / file).write_text(text, encoding="utf-8")
    seconds = time.monotonic() - began
    print(
        f"mutants: {number} {state:8} {seconds:4.0f} s  {mutant}\n           {said[:200]}",
        flush=True,
    )
    return state, seconds, mutant, said


def _summary(rows: list[Row]) -> int:
    print(f"\n{'':8}  {'s':>4}  rule broken, and the claim that it makes false")
    for state, seconds, mutant, _ in sorted(rows, key=lambda row: row[0] == "killed"):
        print(f"{state:8}  {seconds:4.0f}  {mutant}\n{'':14}  {'; '.join(mutant.claims)}")
    alive = [row for row in rows if row[0] != "killed"]
    print(
        f"\nmutants: {len(rows) - len(alive)} of {len(rows)} killed in {sum(r[1] for r in rows):.0f} s"
    )
    for state, _, mutant, said in alive:
        print(f"mutants: {state}: {mutant}\n  {said}", file=sys.stderr)
    return 1 if alive else 0


def _syntax(path: Path) -> str | None:
    """Return what is wrong with a file's syntax, or None: a file that cannot run proves nothing."""
    if path.suffix == ".py":
        try:
            ast.parse(path.read_text("utf-8"))
        except SyntaxError as error:
            return f"not Python any more: {error}"
    if path.suffix in (".js", ".mjs"):
        try:
            run_node("--check", str(path), cwd=path.parent)
        except subprocess.CalledProcessError:
            return "not JavaScript any more; see above"
    return None


def run_tests(root: Path, tests: tuple[str, ...], *, engine: str, only: str = "") -> Outcome:
    """Run some tests in a copy of the tree, and return what became of each.

    Unit tests run by themselves: Playwright leaves a loop running, on which theirs cannot start.
    """
    whole = Outcome({}, {}, "")
    for folder in ("tests/unit/", "tests/e2e/"):
        if some := tuple(name for name in tests if name.startswith(folder)):
            part = _run(root, some, engine=engine, only=only)
            whole = Outcome(
                whole.tests | part.tests, whole.why | part.why, whole.output + part.output
            )
    return whole


def _run(root: Path, tests: tuple[str, ...], *, engine: str, only: str) -> Outcome:
    report = root / "mutants.xml"
    report.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"),
        *("--engine", engine, f"--junitxml={report}", *(["-k", only] if only else []), *tests),
    ]
    # No compiled files: Python compares their times in seconds, and mutants come faster than that.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate(timeout=LIMIT)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)  # the browsers as well
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            return Outcome({}, {}, f"the tests took more than {LIMIT} seconds")
    if not report.exists():
        return Outcome({}, {}, output)
    return _outcome(report, output)


def _outcome(report: Path, output: str) -> Outcome:
    found: dict[str, str] = {}
    why: dict[str, str] = {}
    rank = ["skipped", "passed", "error", "failed"]  # one case that fails is enough
    for case in ET.parse(report).iter("testcase"):
        path = case.get("classname", "").replace(".", "/") + ".py"
        name = f"{path}::{case.get('name', '').partition('[')[0]}"
        kinds = {"failure": "failed", "error": "error", "skipped": "skipped"}
        state = next((kinds[child.tag] for child in case if child.tag in kinds), "passed")
        found[name] = max(found.get(name, "skipped"), state, key=rank.index)
        if (failure := case.find("failure")) is not None:
            why.setdefault(name, failure.get("message", "").split("\n", 1)[0])
    return Outcome(found, why, output)


if __name__ == "__main__":
    sys.exit(main())

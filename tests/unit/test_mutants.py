"""`make mutants` breaks what the tree holds, and each claim in SECURITY.md that names a rule."""

import re

import pytest

from host.tools.paths import ROOT
from tests.mutants import Change, load
from tests.mutants.__main__ import _outcome, _syntax
from tests.mutants.scratch import copy_tree
from tests.unit.docs.claims import CLAIMS, TEST

LISTED = load()
ROWS = {row[0]: {"::".join(pair) for pair in TEST.findall(row[-1])} for row in CLAIMS}


def named(claim):
    """The first cells of the rows that a text means: the one that is that text, or all that hold it."""
    return [claim] if claim in ROWS else [cell for cell in ROWS if claim in cell]


def test_there_are_enough():
    assert len(LISTED.mutants) >= 40
    changes = [one.changes for one in LISTED.mutants]
    assert len(
        {(parts, one.killed_by) for parts, one in zip(changes, LISTED.mutants, strict=True)}
    ) == len(changes)


@pytest.mark.parametrize("mutant", LISTED.mutants, ids=str)
def test_each_text_is_there_exactly_once(mutant):
    assert [part.problem() for part in mutant.changes] == [None] * len(mutant.changes)
    assert all(part.before != part.after for part in mutant.changes)


@pytest.mark.parametrize("only", sorted({one.only for one in LISTED.mutants if one.only}))
def test_what_is_selected_is_an_expression_of_pytests(only):
    assert all(re.fullmatch(r"(not )?[\w.]+", word) for word in re.split(" and | or ", only))


@pytest.mark.parametrize("change", LISTED.faster, ids=lambda change: change.before)
def test_what_saves_time_is_there_as_well(change):
    assert change.problem() is None


@pytest.mark.parametrize("mutant", LISTED.mutants, ids=str)
def test_each_breaks_claims_and_is_noticed_by_the_tests_that_they_name(mutant):
    assert mutant.claims
    assert [len(named(claim)) for claim in mutant.claims] == [1] * len(mutant.claims)
    proofs = set().union(*(ROWS[named(claim)[0]] for claim in mutant.claims))
    assert mutant.killed_by
    assert set(mutant.killed_by) <= proofs
    for claim in mutant.claims:
        assert ROWS[named(claim)[0]] & set(mutant.killed_by), claim


def test_each_claim_is_broken_or_says_why_not():
    broken = {cell for one in LISTED.mutants for claim in one.claims for cell in named(claim)}
    assert [len(named(claim)) for claim in LISTED.unbroken] == [1] * len(LISTED.unbroken)
    spared = {cell for claim in LISTED.unbroken for cell in named(claim)}
    assert all(LISTED.unbroken.values())
    assert not broken & spared
    assert broken | spared == ROWS.keys()


# -- how it is done -------------------------------------------------------------------------------


def test_a_text_that_is_gone_or_there_twice_is_named(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\nx = 1\n")
    assert Change("a.py", "x = 2", "").problem(tmp_path) == "a.py holds this 0 times: x = 2"
    assert Change("a.py", "x = 1", "").problem(tmp_path) == "a.py holds this 2 times: x = 1"
    assert Change("b.py", "x", "").problem(tmp_path) == "b.py is not there"
    with pytest.raises(ValueError, match="2 times"):
        Change("a.py", "x = 1", "").make(tmp_path)
    assert (tmp_path / "a.py").read_text() == "x = 1\nx = 1\n"


def test_what_cannot_run_is_no_broken_rule(tmp_path):
    for name, good, bad in [("a.py", "x = 1", "x ="), ("a.mjs", "let x = 1;", "let x = ;")]:
        path = tmp_path / name
        path.write_text(good)
        assert _syntax(path) is None
        path.write_text(bad)
        assert "any more" in _syntax(path)


REPORT = """<testsuites><testsuite>
<testcase classname="tests.unit.test_a" name="test_x[one]"/>
<testcase classname="tests.unit.test_a" name="test_x[two]"><failure message="assert 1 == 2&#10;more"/></testcase>
<testcase classname="tests.unit.test_a" name="test_y"><error message="failed on setup"/></testcase>
<testcase classname="tests.unit.test_a" name="test_z"/>
<testcase classname="tests.unit.test_a" name="test_s"><skipped/></testcase>
</testsuite></testsuites>"""


def test_a_test_notices_if_it_fails_in_one_case_and_not_if_it_cannot_start(tmp_path):
    (tmp_path / "report.xml").write_text(REPORT)
    outcome = _outcome(tmp_path / "report.xml", "")
    path = "tests/unit/test_a.py::test_"
    states = {"x": "failed", "y": "error", "z": "passed", "s": "skipped"}
    assert outcome.tests == {path + name: state for name, state in states.items()}
    assert outcome.why == {path + "x": "assert 1 == 2"}
    wanted = tuple(path + name for name in "xyzsn")
    assert outcome.missing(wanted) == [path + name for name in "yzsn"]


def test_the_copy_is_the_tree_as_it_is_now_and_nothing_of_the_tree_is_written(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("not a git work tree")
    copy_tree(tmp_path)
    for one in LISTED.mutants:
        for part in one.changes:
            path = tmp_path / part.file
            assert path.read_bytes() == (ROOT / part.file).read_bytes()
            assert path.resolve() == tmp_path.resolve() / part.file  # no link, no hard link
            assert path.stat().st_nlink == 1
    runtime = tmp_path / ".runtime"
    for name in ("compressed", "snapshot"):
        assert not (runtime / name).is_symlink()

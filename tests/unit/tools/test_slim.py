"""What is taken out of the snapshot (host/tools/snapshot/slim.py), on this Python: the format of 3.14 is that of 3.11."""

import ast
import asyncio
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from types import CodeType, FunctionType
from typing import Any

import pytest

slim: Any = import_module("host.tools.snapshot.slim")


@pytest.fixture(autouse=True)
def untraced() -> Iterator[None]:
    """No coverage is measured meanwhile.

    Until 3.12, a traced Python makes an array of each code's lines, and writes behind its end if the
    table of locations is longer than the code. The bus's Python has no such array.
    """
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


SOURCE = """
def outer(one):
    def inner():
        if one:

            return one / 0
    return [
        inner(),
        1,
    ]
"""


def run(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(source, names)
    return names


def all_code(code: CodeType) -> list[CodeType]:
    return [
        code,
        *(c for part in code.co_consts if isinstance(part, CodeType) for c in all_code(part)),
    ]


@pytest.mark.parametrize(
    "source", [SOURCE, SOURCE.replace("\n            return", "\n" * 300 + "            return")]
)
def test_code_keeps_its_lines_and_no_columns(source: str) -> None:
    before = compile(source, "x.py", "exec")
    after = slim.without_positions(before, keep_lines=True)
    for old, new in zip(all_code(before), all_code(after), strict=True):
        assert [place[0] for place in old.co_positions()] == [
            place[0] for place in new.co_positions()
        ]
        assert {place[2:] for place in new.co_positions()} == {(None, None)}
        assert new.co_qualname == old.co_qualname if hasattr(old, "co_qualname") else True


def test_code_without_lines_runs_and_can_be_in_a_traceback() -> None:
    code = slim.without_positions(compile(SOURCE, "x.py", "exec"), keep_lines=False)
    for one in all_code(code):
        assert set(one.co_positions()) == {(None, None, None, None)}
        assert len(one.co_linetable) * 8 >= len(one.co_code) // 2
    names: dict[str, Any] = {}
    exec(code, names)
    with pytest.raises(ZeroDivisionError) as caught:
        names["outer"](1)
    assert [frame.name for frame in caught.traceback][-2:] == ["outer", "inner"]


def test_equal_tables_are_one_object() -> None:
    made = [
        slim.without_positions(compile(f"a = {n}", "x.py", "exec"), keep_lines=False)
        for n in range(2)
    ]
    assert made[0].co_linetable is made[1].co_linetable


def slimmed(source: str, *, annotations: bool = True) -> str:
    return ast.unparse(ast.fix_missing_locations(slim.Unused(annotations).visit(ast.parse(source))))


def test_annotations_of_functions_go_and_those_of_classes_stay() -> None:
    source = (
        "class A:\n    a: int = 1\n\n    async def f(self, b: int, *c: int) -> str:\n        pass"
    )
    assert slimmed(source) == source.replace("b: int, *c: int) -> str", "b, *c)")
    assert slimmed(source, annotations=False) == source


def test_what_only_type_checkers_read_goes() -> None:
    assert slimmed("if TYPE_CHECKING:\n    import a\nelse:\n    b = 1") == "b = 1"
    assert slimmed("if typing.TYPE_CHECKING:\n    import a") == "pass"
    assert (
        slimmed("@typing.overload\ndef f(): ...\ndef f():\n    return 1")
        == "pass\n\ndef f():\n    return 1"
    )
    assert slimmed("if DEBUG:\n    import a") == "if DEBUG:\n    import a"


def stand_in(function: Callable[..., Any]) -> None:
    assert isinstance(function, FunctionType)
    function.__code__ = slim.left_out("some.module", function.__code__)


MESSAGE = "some.module is not in the snapshot: it is in BUILD_ONLY of host/tools/snapshot/slim.py"


def test_a_function_that_is_left_out_says_so_whatever_it_was() -> None:
    names = run("""
def plain(a, b=1): return a
def closing(x, y):
    def inner(): return x, y
    return inner
def generator(): yield 1
async def coroutine(): return 1
async def agenerator(): yield 1
""")
    closure = names["closing"](1, 2)
    for function in (
        names["plain"],
        closure,
        names["generator"],
        names["coroutine"],
        names["agenerator"],
    ):
        stand_in(function)
    for call in (
        lambda: names["plain"](1),
        closure,
        lambda: next(names["generator"]()),
        lambda: asyncio.run(names["coroutine"]()),
        lambda: asyncio.run(anext_of(names["agenerator"]())),
    ):
        with pytest.raises(RuntimeError, match=MESSAGE):
            call()


async def anext_of(source: Any) -> Any:
    return await anext(source)


def test_nothing_of_the_bus_is_left_out() -> None:
    assert not [name for name in slim.BUILD_ONLY if name.split(".")[0] in slim.OWN]
    assert len(slim.BUILD_ONLY) == len(set(slim.BUILD_ONLY))

"""Reads the documentation of each field of a class: the string below the field."""

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise

from host.tools.types.text import first_paragraph


@cache
def field_docs(cls: type) -> dict[str, str]:
    """Return the documentation of the fields of a class and of its base classes."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if each.__module__.startswith(("bus.", "host.")):
            found |= _own(each)
    return found


def _own(cls: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    assert isinstance(tree.body[0], ast.ClassDef)  # noqa: S101 - that is what it is the source of
    body = tree.body[0].body
    return {
        field.target.id: first_paragraph(said.value.value)
        for field, said in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(said, ast.Expr)
        and isinstance(said.value, ast.Constant)
        and isinstance(said.value.value, str)
    }

"""Runs inside the two interpreters of make.mjs, after inside.py: takes out what a running bus cannot reach.

What is taken out is counted and measured in docs/architecture.md, "What a boot weighs".
"""

import ast
import sys
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import CodeType, FunctionType

OWN = {"bus", "_snapshot"}
"""The packages whose lines the console may name (browser.py, `report`): these keep their line numbers."""

# Modules that only build models, import other modules, or do what no page can (sockets, processes, TLS, archives) or what
# the bus never does (calendars, locales, Windows' paths). They are imported because others import them; once the models are
# built, nothing in them is called. Each of their functions becomes one that raises RuntimeError and names its module, and
# they are no longer in sys.modules.
BUILD_ONLY = """
    pydantic._internal._config pydantic._internal._core_metadata pydantic._internal._core_utils
    pydantic._internal._decorators pydantic._internal._discriminated_union pydantic._internal._docs_extraction
    pydantic._internal._fields pydantic._internal._forward_ref pydantic._internal._generate_schema
    pydantic._internal._generics pydantic._internal._known_annotated_metadata pydantic._internal._mock_val_ser
    pydantic._internal._namespace_utils pydantic._internal._schema_gather pydantic._internal._schema_generation_shared
    pydantic._internal._signature pydantic._internal._type_refs pydantic._internal._typing_extra pydantic.aliases
    pydantic.annotated_handlers pydantic.config pydantic.functional_validators pydantic.json_schema pydantic.plugin
    pydantic.plugin._loader pydantic.plugin._schema_validator pydantic.version pydantic_core.core_schema
    annotated_types annotationlib dataclasses typing_extensions typing_inspection typing_inspection.introspection
    typing_inspection.typing_objects
    importlib._abc importlib.abc importlib.metadata importlib.metadata._collections importlib.metadata._functools
    importlib.metadata._itertools importlib.metadata._meta importlib.util site sysconfig zipimport
    _sysconfigdata__emscripten_wasm32-emscripten
    asyncio.base_events asyncio.base_subprocess asyncio.graph asyncio.runners asyncio.selector_events asyncio.sslproto
    asyncio.staggered asyncio.streams asyncio.subprocess asyncio.trsock asyncio.unix_events
    pyodide.http.pyxhr select selectors socket ssl subprocess
    bz2 compression compression._common compression._common._streams compression.zstd compression.zstd._zstdfile lzma
    shutil tempfile zipfile zipfile._path zipfile._path.glob
    fcntl _bz2 _lzma _socket _ssl _zstd
    _opcode_metadata calendar encodings.cp437 locale ntpath pathlib._os
    codeop concurrent.futures._base dis fractions html.entities numbers opcode token uuid zoneinfo zoneinfo._common zoneinfo._tzpath
""".split()


KINDS = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR


# ---- before code is compiled ---------------------------------------------------------------------


class Unused(ast.NodeTransformer):
    """Takes out what only type checkers read: overloads, and what is imported for them.

    With `annotations`, also the annotations of functions. Those of classes stay: models are made from them.
    """

    def __init__(self, annotations):
        self.annotations = annotations

    def visit_If(self, node):
        self.generic_visit(node)
        match node.test:
            case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
                return node.orelse or ast.copy_location(ast.Pass(), node)
        return node

    def visit_FunctionDef(self, node):
        for one in node.decorator_list:
            match one:
                case ast.Name(id="overload" | "_overload") | ast.Attribute(attr="overload"):
                    return ast.copy_location(ast.Pass(), node)
        self.generic_visit(node)
        if self.annotations:
            node.returns = None
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_arg(self, node):
        if self.annotations:
            node.annotation = None
        return node


# ---- after it is compiled ------------------------------------------------------------------------


TABLES = {}


def without_positions(code, *, keep_lines):
    """The code without columns, and without line numbers unless they are kept.

    Source: CPython's InternalDocs/code_objects.md, "Source code locations".
    """
    consts = tuple(
        without_positions(c, keep_lines=keep_lines) if isinstance(c, CodeType) else c
        for c in code.co_consts
    )
    if keep_lines:
        return code.replace(co_consts=consts, co_linetable=lines_only(code))
    # No location, eight units of code at a time. It is longer than it must be, so that much code has the same.
    table = b"\xff" * (-(-len(code.co_code) // 1024) * 64)
    table = TABLES.setdefault(table, table)
    return code.replace(co_consts=consts, co_linetable=table, co_qualname=code.co_name)


def lines_only(code):
    """A location table without columns."""
    table = bytearray()
    last = code.co_firstlineno
    for start, end, line in code.co_lines():
        units = (end - start) // 2
        while units:
            some = min(units, 8)
            units -= some
            if line is None:
                table.append(0x80 | 15 << 3 | some - 1)
                continue
            table.append(0x80 | 13 << 3 | some - 1)
            rest = (line - last) << 1 if line >= last else (last - line) << 1 | 1
            while rest > 63:
                table.append(rest & 63 | 64)
                rest >>= 6
            table.append(rest)
            last = line
    return bytes(table)


# ---- after everything is imported, and the models are built -------------------------------------


def left_out(where, code):
    """Code that raises, of the same kind as the code it stands for: Python asks for equally many free variables."""
    names = [f"v{n}" for n in range(len(code.co_freevars))]
    how = "async " if code.co_flags & (CO_COROUTINE | CO_ASYNC_GENERATOR) else ""
    uses = f"  {', '.join(names)}\n" if names else ""
    if code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
        uses += "  yield\n"
    text = f"{where} is not in the snapshot: it is in BUILD_ONLY of host/tools/snapshot/slim.py"
    source = f"def outer({', '.join(names)}):\n {how}def left_out(*_, **__):\n  raise RuntimeError({text!r})\n{uses}"
    outer = next(c for c in compile(source, where, "exec").co_consts if isinstance(c, CodeType))
    inner = next(c for c in outer.co_consts if isinstance(c, CodeType))
    return without_positions(inner, keep_lines=False)


def unreachable():
    """Takes out BUILD_ONLY, caches, the annotations of functions, and texts for people."""
    import functools
    import gc

    for one in gc.get_objects():
        if type(one) is functools._lru_cache_wrapper:
            one.cache_clear()
    gc.collect()
    stubs = {}
    build_only = {name: sys.modules[name] for name in BUILD_ONLY if name in sys.modules}
    for one in gc.get_objects():
        if type(one) is FunctionType:
            one.__annotate__ = None
            code, where = one.__code__, one.__module__
            if where in build_only:
                kind = where, len(code.co_freevars), code.co_flags & KINDS
                if kind not in stubs:
                    stubs[kind] = left_out(where, code)
                one.__code__ = stubs[kind]
                one.__defaults__ = one.__kwdefaults__ = None
            elif code.co_filename.startswith("<frozen"):
                one.__code__ = without_positions(code, keep_lines=False)
    classes = {id(object): object}
    todo = [object]
    while todo:
        some = todo.pop()
        names = gc.get_referents(some.__dict__)[0]  # a built-in type's own are read-only otherwise
        if isinstance(names.get("__doc__"), str):
            names["__doc__"] = None
        names.pop("_field_types", None)  # of syntax trees: what their constructors check
        found = {id(one): one for one in type.__subclasses__(some)}
        todo += (one for key, one in found.items() if key not in classes)
        classes |= found
    for module in sys.modules.values():
        module.__doc__ = None
    sys.modules["html"]._html5 = {}
    # What is not in the snapshot cannot be imported: an import fails at once, and does not ask for archives.
    sys.path_hooks[:] = [hook for hook in sys.path_hooks if hook.__module__ not in build_only]
    for name, module in build_only.items():
        del sys.modules[name]
        parent, _, last = name.rpartition(".")
        if parent in sys.modules and vars(sys.modules[parent]).get(last) is module:
            delattr(sys.modules[parent], last)
        for key in [*vars(module)]:
            if key not in ("__name__", "__spec__", "__file__", "__path__", "__builtins__"):
                del vars(module)[key]


def forget():
    """Takes out this file and inside.py."""
    import __main__

    for name in [*vars(__main__)]:
        if not name.startswith("__"):
            delattr(__main__, name)

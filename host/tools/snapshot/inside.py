"""Runs inside the two interpreters of make.mjs, with slim.py: first compile_all(), then import_all()."""

import ast
import importlib
import json
import sys

SITE = "/lib/python3.14/site-packages"
STDLIB = "/lib/python314.zip"

# The modules that PyScript's own package imports when it starts, and those that the interpreter imports later: a page that
# started from the snapshot has no standard library to import from.
ALWAYS = """
    asyncio base64 collections functools html inspect io json pathlib
    pyodide pyodide.code pyodide.ffi pyodide.ffi.wrappers pyodide.http pyodide.webloop pyodide._package_loader
    encodings.ascii encodings.latin_1 linecache logging random secrets tokenize traceback warnings
""".split()


# The source that Pyodide itself runs at each start.
BY_PYODIDE = ["{}", "import importlib; importlib", "import __main__; __main__.__dict__", "import builtins; builtins.__dict__"]


def bus_modules():
    """Names of the modules in /in/bus."""
    import pathlib

    root = pathlib.Path("/in")
    names = [".".join(p.relative_to(root).with_suffix("").parts) for p in sorted(root.glob("bus/**/*.py"))]
    return [n.removesuffix(".__init__") for n in names]


def late_imports(names):
    """Modules that functions of the bus import when they run; the browser's own are there anyway."""
    found = set()
    for name in names:
        with open(sys.modules[name].__file__, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module)
    return sorted(n for n in found if n.split(".")[0] not in {"js", "pyodide", "pyodide_js", "pyscript", "polyscript"})


def rehearse():
    """Does what a running bus does, so that Python imports now the modules that this needs."""
    import asyncio
    import traceback

    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(int).validate_json('"x"')
    except ValidationError as error:
        traceback.format_exception(error)
        str(error), repr(error), error.errors(), error.json()
    asyncio.Timeout, asyncio.TaskGroup


def without_docstrings(tree):
    """The tree without docstrings. Unlike with -OO, asserts stay, so that they run."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())), *rest]:
                    if rest or isinstance(node, ast.Module):
                        node.body = rest
                    else:
                        node.body[0] = ast.copy_location(ast.Pass(), node.body[0])
    return tree


def bytecode(name, source, filename):
    """A .pyc that is never compared with its source."""
    import marshal
    from importlib.util import MAGIC_NUMBER

    own = name.split(".")[0] in OWN
    tree = without_docstrings(Unused(annotations=not own).visit(ast.parse(source)))
    code = without_positions(compile(tree, filename, "exec", dont_inherit=True), keep_lines=own)
    return MAGIC_NUMBER + b"\1\0\0\0" + b"\0" * 8 + marshal.dumps(code)


def compile_all():
    """Imports everything from source, then compiles what got imported into /out/lib.zip."""
    import os
    import pathlib
    import zipfile

    for wheel in sorted(pathlib.Path("/in/wheels").iterdir()):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(SITE)
    sys.path.insert(0, "/in")
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    stdlib = zipfile.ZipFile(STDLIB)
    names = bus_modules()
    for name in names:
        importlib.import_module(name)
    wanted = ["_snapshot", *ALWAYS, *late_imports(names), *names]
    for name in wanted:
        importlib.import_module(name)
    before = set(sys.modules)
    rehearse()
    wanted += sorted(set(sys.modules) - before)
    libraries = [str(p) for p in sorted(pathlib.Path(SITE).rglob("*.so"))]
    if len(libraries) != 1:
        raise SystemExit(f"one native extension is what this knows how to link, found {libraries}")
    os.mkdir("/out")
    code = {}
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path and path.endswith(".py"):
            if path.startswith("/in/"):
                target = SITE + path.removeprefix("/in")
            else:
                target = path
            if path.startswith(STDLIB):
                source = stdlib.read(path[len(STDLIB) + 1 :])
            else:
                source = pathlib.Path(path).read_bytes()
            code[target + "c"] = bytecode(name, source, target)
    packages = []
    with zipfile.ZipFile("/out/lib.zip", "w", zipfile.ZIP_STORED) as out:
        for path, data in sorted(code.items()):
            if path.startswith(STDLIB):
                out.writestr(zipfile.ZipInfo(path[len(STDLIB) + 1 :], (2020, 1, 1, 0, 0, 0)), data)
            else:
                os.makedirs("/out" + os.path.dirname(path), exist_ok=True)
                pathlib.Path("/out" + path).write_bytes(data)
                packages.append(path)
    return json.dumps({"library": libraries[0], "packages": packages, "modules": wanted, "bus": names})


def prepare(sources, package):
    """Compiles what Python runs at each start: the sources of Pyodide and PyScript, and PyScript's package.

    Then Python's parser and compiler do not run at a start, and the browser does not compile them.
    """
    import _snapshot
    from _pyodide import _base
    from _pyodide._importhook import JsFinder
    from importlib.util import spec_from_file_location

    parse_and_compile = _base._parse_and_compile_gen

    def remember(source, **options):
        code = yield from parse_and_compile(source, **options)
        _snapshot.PREPARED[_snapshot.key(source, options)] = code
        return code

    _base._parse_and_compile_gen = remember
    for source in BY_PYODIDE:
        _base.CodeRunner(source).compile()
    for source in sources:
        _base.CodeRunner(source, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT).compile()
    _base._parse_and_compile_gen = _snapshot.parse_and_compile
    for name, source in package.items():
        path = f"/home/pyodide/pyscript/{name}"
        module = f"pyscript.{name.removesuffix('.py')}".removesuffix(".__init__")
        loader = _snapshot.Loader(compile(source, path, "exec", dont_inherit=True))
        inside = [] if module == "pyscript" else None  # a package's folder is derived from its path
        _snapshot.PACKAGE[module] = spec_from_file_location(
            module, path, loader=loader, submodule_search_locations=inside
        )
    # This package and JavaScript's modules are in no folder, so Python must not search all folders for them first.
    sys.meta_path.sort(key=lambda finder: not isinstance(finder, JsFinder))
    sys.meta_path.insert(0, _snapshot.Finder)


def import_all(text):
    """Imports the modules again, this time into the memory that is kept, and cleans it up.

    Returns JSON: the addresses of two objects in that memory.
    """
    import gc

    plan = json.loads(text)
    for name in plan["modules"]:
        importlib.import_module(name)
    import _snapshot
    from pydantic import BaseModel, TypeAdapter

    for name in plan["bus"]:
        for value in vars(sys.modules[name]).values():
            if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == name:
                _snapshot.MODELS.append(value)
            elif isinstance(value, TypeAdapter):
                _snapshot.ADAPTERS.append(value)
    if (verdict := _snapshot.wake()) != "ok":
        raise SystemExit(f"self-test: {verdict}")
    prepare(plan["sources"], plan["pyscript"])
    sys.dont_write_bytecode = True
    while "" in sys.path:
        sys.path.remove("")
    sys.path_importer_cache.clear()
    unreachable()
    addresses = json.dumps({"member": id(sys.modules), "stdin": id(sys.stdin.buffer)})
    forget()
    gc.collect()
    gc.freeze()
    return addresses

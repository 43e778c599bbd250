"""The Python of a bus that has booted, for tests that look into it."""

from typing import Any

from tests.e2e.support.tab import Tab
from tests.e2e.support.world import World

STATE = """(interpreter) => {
    const text = interpreter.runPython(`
        import asyncio, gc, json
        from pyodide.ffi import JsProxy
        gc.collect()
        json.dumps({"proxies": sum(isinstance(o, JsProxy) for o in gc.get_objects()), "tasks": len(asyncio.all_tasks())})`);
    return { ...JSON.parse(text), memory: interpreter._module.HEAPU8.length };
}"""
"""What must not grow: live proxies, tasks, and wasm memory in bytes."""


def with_interpreter(script: str) -> str:
    """Return a JavaScript function of PyScript's core and more: it calls `script` with the
    interpreter (Pyodide) in place of the core, and returns what that does."""
    return f"""async (core, ...args) => {{
        const {{ whenDefined }} = await import(core);
        const {{ interpreter }} = await whenDefined("py");
        return ({script})(interpreter, ...args);
    }}"""


def core_of(world: World) -> str:
    """Return the address of PyScript's core, of the bus that is built by default."""
    return core_in(world, world.bus())


def core_in(world: World, src: str) -> str:
    """Return the address of PyScript's core, of the bus at an address."""
    (core,) = world.buses.folders[src.rstrip("/").rpartition("/")[2]].glob("pyscript-*/core.js")
    return f"{src}{core.parent.name}/core.js"


def in_interpreter(tab: Tab, world: World, script: str, *args: Any) -> Any:
    """Call a JavaScript function with the interpreter of the bus, in its frame."""
    return tab.run_in(world.bus(), with_interpreter(script), core_of(world), *args)

"""Asks the bus through the embed module, and shows that in the timeline."""

from jsffi import JsException
from inspector import read
from pyscript import window
from pyscript.ffi import to_js
from pyscript.js_modules import safely


async def ask(inspector, bus, kind: str, payload: dict, signal=None):
    """The payload of the reply; None where it has none. Raises JsException, which holds a BusError."""
    asked = inspector.asked(kind, to_js(payload))
    options = to_js({"signal": signal}) if signal else window.Object.new()
    try:
        result = await bus.request(kind, to_js(payload), options)
    except JsException as error:
        if meta := safely.get(error.args[0], "meta"):  # there was a reply
            rejected = window.Object.new()
            rejected.error = error.args[0].error
            inspector.answered(asked, kind + "_REJECTED", rejected, meta)
        else:
            inspector.failed(asked, str(error.args[0].code))
        raise
    inspector.answered(asked, kind + "_FULFILLED", result, None)
    return read(result)

"""EDGE: what PyScript runs. Wires the bus to the page; a failure here ends the boot at once."""

from js import ssoBus

try:
    from bus.browser import start

    start()
except BaseException as error:
    ssoBus.fail("script", f"main.py: {type(error).__name__}")
    raise

"""The content of a message in the timeline: shown in outline, and whole only on request."""

from pyscript import window
from pyscript.ffi import create_proxy
from pyscript.js_modules import safely
from redact import safe


class Content:
    """JSON text, or another text that holds no secret."""

    def __init__(self, text: str, error: bool = False) -> None:
        self.text = text
        self.error = error  # whether it is an error, whose `code` is no secret

    def shown(self, whole: bool) -> str:
        """The text, indented."""
        parsed = safely.parse(self.text)
        if parsed.problem is not None:
            return self.text
        value = parsed.value
        replacer = create_proxy(lambda key, of: of if whole else safe(key, of, self.error))
        return window.JSON.stringify(value, replacer, 2)

    def forget(self) -> None:
        """Keep the outline alone."""
        self.text = self.shown(False)

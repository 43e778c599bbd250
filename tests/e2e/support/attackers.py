"""Pages that attack a bus, and the result."""

import json
from itertools import count
from typing import Any
from urllib.parse import quote

from tests.e2e.support.tab import Tab

_NUMBERS = count()
NOT_THE_PARENT = "ignored: not from the window that embeds the bus"


def attacker(origin: str, action: str, bus: str, code: str, page: str = "") -> str:
    what = quote(json.dumps({"action": action, "bus": bus, "code": code, "page": page}))
    # Each page has its own name, because another fragment alone would not reload the page.
    return f"{origin}/pages/attacker.html?{next(_NUMBERS)}#{what}"


def fulfilled(tab: Tab, id_: str) -> Any:
    """Wait until the page has heard the reply to `id_`."""
    return tab.run(
        """(id) => new Promise((done) => {
            const look = () => { const found = heard.find((data) => data?.id === id); if (found) done(found.type); };
            addEventListener("message", look);
            look();
        })""",
        id_,
    )


# Each makes the attacker in the host page, so that only its window is not the one that embeds.
SIBLINGS = {
    "srcdoc, with the host's own origin": """(html) => {
        const frame = document.createElement("iframe");
        frame.srcdoc = html;
        document.body.append(frame);
    }""",
    "blob, with the host's own origin": """(html) => {
        const frame = document.createElement("iframe");
        frame.src = URL.createObjectURL(new Blob([html], { type: "text/html" }));
        document.body.append(frame);
    }""",
    "about:blank, with the host's own origin": """(html) => {
        const frame = document.createElement("iframe");
        document.body.append(frame);
        frame.contentDocument.write(html);
    }""",
    "data, with an opaque origin": """(html) => {
        const frame = document.createElement("iframe");
        frame.src = "data:text/html," + encodeURIComponent(html);
        document.body.append(frame);
    }""",
    "sandboxed, with an opaque origin": """(html) => {
        const frame = document.createElement("iframe");
        frame.sandbox = "allow-scripts";
        frame.srcdoc = html;
        document.body.append(frame);
    }""",
    "sandboxed, with the host's own origin": """(html) => {
        const frame = document.createElement("iframe");
        frame.sandbox = "allow-scripts allow-same-origin";
        frame.srcdoc = html;
        document.body.append(frame);
    }""",
    "nested two deep": """(html) => {
        const outer = document.createElement("iframe");
        outer.srcdoc = "<p>outer";
        outer.onload = () => {
            const inner = outer.contentDocument.createElement("iframe");
            inner.srcdoc = html.replace("parent.frames[0]", "top.frames[0]");
            outer.contentDocument.body.append(inner);
        };
        document.body.append(outer);
    }""",
}

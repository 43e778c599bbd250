"""What pages ask a bus, and how."""

from typing import Any

from tests.e2e.support.tab import Tab

REDIRECT = "https://app.example.com/login/sso"


def ask(tab: Tab, code: str, redirect: str = REDIRECT, **more: Any) -> Any:
    return tab.run("(payload) => ask(payload)", {"code": code, "redirectUrl": redirect, **more})


def ask_raw(tab: Tab, code: str) -> Any:
    """Ask by the raw protocol, with all that was heard before forgotten; returns the reply."""
    return tab.run(
        """(code, redirectUrl) => {
            heard.length = 0;
            rawBus.post({ type: "AUTH.SSO", id: "good", payload: { code, redirectUrl } });
            return reply("good");
        }""",
        code,
        REDIRECT,
    )

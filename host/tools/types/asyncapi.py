"""The whole protocol as an AsyncAPI 3.0 document. The application that it describes is the bus."""

from typing import Any, Final

from bus import PROTOCOL, VERSION
from host.tools.types.messages import ANNOUNCED, MESSAGES, PUSHED

_INFO: Final = """\
The messages between a host page and the bus in its iframe: plain JSON-shaped objects, sent by \
window.postMessage. There is no server: both ends are windows of one browser.

The host posts to the iframe's own window, with the bus's exact origin as target, and never "*". The bus \
answers the window that embeds it, at one of the origins in its settings; all others hear nothing. \
Each request gets one reply. If a request carries one MessagePort, the reply goes over that port and \
nowhere else; otherwise it goes to the host's window. After BUS.INIT of AUTH, pushes go the same way. \
The settings decide which requests a build serves; BUS.READY lists them.

A message holds only JSON values, and has at most 65,536 bytes and 64 levels. Keys other than type, id, \
payload and meta are ignored; unknown keys in a request's payload are refused."""

_REPLIES: Final = {
    "AUTH.SSO": ("signIn", "Sign in with a code"),
    "AUTH.EMAIL_AND_PASSWORD": (
        "signInWithPassword",
        "Sign in with an e-mail address and a password",
    ),
    "AUTH.CREDENTIALS": (
        "getCredentials",
        "Get credentials that are valid now, refreshed first if necessary",
    ),
    "AUTH.SIGN_OUT": ("signOut", "End the session, here and in all tabs"),
    "BUS.REGISTER": ("register", "Register the host, and return the user of a restored session"),
    "BUS.INIT": ("initialise", "Start services"),
    "BUS.DESTROY": ("stop", "Stop services; it does not sign out"),
    "OTHER": ("refuse", "Refuse a request of a type that no build serves"),
}
"""The requests, each with its operation's name and title."""


def _answers(type_: str) -> tuple[str, ...]:
    known = {message.type for message in MESSAGES}
    return tuple(f"{type_}{end}" for end in ("_FULFILLED", "_REJECTED") if f"{type_}{end}" in known)


_ALL_ANSWERS: Final = tuple(answer for type_ in _REPLIES for answer in _answers(type_))
_CHANNELS: Final[dict[str, tuple[str | None, str, str, tuple[str, ...]]]] = {
    "busWindow": (
        "iframe.contentWindow",
        "The window of the bus's iframe",
        "The host posts requests here, with the bus's origin as target. Messages that it posts before BUS.LISTENING or the frame's load event are lost.",
        ("BUS.CANCEL", *_REPLIES),
    ),
    "hostWindow": (
        "window.parent",
        "The window that embeds the bus",
        "The bus posts its pushed messages here, and the replies to requests that carried no port. The host must check the source and origin of each message.",
        (*ANNOUNCED, *PUSHED, *_ALL_ANSWERS),
    ),
    "replyPort": (
        None,
        "The port that a request carried",
        "A MessagePort that the host made and transferred with its request. It has no address. The bus closes it after the reply; only the port of a fulfilled BUS.INIT of AUTH stays open, for pushes.",
        (*PUSHED, *_ALL_ANSWERS),
    ),
}

_ID: Final = ("components", "correlationIds", "id")
_ONCE: Final = "Once to each allowed origin"
_UNASKED: Final = {
    "BUS.LISTENING": ("announceListening", _ONCE),
    "BUS.READY": ("announceReady", _ONCE),
    "BUS.DEBUG": (
        "report",
        "Only a debug build: to each allowed origin, for each decision and call",
    ),
    "AUTH.TOKEN_REFRESHED": ("pushTokens", "Once for each new pair of tokens, after BUS.INIT"),
    "AUTH.REFRESH_TOKEN_EXPIRED": ("pushExpired", "Once, when the session ends; after BUS.INIT"),
    "AUTH.SESSION_CHANGED": ("pushChanged", "When another tab signs in or out; after BUS.INIT"),
}


def asyncapi() -> dict[str, Any]:
    """Return the document. Its messages refer to the schemas in the folder beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"SSO bus, protocol {PROTOCOL}",
            "version": VERSION,
            "description": _INFO,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": {
            name: {
                "address": address,
                "title": title,
                "description": said,
                "messages": {type_: _ref("components", "messages", type_) for type_ in types},
            }
            for name, (address, title, said, types) in _CHANNELS.items()
        },
        "operations": _operations(),
        "components": {
            "messages": {
                message.type: {
                    "name": message.type,
                    "title": message.summary,
                    **({} if message.type in _UNASKED else {"correlationId": _ref(*_ID)}),
                    "payload": {"$ref": f"./schema/{message.type}.json"},
                }
                for message in MESSAGES
            },
            "correlationIds": {
                "id": {
                    "description": "The host's own id for a request, which its reply repeats.",
                    "location": "$message.payload#/id",
                }
            },
        },
    }


def _operations() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for type_, (name, title) in _REPLIES.items():
        for channel, beside in (("replyPort", ""), ("hostWindow", "WithoutPort")):
            found[name + beside] = _operation("receive", "busWindow", type_, title) | {
                "reply": {
                    "channel": _ref("channels", channel),
                    "messages": [
                        _ref("channels", channel, "messages", reply) for reply in _answers(type_)
                    ],
                }
            }
    found["cancel"] = _operation("receive", "busWindow", "BUS.CANCEL", "Cancel a request")
    for type_, (name, title) in _UNASKED.items():
        if type_ in PUSHED:
            found[name] = _operation("send", "replyPort", type_, title)
            found[f"{name}WithoutPort"] = _operation("send", "hostWindow", type_, title)
        else:
            found[name] = _operation("send", "hostWindow", type_, title)
    return found


def _operation(action: str, channel: str, type_: str, title: str) -> dict[str, Any]:
    return {
        "action": action,
        "title": title,
        "channel": _ref("channels", channel),
        "messages": [_ref("channels", channel, "messages", type_)],
    }


def _ref(*parts: str) -> dict[str, str]:
    return {"$ref": "#/" + "/".join(parts)}

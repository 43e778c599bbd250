"""What each error code means to a person, in a sentence. Runs on MicroPython as well."""

MEANINGS = {
    # The bus's own codes, from the protocol.
    "INVALID_MESSAGE": "The request was not a usable message, so the bus did not look inside.",
    "INVALID_PAYLOAD": "A field of the request is missing or wrong; the details name it.",
    "UNKNOWN_TYPE": "The bus does not serve this type of request.",
    "NO_SESSION": "Nobody is signed in, or the session is over.",
    "ORIGIN_MISMATCH": "The request named another origin than the page it came from.",
    "BACKEND_UNREACHABLE": "The backend gave no answer: it is down, or the connection broke.",
    "BACKEND_TIMEOUT": "The backend did not answer within the bus’s time limit; the bus gave up.",
    "BACKEND_ERROR": "The backend failed, and its answer does not say why.",
    "BACKEND_INVALID": "The backend’s answer does not have the agreed form.",
    "PROVIDER_MISCONFIGURED": "The identity provider is not set up for this exchange.",
    "ID_TOKEN_INVALID": "The identity provider’s ID token did not pass the bus’s checks.",
    "CANCELLED": "The sign-in was cancelled before the answer came.",
    "PAGE_HIDDEN": "The browser put the page into its back-forward cache during the request.",
    "OVERLOADED": "Too many requests are under way at once.",
    "BOOT_FAILED": "The bus’s Python could not start in this browser.",
    "RUNTIME_DIED": "The bus’s Python stopped working; reload the page to start it again.",
    "INTERNAL": "The bus has a defect.",
    # The embed module's.
    "REJECTED": "The backend refused. Its own error reached this page unchanged.",
    "TIMEOUT": "The bus did not answer in time.",
    "ABORTED": "You cancelled the request. Its answer will be ignored.",
    "DESTROYED": "The bus frame was removed while the request was under way.",
    "BUS_UNREACHABLE": "The bus is down, its address is wrong, or a blocker is in the way.",
    "NOT_ALLOWED": "No bus speaks to this page: its settings may not name this page’s origin, or a blocker is in the way.",
    "MISCONFIGURED": "This page forbids the bus: its policy, or the frame’s sandbox.",
    "BUS_RELOADED": "The bus frame was reloaded while the request was under way.",
    # This page's, before anything is sent to the bus.
    "STATE_MISMATCH": "This page did not begin that sign-in. The code was not sent to the bus.",
    "ISSUER_MISMATCH": "The answer came from another identity provider. The code was not sent to the bus.",
    "CODE_MISSING": "The identity provider sent no code, so there was nothing to exchange.",
    # The identity provider's (RFC 6749, 4.1.2.1).
    "access_denied": "The sign-in was cancelled at the provider. Nothing was sent to the bus.",
}


def meaning(code: str) -> str:
    """The sentence for a code; a general one for a code that is not in the table."""
    return MEANINGS.get(code, "The sign-in did not succeed.")

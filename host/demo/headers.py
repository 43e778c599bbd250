"""Response headers of the demo's pages: a policy that starts from nothing."""

import base64
import hashlib

_ALWAYS = {
    "default-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def page_headers(**sources: str) -> dict[str, str]:
    """Headers for a page that may load only `sources`: CSP directives, with _ for their hyphens."""
    policy = _ALWAYS | {name.replace("_", "-"): value for name, value in sources.items()}
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def script_hash(script: str) -> str:
    """The CSP source that allows one inline script, given its text between the tags."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

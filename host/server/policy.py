"""The HTTP headers that a bus is served with, made from its settings."""

from typing import Final

from . import dictionary
from .shared import Settings

_FEATURES = (
    "accelerometer", "autoplay", "camera", "clipboard-read", "clipboard-write",
    "display-capture", "encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope",
    "hid", "identity-credentials-get", "idle-detection", "local-fonts", "magnetometer",
    "microphone", "midi", "otp-credentials", "payment", "picture-in-picture",
    "publickey-credentials-create", "publickey-credentials-get", "screen-wake-lock", "serial",
    "storage-access", "usb", "window-management", "xr-spatial-tracking",
)  # fmt: skip


IMMUTABLE: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    # A bus that is sandboxed without an origin must be able to read its first script: otherwise the
    # browser cannot compare the hash, and the bus cannot say what is wrong. These files are public anyway.
    "Access-Control-Allow-Origin": "*",
}
REVALIDATE: Final = {"Cache-Control": "no-cache"}


def content_security_policy(
    settings: Settings, inline: str | None = None, *, in_page: bool = False
) -> str:
    """Return the policy (CSP Level 3). `frame-ancestors` has no effect in a page's own meta element.

    `inline` is the source that allows the page's import map, by its hash.
    """
    script = ["'self'", *([inline] if inline else []), "'wasm-unsafe-eval'"]
    directives = _directives(script=script, connect=["'self'", *settings.origins])
    if not in_page:
        directives["frame-ancestors"] = list(settings.allowed_origins)
    return _text(directives)


def warm_up_policy() -> str:
    """Return the policy of warm.html, for its meta element: no WebAssembly, and no other server.

    It comes on top of the header's, which names who may embed the page.
    """
    return _text(_directives(script=["'self'"], connect=["'self'"]))


def _directives(*, script: list[str], connect: list[str]) -> dict[str, list[str]]:
    return {
        "default-src": ["'none'"],
        "script-src": script,
        "connect-src": connect,
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        # No script of these pages turns text into script or markup, so the policy forbids it.
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["'none'"],
    }


def _text(directives: dict[str, list[str]]) -> str:
    return "; ".join(" ".join([name, *sources]) for name, sources in directives.items())


def headers(
    settings: Settings, hashed: list[str], inline: str | None = None
) -> dict[str, dict[str, str]]:
    """Return the headers for each path pattern of the built folder.

    `hashed` lists the folders whose names contain the hash of their content: they never change.
    `inline` is the source that allows the page's import map.
    """
    return {
        "/*": {
            "Content-Security-Policy": content_security_policy(settings, inline),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _FEATURES),
            # A host with `Cross-Origin-Embedder-Policy: require-corp` can embed this page.
            "Cross-Origin-Embedder-Policy": "require-corp",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
        },
        "/": REVALIDATE,
        "/index.html": REVALIDATE,
        "/errors.html": REVALIDATE,
        "/warm.html": REVALIDATE,
        "/sbom.cdx.json": REVALIDATE,
        **{f"/{name}/*": IMMUTABLE for name in hashed},
        **{
            f"/{name}/{dictionary.NAME}": dictionary.USE
            for name in hashed
            if name.startswith("bus-")
        },
    }


def headers_file(rules: dict[str, dict[str, str]]) -> str:
    """Return the rules as a `_headers` file, which static hosts read."""
    return "".join(
        f"{path}\n" + "".join(f"  {name}: {value}\n" for name, value in of.items())
        for path, of in rules.items()
    )

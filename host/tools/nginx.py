"""Writes the headers of `_headers`, and everything else that is needed, as an nginx configuration."""

from collections.abc import Sequence

from bus import VERSION
from host.server import dictionary
from host.server.policy import IMMUTABLE, REVALIDATE

_TEXT = """\
# SSO bus {version}, written by the build for this folder and its settings: headers, types, compression.
# Include it in a location that ends with a slash, on an origin that serves nothing else:
#
#     location / {{                           # or a path: location /sign-in/ {{
#         alias /srv/sso-bus/dist/;          # this folder, with a slash at its end
#         include /srv/sso-bus/dist/nginx.conf;
#     }}
#
# Where a block has an add_header, nginx drops those of the blocks around it. So each block here has
# all of them, and one of your own (Strict-Transport-Security) goes into each, or into what stands
# before nginx.

types {{
    text/html html;
    text/javascript js mjs;
    text/plain py;
    application/json json;
    application/wasm wasm;
    application/zip zip;
}}
default_type application/octet-stream;
charset utf-8;
charset_types text/javascript text/plain;  # and text/html, always
index index.html;
autoindex off;
server_tokens off;

# The .gz beside each file, also for those who ask through a proxy (a CDN sends "Via").
gzip_static on;
gzip_proxied any;
gzip_vary on;
# The .br are a quarter smaller. They need ngx_brotli; Debian: libnginx-mod-http-brotli-static.
#brotli_static on;
# The .zst are unpacked four times as fast, at each start. They need zstd-nginx-module.
#zstd_static on;

# The pages (the bus, the guide to its errors, the warm-up) and the list of parts: revalidated each time.
location ~ "(?<!-[0-9a-f]{{16}})/(?:(?:index|errors|warm)\\.html|sbom\\.cdx\\.json)?$" {{
{page}}}

{snapshot}# Folders whose names hold their content's hash, older ones included: they never change. Without
# "always", so that an error is not kept for a year.
location ~ "/[a-z]+-[0-9a-f]{{16}}/[^/]+$" {{
{hashed}}}

# All else is not there, and never answered with another page: it would be taken for the file.
location ~ "" {{
{missing}    return 404;
}}
"""


_SNAPSHOT = """\
# A browser may keep the snapshot as a dictionary for the next release's (RFC 9842).
location ~ "{path}$" {{
{hashed}{dictionary}{deltas}}}

"""

_DELTAS = """\
    # Where it has the snapshot of an earlier release, it gets only the difference.
    add_header Vary Available-Dictionary;
    set $dictionary "";
{choices}    if ($http_accept_encoding !~ "\\bdcz\\b") {{ set $dictionary ""; }}
    if ($dictionary) {{ rewrite ^ $uri$dictionary last; }}
}}
location ~ "{path}\\.[0-9a-f]+\\.dcz$" {{
    internal;
{hashed}{dictionary}    add_header Content-Encoding dcz;
    add_header Vary "Accept-Encoding, Available-Dictionary";
"""


def nginx_file(rules: dict[str, dict[str, str]], dictionaries: Sequence[bytes] = ()) -> str:
    """Return the configuration for the rules that `headers` made. It works under any path.

    `dictionaries`: the SHA-256 of each file from which the snapshot's difference is there.
    """
    always = rules["/*"]
    hashed = _lines(always, "always") + _lines(IMMUTABLE)
    snapshots = [path for path in rules if path.endswith(f"/{dictionary.NAME}")]
    return _TEXT.format(
        version=VERSION,
        page=_lines(always, "always") + _lines(REVALIDATE),
        snapshot="".join(_snapshot(path, hashed, dictionaries) for path in snapshots),
        hashed=hashed,
        missing=_lines(always | {"Cache-Control": "no-store"}, "always"),
    )


def _snapshot(path: str, hashed: str, dictionaries: Sequence[bytes]) -> str:
    path = path.replace(".", r"\.")
    choices = "".join(
        f'    if ($http_available_dictionary = "{dictionary.available(digest)}") '
        f'{{ set $dictionary "{dictionary.delta_ending(digest)}"; }}\n'
        for digest in dictionaries
    )
    common = {"path": path, "hashed": hashed, "dictionary": _lines(dictionary.USE)}
    deltas = _DELTAS.format(**common, choices=choices) if dictionaries else ""
    return _SNAPSHOT.format(**common, deltas=deltas)


def _lines(headers: dict[str, str], *flags: str) -> str:
    return "".join(
        f"    {' '.join(['add_header', name, _quoted(value), *flags])};\n"
        for name, value in headers.items()
    )


def _quoted(value: str) -> str:
    # A "$" would be a variable, and nothing in nginx's quotes escapes it. No header here has one.
    quote = "'" if '"' in value else '"'
    if set(value) & set(f"{quote}$\\\n"):
        raise ValueError(f"nginx cannot send this header: {value}")
    return f"{quote}{value}{quote}"

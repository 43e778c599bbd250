"""Writes the headers of `_headers`, and everything else that is needed, as an nginx configuration."""

from bus import VERSION
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

# Folders whose names hold their content's hash, older ones included: they never change. Without
# "always", so that an error is not kept for a year.
location ~ "/[a-z]+-[0-9a-f]{{16}}/[^/]+$" {{
{hashed}}}

# All else is not there, and never answered with another page: it would be taken for the file.
location ~ "" {{
{missing}    return 404;
}}
"""


def nginx_file(rules: dict[str, dict[str, str]]) -> str:
    """Return the configuration for the rules that `headers` made. It works under any path."""
    always = rules["/*"]
    return _TEXT.format(
        version=VERSION,
        page=_lines(always, "always") + _lines(REVALIDATE),
        hashed=_lines(always, "always") + _lines(IMMUTABLE),
        missing=_lines(always | {"Cache-Control": "no-store"}, "always"),
    )


def _lines(headers: dict[str, str], *flags: str) -> str:
    return "".join(
        f"    {' '.join(['add_header', name, _quoted(value), *flags])};\n"
        for name, value in headers.items()
    )


def _quoted(value: str) -> str:
    # A "$" would be a variable, and nothing in nginx's quotes escapes it. No header here has one.
    if set(value) & set('"$\\\n'):
        raise ValueError(f"nginx cannot send this header: {value}")
    return f'"{value}"'

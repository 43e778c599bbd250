"""A real nginx for the tests, on loopback, run by the current user."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
_BROTLI = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")

_CONFIG = """\
{top}
daemon off;
worker_processes 1;
pid {at}/pid;
error_log {at}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log {at}/access.log;
    client_body_temp_path {at}/body;
    proxy_temp_path {at}/proxy;
    fastcgi_temp_path {at}/fastcgi;
    uwsgi_temp_path {at}/uwsgi;
    scgi_temp_path {at}/scgi;
    add_header X-Outer "lost" always;
    server {{
        listen 127.0.0.1:{port};
{locations}
    }}
}}
"""


def nginx_program() -> str | None:
    """Return the path of an installed nginx, or None."""
    return shutil.which("nginx", path=_PATH)


def brotli_module() -> Path | None:
    """Return the module that sends .br files, where Debian's package of it is installed."""
    return _BROTLI if _BROTLI.exists() else None


@contextmanager
def nginx(
    at: Path,
    locations: dict[str, Path],
    load: Path | None = None,
    include: Path | None = None,
) -> Iterator[str]:
    """Serve built folders, each under its path, by the nginx.conf in it or by `include`; yields the
    origin.

    `load` is a module to load. Raises AssertionError if nginx does not like the configuration.
    """
    program = nginx_program()
    assert program is not None
    at.mkdir()
    # nginx takes over a listening socket that is named in its environment (that is how it restarts
    # without a gap), so the port is ours before it starts, and requests wait until it is up.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        blocks = "\n".join(
            f"        location {path} {{ alias {folder}/; include {include or folder / 'nginx.conf'}; }}"
            for path, folder in locations.items()
        )
        top = [f"load_module {load};"] if load else []
        if os.geteuid() == 0:
            top.append("user root;")  # else its worker could not read what the tests build
        config = at / "nginx.conf"
        config.write_text(_CONFIG.format(top="\n".join(top), at=at, port=port, locations=blocks))
        fd = listening.fileno()
        command = [program, "-p", str(at), "-e", str(at / "error.log"), "-c", str(config)]
        tested = subprocess.run([*command, "-t"], check=False, capture_output=True, text=True)
        assert tested.returncode == 0, tested.stderr
        process = subprocess.Popen(
            command, env=os.environ | {"NGINX": f"{fd};"}, pass_fds=[fd], stderr=subprocess.DEVNULL
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)

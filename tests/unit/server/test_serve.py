"""A built folder over ASGI."""

import asyncio
import gzip
from collections.abc import AsyncIterator, MutableMapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from host.server import dictionary
from host.server.serve import BusFiles, bus_files

pytestmark = pytest.mark.anyio

HEADERS = """/*
  X-Content-Type-Options: nosniff
  X-Colon: a: b
/
  Cache-Control: no-cache
/index.html
  Cache-Control: no-cache
/bus-1/*
  Cache-Control: public, max-age=31536000, immutable
"""
TYPES = {
    "core.js": "text/javascript; charset=utf-8",
    "pyodide.mjs": "text/javascript; charset=utf-8",
    "main.py": "text/plain; charset=utf-8",
    "lock.json": "application/json",
    "python.wasm": "application/wasm",
    "bus.zip": "application/zip",
    "style.css": "text/css; charset=utf-8",
    "config.toml": "text/plain; charset=utf-8",
    "a.whl": "application/octet-stream",
    "noending": "application/octet-stream",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "bus-1").mkdir(parents=True)
    (folder / "_headers").write_text(HEADERS)
    (folder / "nginx.conf").write_text("this is for nginx")
    (folder / "index.html").write_text("<p>page")
    for name in TYPES:
        (folder / "bus-1" / name).write_text(f"this is {name}")
    (folder / "bus-1/core.js.br").write_bytes(b"packed by brotli")
    (folder / "bus-1/core.js.gz").write_bytes(gzip.compress(b"this is core.js"))
    (folder / "bus-1/lock.json.zst").write_bytes(b"packed by zstd")
    (folder / "bus-1/lock.json.gz").write_bytes(gzip.compress(b"this is lock.json"))
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "dist-other").mkdir()
    (tmp_path / "dist-other/secret.txt").write_text("secret")
    return folder


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(bus_files(folder))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://bus.test", headers={"Accept-Encoding": "identity"}
    ) as client:
        yield client


async def raw(
    app: BusFiles,
    path: str,
    method: str = "GET",
    headers: list[tuple[bytes, bytes]] | tuple[Any, ...] = (),
    root_path: str = "",
) -> tuple[int, dict[str, str], bytes]:
    """One request with a path that httpx would tidy up."""
    sent = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> NoReturn:
        await asyncio.Event().wait()  # the client stays
        raise AssertionError

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "root_path": root_path,
        "query_string": b"", "headers": list(headers), "http_version": "1.1", "scheme": "http",
        "server": ("bus.test", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}, body


@pytest.mark.parametrize(("name", "type_"), TYPES.items())
async def test_types(client: httpx.AsyncClient, name: str, type_: str) -> None:
    response = await client.get(f"/bus-1/{name}")
    assert response.status_code == 200
    assert response.text == f"this is {name}"
    assert response.headers["Content-Type"] == type_
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Colon"] == "a: b"


@pytest.mark.parametrize("path", ["/", "/index.html", "/?x=1", "/index.html?x=../../secret.txt"])
async def test_the_page_is_asked_for_anew(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.text == "<p>page"
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-cache"


async def test_what_never_changes_is_immutable(client: httpx.AsyncClient) -> None:
    response = await client.get("/bus-1/core.js")
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("accept", "encoding"),
    [
        ("br", "br"), ("gzip", "gzip"), ("gzip, deflate, br, zstd", "br"), ("gzip;q=1.0, br;q=0.5", "br"),
        ("identity", None), ("", None), ("deflate", None), ("brotli", None), ("br;q=0, gzip", "gzip"),
        ("br;q=0", None), ("gzip; q=0.0", None), ("BR", "br"),
    ],
)  # fmt: skip
async def test_packed_files(folder: Path, accept: str, encoding: str | None) -> None:
    app = bus_files(folder)
    status, headers, body = await raw(
        app, "/bus-1/core.js", headers=[(b"accept-encoding", accept.encode())]
    )
    assert status == 200
    assert headers.get("content-encoding") == encoding
    assert headers["vary"] == "Accept-Encoding"
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    names = {"br": "core.js.br", "gzip": "core.js.gz", None: "core.js"}
    assert body == (folder / "bus-1" / names[encoding]).read_bytes()
    assert headers["content-length"] == str(len(body))


@pytest.mark.parametrize(
    ("accept", "has", "encoding"),
    [
        ("gzip, br, zstd, dcb, dcz", b"older", "dcz"),
        ("gzip, br, zstd, dcb", b"older", "zstd"),
        ("gzip, br, zstd, dcz;q=0", b"older", "zstd"),
        ("gzip, br, zstd, dcz", b"another", "zstd"),
        ("gzip, br, zstd, dcz", None, "zstd"),
        ("dcz", b"another", None),
    ],
)
async def test_only_the_difference_from_what_the_browser_has(
    folder: Path, accept: str, has: bytes | None, encoding: str | None
) -> None:
    bus = folder / "bus-1"
    endings = {"dcz": dictionary.delta_ending(sha256(b"older").digest()), "zstd": ".zst", None: ""}
    for ending in endings.values():
        (bus / f"snapshot.bin{ending}").write_text(f"this is snapshot.bin{ending}")
    asked = [(b"accept-encoding", accept.encode())]
    if has is not None:
        text = dictionary.available(sha256(has).digest())
        asked.append((b"available-dictionary", text.encode()))
    status, headers, body = await raw(bus_files(folder), "/bus-1/snapshot.bin", headers=asked)
    assert status == 200
    assert headers.get("content-encoding") == encoding
    assert body.decode() == f"this is snapshot.bin{endings[encoding]}"
    assert headers["vary"] == "Accept-Encoding, Available-Dictionary"
    assert headers["content-type"] == "application/octet-stream"
    # Of another file there is none, and caches need not tell its requests apart.
    _, headers, _ = await raw(bus_files(folder), "/bus-1/core.js", headers=asked)
    assert headers["vary"] == "Accept-Encoding"


async def test_what_is_unpacked_fastest_goes_out_first(folder: Path) -> None:
    asked = [(b"accept-encoding", b"gzip, deflate, br, zstd")]
    _, headers, body = await raw(bus_files(folder), "/bus-1/lock.json", headers=asked)
    assert headers["content-encoding"] == "zstd"
    assert body == b"packed by zstd"


async def test_what_is_not_packed_goes_out_as_it_is(client: httpx.AsyncClient) -> None:
    response = await client.get("/bus-1/bus.zip", headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in response.headers
    assert response.text == "this is bus.zip"


async def test_no_accept_encoding_at_all(folder: Path) -> None:
    _, headers, body = await raw(bus_files(folder), "/bus-1/core.js")
    assert "content-encoding" not in headers
    assert body == b"this is core.js"


@pytest.mark.parametrize("path", ["/nowhere", "/bus-1", "/bus-1/", "/bus-1/nowhere.js", "/bus-2/core.js", "/index.html/",
                                  "/core.js", "/_headers", "/nginx.conf", "/favicon.ico", "/bus-1/core.js/"])  # fmt: skip
async def test_what_is_not_there_is_a_404_and_never_another_page(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert "page" not in response.text
    assert "this is" not in response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/bus-1/../../secret.txt", "/../dist-other/secret.txt", "//../secret.txt", "/./../secret.txt",
     "/..", "/../", "/bus-1/../..", "../secret.txt", "/..\\secret.txt", "/../dist/../secret.txt", "//etc/passwd",
     "/etc/passwd", "/../" * 20 + "etc/passwd", "/secret.txt", "/~root", "/bus-1/\0", "/\0", "/" + "x" * 5000,
     "/bus-1/core.js\0.html"],
)  # fmt: skip
async def test_nothing_outside_the_folder(folder: Path, path: str) -> None:
    status, _, body = await raw(bus_files(folder), path)
    assert status == 404
    assert b"secret" not in body


@pytest.mark.parametrize(
    "path",
    ["/%2e%2e/secret.txt", "/%2e%2e%2fsecret.txt", "/..%2fsecret.txt", "/bus-1/..%2f..%2fsecret.txt",
     "/%252e%252e/secret.txt", "/%2e%2e%2fdist-other%2fsecret.txt", "/..%5csecret.txt", "/%2fetc%2fpasswd",
     "/bus-1/%00", "/%c0%ae%c0%ae/secret.txt"],
)  # fmt: skip
async def test_nothing_outside_the_folder_by_an_encoded_path(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert "secret" not in response.text


async def test_links_do_not_lead_outside(folder: Path, client: httpx.AsyncClient) -> None:
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    assert (await client.get("/link.txt")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/bus-1/../index.html", "/bus-1/./../", "/bus-1/x/../../index.html"]
)
async def test_the_page_is_never_immutable(folder: Path, path: str) -> None:
    _, headers, _ = await raw(bus_files(folder), path)
    assert "immutable" not in headers["cache-control"]


@pytest.mark.parametrize("path", ["/", "/bus-1/core.js", "/nowhere"])
async def test_head_is_get_without_the_body(client: httpx.AsyncClient, path: str) -> None:
    got = await client.get(path)
    head = await client.head(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers == got.headers


async def test_head_of_a_packed_file(folder: Path) -> None:
    asked = [(b"accept-encoding", b"br")]
    _, headers, body = await raw(bus_files(folder), "/bus-1/core.js", "HEAD", asked)
    assert body == b""
    assert headers["content-encoding"] == "br"
    assert headers["content-length"] == str(len(b"packed by brotli"))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/nowhere"])
async def test_nothing_but_get_and_head(client: httpx.AsyncClient, method: str, path: str) -> None:
    response = await client.request(method, path)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"


async def test_under_a_path(folder: Path) -> None:
    app = Starlette(routes=[Mount("/sign-in", bus_files(folder))])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://bus.test"
    ) as client:
        page = await client.get("/sign-in/")
        script = await client.get("/sign-in/bus-1/bus.zip")
    assert page.text == "<p>page"
    assert page.headers["Cache-Control"] == "no-cache"
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"


async def test_a_page_is_served_as_the_page_of_its_folder(folder: Path) -> None:
    app = bus_files(folder)
    _, headers, _ = await raw(app, "/sign-in/", root_path="/sign-in")
    assert headers["cache-control"] == "no-cache"
    # Without the slash its addresses would lead elsewhere; a proxy in front may know another origin.
    status, headers, body = await raw(app, "/a/sign in", root_path="/a/sign in")
    assert (status, headers["location"], body) == (308, "sign%20in/", b"")
    assert headers["x-content-type-options"] == "nosniff"


RULES = {"/*": {"X-Rule": "all"}, "/": {"Cache-Control": "no-cache"}}


@pytest.mark.parametrize("path", ["/", "/index.html"])
async def test_a_page_from_memory(folder: Path, path: str) -> None:
    page = "<p>\u00fc".encode()
    app = BusFiles(folder, RULES, page)
    status, headers, body = await raw(app, path)
    assert (status, body) == (200, page)
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["x-rule"] == "all"
    assert headers["vary"] == "Accept-Encoding"
    packed = [(b"accept-encoding", b"gzip, br")]
    _, headers, body = await raw(app, path, headers=packed)
    assert headers["content-encoding"] == "gzip"
    assert headers["content-length"] == str(len(body))
    assert gzip.decompress(body) == page
    _, head, body = await raw(app, path, "HEAD", packed)
    assert (head, body) == (headers, b"")


async def test_beside_a_page_from_memory_all_is_as_ever(folder: Path) -> None:
    app = BusFiles(folder, RULES, b"")
    status, headers, body = await raw(app, "/bus-1/bus.zip")
    assert (status, headers["x-rule"], body) == (200, "all", b"this is bus.zip")
    assert (await raw(app, "/nowhere"))[0] == 404
    assert (await raw(app, "/", "POST"))[0] == 405


async def test_a_folder_without_headers(folder: Path) -> None:
    (folder / "_headers").unlink()
    status, headers, body = await raw(bus_files(folder), "/")
    assert (status, body) == (200, b"<p>page")
    assert "cache-control" not in headers


async def test_other_protocols_are_not_spoken(folder: Path) -> None:
    async def nothing(*_: Any) -> NoReturn:
        raise AssertionError

    await bus_files(folder)({"type": "lifespan"}, nothing, nothing)

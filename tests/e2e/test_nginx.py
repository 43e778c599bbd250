"""The built folder behind a real nginx, by the configuration that comes with it."""

import gzip
import os
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import brotli
import httpx
import pytest

from host.server.dictionary import USE, available, delta_ending
from tests.e2e.support.damage import find
from tests.e2e.support.nginx import brotli_module, nginx, nginx_program
from tests.e2e.support.releases import releases
from tests.e2e.support.serving import TYPES, headers_of, rules, signs_in
from tests.e2e.support.tab import Opener
from tests.e2e.support.world import World

CI = os.environ.get("CI") == "true"
pytestmark = pytest.mark.skipif(
    nginx_program() is None and not CI,
    reason="no nginx here; `make browsers` installs it on Debian",
)


@pytest.fixture(scope="module")
def folder(world: World) -> Path:
    world.bus()
    return world.buses.folders["bus"]


@pytest.fixture(scope="module")
def origin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    at = tmp_path_factory.mktemp("nginx") / "run"
    with nginx(at, {"/": folder, "/deep/sign-in/": folder}) as origin:
        yield origin
    assert not re.search(r"\[(warn|alert|crit|emerg)\]", (at / "error.log").read_text())


@pytest.fixture(scope="module", params=["/", "/deep/sign-in/"])
def base(origin: str, request: pytest.FixtureRequest) -> str:
    return origin + str(request.param)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(headers={"Accept-Encoding": "identity"}) as client:
        yield client


def files(folder: Path) -> list[str]:
    """Each file that is served, packed ones left out."""
    for_servers = {"_headers", "nginx.conf"}
    paths = (p for p in folder.rglob("*") if p.is_file() and p.suffix not in (".zst", ".br", ".gz"))
    return sorted({p.relative_to(folder).as_posix() for p in paths} - for_servers)


def test_every_file_has_the_headers_of_the_headers_file(
    client: httpx.Client, base: str, folder: Path
) -> None:
    expected = rules(folder)
    assert "nginx.conf" not in files(folder)
    for name in ["", *files(folder)]:
        response = client.get(base + name)
        assert response.status_code == 200, name
        assert response.content == (folder / (name or "index.html")).read_bytes(), name
        pattern = f"/{name.split('/')[0]}/*" if "/" in name else f"/{name}"
        of = expected["/*"] | expected[pattern] | expected.get(f"/{name}", {})
        assert "Cache-Control" in of
        assert headers_of(response, of) == of, name
        assert "X-Outer" not in response.headers
        assert response.headers["Server"] == "nginx"  # and no version


def test_types(client: httpx.Client, base: str, folder: Path) -> None:
    for name in files(folder):
        type_ = client.head(base + name).headers["Content-Type"]
        assert type_ == TYPES[Path(name).suffix], name
    assert client.head(base).headers["Content-Type"] == TYPES[".html"]


@pytest.mark.parametrize("name", ["", "pyscript-*/core-*.js", "python-*/pyodide.asm.wasm"])
@pytest.mark.parametrize("via", [{}, {"Via": "1.1 cdn"}], ids=["direct", "through a proxy"])
def test_packed_files_are_sent(
    client: httpx.Client, base: str, folder: Path, name: str, via: dict[str, str]
) -> None:
    (path,) = folder.glob(name or "index.html")
    address = base + (path.relative_to(folder).as_posix() if name else "")
    with client.stream("GET", address, headers={"Accept-Encoding": "gzip, br"} | via) as response:
        raw = b"".join(response.iter_raw())
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Vary"] == "Accept-Encoding"
    assert raw == path.with_name(path.name + ".gz").read_bytes()
    assert gzip.decompress(raw) == path.read_bytes()
    assert response.headers["Content-Type"] == TYPES[path.suffix]


def test_only_the_difference_from_an_earlier_snapshot(
    client: httpx.Client, world: World, tmp_path: Path
) -> None:
    last, folder = releases(world)
    old, new = find(last, "snapshot.bin"), find(folder, "snapshot.bin")
    digest = sha256(old.read_bytes()).digest()
    delta = new.with_name(new.name + delta_ending(digest))
    expected = rules(folder)
    of = expected["/*"] | expected[f"/{new.parent.name}/*"] | USE
    has, has_not = available(digest), available(sha256(b"another").digest())
    with nginx(tmp_path / "run", {"/": folder, "/deep/sign-in/": folder}) as origin:
        for base in (origin, f"{origin}/deep/sign-in"):
            address = f"{base}/{new.relative_to(folder).as_posix()}"
            for accepted, dictionary, encoding, ending in (
                ("gzip, br, zstd, dcb, dcz", has, "dcz", delta.name),
                ("gzip, br, zstd, dcb, dcz", has_not, "gzip", "snapshot.bin.gz"),
                ("gzip, br, zstd, dcb", has, "gzip", "snapshot.bin.gz"),
                ("identity", has, None, "snapshot.bin"),
            ):
                asked = {"Accept-Encoding": accepted, "Available-Dictionary": dictionary}
                with client.stream("GET", address, headers=asked) as response:
                    raw = b"".join(response.iter_raw())
                assert response.headers.get("Content-Encoding") == encoding
                assert raw == (new.parent / ending).read_bytes()
                assert "Available-Dictionary" in response.headers["Vary"]
                assert headers_of(response, of) == of
                assert response.headers["Content-Type"] == TYPES[".bin"]
            # By its own name it would come without its encoding.
            assert (
                client.get(f"{address}{delta.name.removeprefix('snapshot.bin')}").status_code == 404
            )


@pytest.mark.skipif(brotli_module() is None and not CI, reason="no brotli module for nginx here")
def test_brotli_where_the_module_is(client: httpx.Client, folder: Path, tmp_path: Path) -> None:
    """The line that is a comment in the configuration, made a line."""
    config = (folder / "nginx.conf").read_text()
    assert "\n#brotli_static on;\n" in config
    own = tmp_path / "nginx.conf"
    own.write_text(config.replace("\n#brotli_static on;\n", "\nbrotli_static on;\n"))
    (name,) = folder.glob("python-*/pyodide.asm.wasm")
    address = name.relative_to(folder).as_posix()
    with nginx(tmp_path / "run", {"/": folder}, brotli_module(), own) as origin:
        asked = {"Accept-Encoding": "gzip, br"}
        with client.stream("GET", f"{origin}/{address}", headers=asked) as response:
            raw = b"".join(response.iter_raw())
    assert response.headers["Content-Encoding"] == "br"
    assert brotli.decompress(raw) == name.read_bytes()


def test_what_is_cached_is_asked_for_anew_or_never(
    client: httpx.Client, base: str, folder: Path
) -> None:
    page = client.get(base)
    assert page.headers["Cache-Control"] == "no-cache"
    again = client.get(base, headers={"If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304
    assert again.headers["Content-Security-Policy"] == page.headers["Content-Security-Policy"]
    (name,) = folder.glob("bus-*/early.js")
    script = client.get(base + name.relative_to(folder).as_posix())
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path",
    ["nowhere", "nowhere/", "bus-0123456789abcdef/early.js", "{bus}", "{bus}/", "{bus}/nowhere.js", "{bus}/index.html",
     "_headers", "nginx.conf", "favicon.ico", "{bus}/early.js/", "{bus}/../_headers", "{bus}/%2e%2e/_headers",
     "..%2fsecret.txt", "../secret.txt", "index.html/", "core.js"],
)  # fmt: skip
def test_what_is_not_there_is_a_404_and_never_another_page(
    client: httpx.Client, base: str, folder: Path, path: str
) -> None:
    (bus,) = folder.glob("bus-*")
    (folder.parent / "secret.txt").write_text("secret")
    # As it stands: httpx would tidy the path up.
    url = httpx.URL(base).copy_with(
        raw_path=httpx.URL(base).raw_path + path.format(bus=bus.name).encode()
    )
    response = client.get(url)
    assert response.status_code in (400, 404)
    assert "bus-settings" not in response.text
    assert "secret" not in response.text
    assert "immutable" not in response.headers.get("Cache-Control", "")
    if response.status_code == 404:
        always = rules(folder)["/*"]
        assert headers_of(response, always) == always


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_but_reading(client: httpx.Client, base: str, method: str) -> None:
    assert client.request(method, base).status_code == 405


def test_a_whole_sign_in(
    base: str, open_tab: Opener, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs_in(base, open_tab, world, monkeypatch)

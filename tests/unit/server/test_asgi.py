"""A bus as an ASGI application, from parts of a few bytes."""

import json
import re

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Host

from bus.settings import Settings
from host.server.asgi import ConfigError, bus_app
from host.server.policy import content_security_policy
from host.tools.paths import ROOT

pytestmark = pytest.mark.anyio

TABLE = {
    "allowed_origins": ["https://app.example.com"],
    "sso": {"exchange_url": "https://api.example.com/sso"},
}
OIDC = {"provider": "oidc", "issuer": "https://login.example.com/realm", "client_id": "c"}
ENDPOINTS = {
    "token_endpoint": "https://token.example.com/",
    "jwks_uri": "https://keys.example.com/",
    "userinfo": False,
}


@pytest.fixture
def built(tmp_path):
    folder = tmp_path / "built"
    (folder / "static/bus-0").mkdir(parents=True)
    (folder / "static/bus-0/early.js").write_text("// early")
    (folder / "page.html").write_text((ROOT / "index.html").read_text())
    parts = {
        "folders": ["bus-0"],
        "replacements": {"./bus/main.py": "./bus-0/main.py"},
        "integrity": {"./bus-0/early.js": "sha256-x"},
    }
    (folder / "parts.json").write_text(json.dumps(parts))
    return folder


async def get(app, path="/", origin="https://bus.example.com"):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=origin) as client:
        return await client.get(path)


async def test_the_page_has_settings_policy_and_hashes(built):
    page = await get(bus_app(TABLE, built=built))
    assert page.status_code == 200
    assert '"allowed_origins":["https://app.example.com"]' in page.text
    assert "./bus-0/main.py" in page.text
    [imports] = re.findall(r'<script type="importmap">(.*?)</script>', page.text)
    assert json.loads(imports) == {"integrity": {"./bus-0/early.js": "sha256-x"}}
    policy = page.headers["Content-Security-Policy"]
    inline = re.search(r"'sha256-[^']+'", policy)[0]
    assert policy == content_security_policy(Settings.model_validate(TABLE), inline)
    assert "frame-ancestors https://app.example.com" in policy
    assert page.headers["Cache-Control"] == "no-cache"
    assert page.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


async def test_what_is_hashed_never_changes(built):
    script = await get(bus_app(TABLE, built=built), "/bus-0/early.js")
    assert script.text == "// early"
    assert "immutable" in script.headers["Cache-Control"]
    assert "Content-Security-Policy" in script.headers


async def test_what_the_page_is_made_of_is_not_served(built):
    app = bus_app(TABLE, built=built)
    for path in ("/parts.json", "/page.html", "/../parts.json", "/static/bus-0/early.js"):
        assert (await get(app, path)).status_code == 404


async def test_settings_of_each_kind_give_the_same(built, tmp_path):
    toml = tmp_path / "bus.toml"
    toml.write_text(
        '[bus]\nallowed_origins = ["https://app.example.com"]\n'
        '[bus.sso]\nexchange_url = "https://api.example.com/sso"\n'
    )
    kinds = (TABLE, Settings.model_validate(TABLE), toml, str(toml))
    pages = {(await get(bus_app(kind, built=built))).text for kind in kinds}
    assert len(pages) == 1


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({}, "bus.allowed_origins: is missing"),
        (TABLE | {"allowed_origins": ["*"]}, "bus.allowed_origins[0]: "),
        (TABLE | {"colour": 1}, "bus.colour: is not a setting"),
        (TABLE | {"sso": OIDC}, "bus.sso.connect_origins: is missing"),
    ],
)
async def test_wrong_settings_are_named(built, table, line):
    with pytest.raises(ConfigError) as caught:
        bus_app(table, built=built)
    assert line in str(caught.value).splitlines()[0]


async def test_a_file_that_is_not_there_is_named(built, tmp_path):
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path / 'no.toml'}: cannot be read")):
        bus_app(tmp_path / "no.toml", built=built)


@pytest.mark.parametrize(
    ("more", "origins"),
    [
        ({"connect_origins": ["https://login.example.com"]}, "https://login.example.com"),
        (ENDPOINTS, "https://token.example.com https://keys.example.com"),
    ],
)
async def test_an_openid_connect_provider_whose_origins_are_known(built, more, origins):
    page = await get(bus_app(TABLE | {"sso": OIDC | more}, built=built))
    assert f"connect-src 'self' {origins};" in page.headers["Content-Security-Policy"]
    assert json.dumps(origins.split(), separators=(",", ":")) in page.text


async def test_a_bus_on_an_origin_of_its_own_beside_an_app(built):
    """As the guide recommends: one process, two host names."""
    app = Starlette(routes=[Host("bus.example.com", bus_app(TABLE, built=built))])
    assert "bus-settings" in (await get(app)).text
    assert (await get(app, origin="https://app.example.com")).status_code == 404

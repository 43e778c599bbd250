import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from host.demo.headers import page_headers, script_hash
from host.demo.hostapp import PAGES, Bus, Session, host_app, json_block
from host.demo.trouble import Trouble
from host.tools.paths import CLIENT

pytestmark = pytest.mark.anyio

SESSION_BUS = Bus(
    "http://127.0.0.1:8001/",
    Session(90, Trouble(), "http://127.0.0.1:8001/denied.html"),
)

PAGE_PATHS = ["/", "/callback", "/decoy"]


class Page(HTMLParser):
    """A page's elements, as (tag, attributes) pairs, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Any] = []
        self.inline: list[Any] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.elements[-1] if self.elements else ("", {})
        if self.cdata_elem in ("script", "style") and data.strip():
            self.inline.append((tag, attributes.get("type"), data))


@pytest.fixture
async def host() -> AsyncIterator[httpx.AsyncClient]:
    app = host_app(bus=SESSION_BUS, provider="http://localhost:8002", client_id="demo-host")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost:8000"
    ) as http:
        yield http


def policy_of(response: httpx.Response) -> dict[str, str]:
    return dict(
        part.split(" ", 1) for part in response.headers["content-security-policy"].split("; ")
    )


@pytest.mark.parametrize("path", PAGE_PATHS)
async def test_every_page_starts_from_nothing(host: httpx.AsyncClient, path: str) -> None:
    response = await host.get(path)
    policy = policy_of(response)
    assert response.status_code == 200
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "'unsafe" not in response.headers["content-security-policy"]
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PAGE_PATHS)
async def test_no_page_has_handlers_styles_or_scripts_inside_it(
    host: httpx.AsyncClient, path: str
) -> None:
    page = Page((await host.get(path)).text)
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    loose = [kind for _, kind, _ in page.inline if kind != "application/json"]
    assert len(loose) == (1 if path == "/callback" else 0)


async def test_only_the_bus_and_the_decoy_may_be_framed(host: httpx.AsyncClient) -> None:
    assert policy_of(await host.get("/"))["frame-src"] == "'self' http://127.0.0.1:8001"
    assert policy_of(await host.get("/"))["frame-ancestors"] == "'none'"
    assert policy_of(await host.get("/decoy"))["frame-ancestors"] == "'self'"


async def test_the_callback_page_allows_its_one_script_and_loads_nothing(
    host: httpx.AsyncClient,
) -> None:
    response = await host.get("/callback?code=c0de&state=st4te")
    page = Page(response.text)
    [(_, _, script)] = page.inline
    assert policy_of(response)["script-src"] == script_hash(script)
    assert not [a for _, a in page.elements if {"src", "href", "srcset"} & set(a)]
    assert set(policy_of(response)) == {
        "default-src", "base-uri", "form-action", "frame-ancestors", "script-src",
    }  # fmt: skip
    assert "c0de" not in response.text
    assert 'location.replace("/")' in script


def test_a_script_s_hash_is_the_one_that_browsers_compute() -> None:
    assert script_hash("alert(1)") == "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"


async def test_the_page_gets_its_settings(host: httpx.AsyncClient) -> None:
    text = (await host.get("/")).text
    [block] = re.findall(r'id="demo-settings">(.*?)</script>', text, re.DOTALL)
    assert json.loads(block) == {
        "bus": "http://127.0.0.1:8001/",
        "provider": "http://localhost:8002",
        "clientId": "demo-host",
        "session": {
            "margin": 90,
            "trouble": True,
            "denied": "http://127.0.0.1:8001/denied.html",
        },
    }


JSON = {"Content-Type": "application/json"}


async def test_the_switches_are_read_and_set_one_by_one(host: httpx.AsyncClient) -> None:
    off = {"backend": "answers", "refuseNext": False, "clock": "right"}
    response = await host.get("/trouble")
    assert (response.status_code, response.json()) == (200, off)
    assert response.headers["cache-control"] == "no-store"
    await host.post("/trouble", json={"refuseNext": True})
    response = await host.post("/trouble", json={"clock": "ahead"})
    assert response.json() == (await host.get("/trouble")).json()
    assert response.json() == off | {"refuseNext": True, "clock": "ahead"}
    await host.post("/trouble", json=off)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"backend": "down"}', {"Content-Type": "text/plain"}, 415),  # as another site could send
        (b'{"backend": "down"}', {}, 415),
        (b'{"backend": "odd"}', JSON, 400),
        (b'{"refuseNext": 1}', JSON, 400),
        (b'{"other": 1}', JSON, 400),
        (b"{", JSON, 400),
        (b" " * 2000, JSON, 400),
    ],
)
async def test_what_sets_no_switch(
    host: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int
) -> None:
    before = (await host.get("/trouble")).json()
    response = await host.post("/trouble", content=content, headers=headers)
    assert response.status_code == status
    assert (await host.get("/trouble")).json() == before
    preflight = await host.options("/trouble", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in preflight.headers


async def test_without_a_session_there_are_no_switches() -> None:
    app = host_app(bus=Bus("http://b/"), provider="http://p", client_id="c")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://h") as http:
        assert (await http.get("/trouble")).status_code == 404


async def test_the_page_of_an_openid_connect_provider() -> None:
    app = host_app(
        bus=Bus("http://127.0.0.1:8001/"),
        provider="http://localhost:8002",
        client_id="demo-host",
        oidc=True,
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost:8000"
    ) as http:
        text = (await http.get("/")).text
    [block] = re.findall(r'id="demo-settings">(.*?)</script>', text, re.DOTALL)
    assert json.loads(block)["oidc"] is True
    assert "OpenID Connect" in text
    assert "stand-in" not in text


def test_settings_cannot_end_their_element() -> None:
    hostile = {"a": "</script><script>alert(1)"}
    assert "<" not in json_block(hostile)
    assert json.loads(json_block(hostile)) == hostile


async def test_what_tests_and_python_look_for_is_there_once(host: httpx.AsyncClient) -> None:
    ids = [a["id"] for _, a in Page((await host.get("/")).text).elements if "id" in a]
    wanted = {
        "sign-in", "result", "who", "company", "credentials-kind", "reveal", "countdown",
        "error-code", "error-json", "steps", "broadcast", "cancel", "sign-out",
    }  # fmt: skip
    named = set(re.findall(r'by_id\("([^"]+)"\)|bind\("([^"]+)"', _python()))
    assert wanted | {one or other for one, other in named} <= set(ids)
    assert len(ids) == len(set(ids))


async def test_every_label_points_to_something(host: httpx.AsyncClient) -> None:
    elements = Page((await host.get("/")).text).elements
    ids = {a["id"] for _, a in elements if "id" in a}
    assert {a["aria-labelledby"] for _, a in elements if "aria-labelledby" in a} <= ids


async def test_every_button_is_a_button_and_every_frame_has_a_title(
    host: httpx.AsyncClient,
) -> None:
    elements = Page((await host.get("/")).text).elements
    kinds = [a.get("type") for tag, a in elements if tag == "button"]
    assert sorted(set(kinds)) == ["button", "submit"]
    assert kinds.count("submit") == 1  # of the form with the password
    assert all(a.get("title") for tag, a in elements if tag == "iframe")


async def test_every_python_file_is_served_and_listed(host: httpx.AsyncClient) -> None:
    config = (await host.get("/pyscript.toml")).text
    for file in sorted(PAGES.glob("*.py")):
        response = await host.get(f"/{file.name}")
        assert response.status_code == 200, file.name
        assert response.text == file.read_text("utf-8")
        listed = f'"/{file.name}" = "./{file.name}"' in config
        assert listed is (file.name != "main.py"), file.name  # main.py runs as __main__


async def test_the_page_uses_the_embed_module_that_hosts_import(host: httpx.AsyncClient) -> None:
    response = await host.get("/client.js")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/javascript")
    assert response.text == (CLIENT / "client.js").read_text("utf-8")
    assert '"/client.js" = "bus_client"' in (await host.get("/pyscript.toml")).text


async def test_nothing_comes_from_elsewhere(host: httpx.AsyncClient) -> None:
    for path in [*PAGE_PATHS, "/start.js", "/decoy.js", "/style.css", "/pyscript.toml"]:
        text = (await host.get(path)).text.replace("http://127.0.0.1:8001/", "")
        assert "//" not in re.sub(
            r"^\s*//.*$", "", text.replace("http://localhost:8002", ""), flags=re.M
        )


async def test_the_runtime_s_files_have_the_types_that_browsers_insist_on(tmp_path: Path) -> None:
    for name in ("pyscript/core.js", "micropython/m.mjs", "micropython/m.wasm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    app = host_app(
        bus=Bus("http://127.0.0.1:1/"), provider="http://p", client_id="c", runtime=tmp_path
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://h") as http:
        types = {
            name: (await http.get(name)).headers["content-type"].partition(";")[0]
            for name in ("/pyscript/core.js", "/micropython/m.mjs", "/micropython/m.wasm")
        }
        assert (await http.get("/pyscript/../../secret")).status_code == 404
    assert types == {
        "/pyscript/core.js": "text/javascript",
        "/micropython/m.mjs": "text/javascript",
        "/micropython/m.wasm": "application/wasm",
    }


def test_a_policy_lists_what_it_is_given() -> None:
    policy = page_headers(script_src="'self'")["Content-Security-Policy"]
    assert policy.endswith("; script-src 'self'")


def _python() -> str:
    return "".join(file.read_text("utf-8") for file in PAGES.glob("*.py"))

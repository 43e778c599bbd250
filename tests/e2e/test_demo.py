"""`make demo`, as somebody sees it who runs it: the real command, its pages, every person."""

import re
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from host.tools.paths import ROOT
from tests.e2e.support.demo import Demo, command, free_ports, running, sign_in
from tests.e2e.support.tab import Opener

# What a person sees and clicks, the tests see and click with Playwright, which has no WebKitGTK.
pytestmark = pytest.mark.engines("chromium", "firefox")


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running("--verbose") as demo:
        yield demo
    assert demo.process.returncode == 0, "".join(demo.output)
    assert demo.output[-1] == "Stopped.\n"
    assert "Traceback" not in "".join(demo.output)
    # Codes, tokens and verifiers never reach the log, nor does any query string.
    assert not re.search(r"code=|state=|challenge|\?", "".join(demo.output))


def test_signs_in_a_migrated_user(open_tab: Opener, demo: Demo) -> None:
    page = sign_in(open_tab, demo, "migrated")
    expect(page.locator("body")).to_have_attribute("data-state", "signed-in", timeout=30_000)
    assert page.url == f"{demo.host}/"  # no code in the address
    expect(page.locator("#credentials-kind")).to_contain_text("igrated")
    expect(page.locator("#countdown")).to_contain_text(re.compile(r"1[45]:\d\d"))
    expect(page.locator("#who")).not_to_be_empty()
    expect(page.locator("#company")).not_to_be_empty()
    # Masked until asked for.
    token = re.compile(r"eyJ[\w-]{20,}\.")
    assert not token.search(page.inner_text("body"))
    page.locator("#reveal").click()
    assert token.search(page.inner_text("body"))
    for step in ("redirect", "listening", "ready", "exchange"):
        expect(page.locator(f"#step-{step}")).to_have_attribute("data-step", "done")
        expect(page.locator(f"#step-{step}")).to_contain_text("ms")
    # The history holds no code either, and a reload sends nothing again.
    assert page.evaluate("performance.getEntriesByType('navigation')[0].name") == f"{demo.host}/"
    assert page.evaluate("JSON.stringify({ ...sessionStorage })").find("code") == -1
    page.go_back()
    assert "code=" not in page.url


def test_signs_in_a_legacy_user(open_tab: Opener, demo: Demo) -> None:
    page = sign_in(open_tab, demo, "legacy")
    expect(page.locator("body")).to_have_attribute("data-state", "signed-in", timeout=30_000)
    expect(page.locator("#credentials-kind")).to_contain_text("egacy")
    page.locator("#sign-out").click()
    expect(page.locator("body")).to_have_attribute("data-state", "signed-out")


def test_a_slow_backend_is_waited_for(open_tab: Opener, demo: Demo) -> None:
    page = sign_in(open_tab, demo, "slow")
    expect(page.locator("body")).to_have_attribute("data-state", "signed-in", timeout=40_000)


@pytest.mark.parametrize(
    ("person", "code"),
    [
        ("refused", "REJECTED"),
        ("expired", "REJECTED"),
        ("hanging", "BACKEND_TIMEOUT"),
        ("down", "BACKEND_UNREACHABLE"),
    ],
)
def test_what_the_host_gets_when_it_fails(
    open_tab: Opener, demo: Demo, person: str, code: str
) -> None:
    page = sign_in(open_tab, demo, person)
    expect(page.locator("body")).to_have_attribute("data-state", "failed", timeout=40_000)
    expect(page.locator("#error-code")).to_contain_text(code)
    expect(page.locator("#error-json")).not_to_be_empty()


def test_cancel_ends_the_wait(open_tab: Opener, demo: Demo) -> None:
    page = sign_in(open_tab, demo, "hanging")
    page.locator("#cancel").click()
    expect(page.locator("body")).to_have_attribute("data-state", "failed")
    expect(page.locator("#error-code")).to_contain_text("ABORTED")


def test_a_callback_that_nobody_asked_for_is_refused(open_tab: Opener, demo: Demo) -> None:
    page: Page = open_tab().page
    page.goto(f"{demo.host}/callback?code=stolen&state=forged")
    expect(page.locator("body")).to_have_attribute("data-state", "failed", timeout=30_000)
    expect(page.locator("#error-code")).to_contain_text("STATE_MISMATCH")


def test_the_decoy_hears_nothing_but_a_broadcast(open_tab: Opener, demo: Demo) -> None:
    page = sign_in(open_tab, demo, "legacy")
    expect(page.locator("body")).to_have_attribute("data-state", "signed-in", timeout=30_000)
    decoy = next(frame for frame in page.frames if "decoy" in frame.url)
    expect(decoy.locator("#decoy-count")).to_have_text("0")
    page.locator("#broadcast").click()
    expect(decoy.locator("#decoy-count")).to_have_text("1")


@pytest.fixture(scope="module")
def oidc_demo() -> Iterator[Demo]:
    with running("--provider", "oidc", "--verbose", "--fast") as demo:
        yield demo
    output = "".join(demo.output)
    assert demo.process.returncode == 0, output
    assert demo.output[-1] == "Stopped.\n"
    assert "Traceback" not in output
    assert "provider  POST /token 200" in output
    assert not re.search(r"code=|state=|challenge|\?", output)


def test_signs_in_at_a_real_openid_connect_provider(open_tab: Opener, oidc_demo: Demo) -> None:
    page: Page = open_tab().page
    page.goto(oidc_demo.host)
    page.locator("#sign-in").click()
    page.locator("input[name=login]").fill("ada")
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{oidc_demo.host}/")
    expect(page.locator("body")).to_have_attribute("data-state", "signed-in", timeout=30_000)
    expect(page.locator("#who")).to_have_text("ada")
    expect(page.locator("#email")).to_have_text("ada@example.com")
    expect(page.locator("#company")).to_contain_text("Logistik")
    expect(page.locator("#countdown")).to_contain_text(re.compile(r"00:\d\d"))
    refreshed = page.locator(".row").filter(has_text="AUTH.TOKEN_REFRESHED")
    expect(refreshed.first).to_contain_text("refreshed by this tab", timeout=30_000)
    page.locator("#sign-out").click()
    expect(page.locator("body")).to_have_attribute("data-state", "signed-out")
    # The bus forgets, and the provider does not, until it is asked to.
    page.locator("#logout-link").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    page.wait_for_url(f"{oidc_demo.host}/")


def test_a_sign_in_that_is_called_off_at_the_provider(open_tab: Opener, oidc_demo: Demo) -> None:
    page: Page = open_tab().page
    page.goto(oidc_demo.host)
    page.locator("#sign-in").click()
    page.locator("input[name=login]").wait_for()  # the host has a "Cancel" too, until it is left
    page.get_by_text("Cancel").click()
    expect(page.locator("body")).to_have_attribute("data-state", "failed", timeout=30_000)
    expect(page.locator("#error-code")).to_contain_text("access_denied")


def test_dev_serves_the_unbuilt_tree(open_tab: Opener) -> None:
    """With the ports that pyscript.toml's settings allow; a busy one is a clear error instead."""
    page: Page = open_tab().page
    ports = [8000, 8001, 8002]
    process = subprocess.Popen(
        command(ports, "--dev"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Open "):
                break
        assert "Open http://localhost:8000" in lines[-1], "".join(lines)
        page.goto("http://localhost:8000")
        page.locator("#sign-in").click()
        page.locator("#person-migrated").click()
        expect(page.locator("body")).to_have_attribute("data-state", "signed-in", timeout=60_000)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0


@pytest.mark.parametrize("busy", range(3), ids=["host", "bus", "provider"])
def test_a_busy_port_is_a_clear_error(busy: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = free_ports(3)
        ports[busy] = taken.getsockname()[1]
        done = subprocess.run(
            command(ports), check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
        )
    option = ("--host-port", "--bus-port", "--provider-port")[busy]
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"port {ports[busy]}" in done.stderr
    assert option in done.stderr

"""The command: its arguments, its exit status, and its output."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from host.tools.check.__main__ import main
from tests.unit.tools.check.site import Page, Site, site

SETTINGS = """
[bus]
allowed_origins = ["{host}"]
[bus.sso]
exchange_url = "{backend}/exchange"
"""


@pytest.fixture
def server() -> Iterator[Site]:
    with site() as server:
        server.pages = {
            "GET /": Page(200, b"<p>"),
            "POST /exchange": Page(400, {}, cors="https://bus.example.com"),
            "OPTIONS /exchange": Page(
                204, headers={"Access-Control-Allow-Headers": "*"}, cors="https://bus.example.com"
            ),
        }
        yield server


@pytest.fixture
def config(server: Site, tmp_path: Path) -> str:
    path = tmp_path / "my.toml"
    path.write_text(SETTINGS.format(host=server.origin, backend=server.origin))
    return str(path)


BUS = "https://bus.example.com"


@pytest.mark.parametrize("bus", [BUS, f"{BUS}/", f"{BUS}/sign-in/"])
def test_all_is_well(
    server: Site, config: str, bus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", config, "--bus", bus]) == 0
    shown = capsys.readouterr()
    assert f"The bus: {bus.removesuffix('/')}/\n" in shown.out
    assert "check: 2 warnings, 7 ok, after" in shown.out
    # Progress is not in the way of the table, and comes before each request.
    assert shown.err.splitlines() == [
        f"check: OPTIONS {server['/exchange']}",
        f"check: POST {server['/exchange']}",
        f"check: GET {server['/']}",
    ]


def test_an_error(server: Site, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", config, "--bus", "https://other.example"]) == 1
    assert "check: 2 errors, " in capsys.readouterr().out
    server.pages["POST /exchange"] = Page(404)
    assert main(["--config", config]) == 1


def test_without_the_bus_it_says_what_is_left_out(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", config]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "skipped address CORS, preflights and the host pages' policies were not checked: they"
        in shown
    )
    assert "make check BUS=https://bus.example.com/" in shown


def test_a_bus_on_a_hosts_origin(
    server: Site, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", config, "--bus", f"{server.origin}/bus/"]) == 1
    assert "is one of allowed_origins" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["--bus", "bus.example.com"], "the bus's address must be an absolute https URL"),
        (["--bus", "http://bus.example.com"], "must be https"),
        (["--bus", f"{BUS}/sign-in"], "must end with a slash"),
        (["--bus", f"{BUS}/?a=b/"], "have no query"),
        (["--page", "https://elsewhere.example/"], "is not at one of bus.allowed_origins"),
        (["--page", "/sign-in"], "the host page's address must be"),
        (["--time-limit", "0"], "--time-limit"),
        (["--time-limit", "nan"], "--time-limit"),
    ],
)
def test_bad_use(
    server: Site,
    config: str,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    assert main(["--config", config, *arguments]) == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.out == ""
    assert server.seen == []


def test_a_ca_file_that_is_not_there(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", config)  # a file, but no certificate
    assert main(["--config", config]) == 2
    assert "SSL_CERT_FILE" in capsys.readouterr().err


def test_an_address_cannot_give_the_terminal_orders(
    server: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "my.toml"
    path.write_text(SETTINGS.format(host=server.origin, backend=f"{server.origin}/\u202e"))
    assert main(["--config", str(path)]) == 1
    assert "\u202e" not in "".join(capsys.readouterr())


def test_a_word_that_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--conifg", "x"])
    assert caught.value.code == 2
    assert "--conifg" in capsys.readouterr().err


def test_ctrl_c(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("host.tools.check.__main__.check", interrupted)
    assert main(["--config", config]) == 130

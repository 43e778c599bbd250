"""How servers are protected, and whether their clocks agree with ours."""

import httpx
import pytest

from bus.settings import Settings
from host.tools.check.asking import Answer, Tls
from host.tools.check.report import Part
from host.tools.check.servers import check_servers, clock_error, look_at_tls
from tests.unit.tools.check.site import asker, row

NOON = 1_795_780_800.0
DATE = "Fri, 27 Nov 2026 12:00:00 GMT"
ORIGIN = "https://id.example.com"
JSON = {"exchange_url": f"{ORIGIN}/exchange"}
OIDC = {"provider": "oidc", "issuer": ORIGIN, "client_id": "crm", "clock_skew_seconds": 30}


def answer(
    sent_at: float, arrived_at: float, date: str = "", age: str = "0", tls: Tls | None = None
) -> Answer:
    headers = httpx.Headers({"date": date, "age": age})
    return Answer(200, headers, b"", sent_at, arrived_at, tls)


@pytest.mark.parametrize(
    ("sent", "arrived", "headers", "error"),
    [
        (0.2, 0.4, (DATE, "0"), 0),
        (0.9, 1.2, (DATE, "0"), 0),  # written before noon had passed by a second
        (-3.5, -3, (DATE, "0"), 3),
        (5, 5.5, (DATE, "0"), -4),
        (-9, 9, (DATE, "0"), 0),  # slow: nobody can tell
        (100, 100.5, (DATE, "100"), 0),
        (0, 1, ("", "0"), None),
        (0, 1, ("noon", "0"), None),
        (0, 1, (DATE, "old"), None),
        (0, 1, (DATE, "9" * 400), None),
        (0, 1, (DATE.replace("2026", "99999999"), "0"), None),
    ],
)
def test_by_how_much_a_clock_is_wrong_at_least(
    sent: float, arrived: float, headers: tuple[str, str], error: float | None
) -> None:
    assert clock_error(answer(NOON + sent, NOON + arrived, *headers)) == error


@pytest.mark.parametrize(
    ("sso", "ahead", "level"),
    [
        (OIDC, 15, "ok"),
        (OIDC, 16, "warning"),
        (OIDC, 31, "error"),
        (OIDC, -40, "error"),
        (JSON, 30, "ok"),
        (JSON, 3600, "warning"),
    ],
)
def test_clocks(sso: dict[str, object], ahead: float, level: str) -> None:
    settings = Settings.model_validate({"allowed_origins": ["https://a.example"], "sso": sso})
    ask = asker()
    ask.answers[ORIGIN] = answer(NOON - ahead, NOON - ahead, date=DATE)
    found = row(check_servers(settings, ask), "clock")
    assert found.level == level
    if level != "ok":
        assert ("ahead of" if ahead > 0 else "behind") in found.found
        assert "NTP" in found.change


def test_a_server_that_does_not_tell_the_time() -> None:
    settings = Settings.model_validate({"allowed_origins": ["https://a.example"], "sso": JSON})
    ask = asker()
    ask.answers[ORIGIN] = answer(NOON, NOON)
    assert row(check_servers(settings, ask), "clock").level == "skipped"


@pytest.mark.parametrize(("days", "level"), [(13.9, "warning"), (14.1, "ok")])
def test_certificates(days: float, level: str) -> None:
    part = Part("")
    tls = Tls("TLSv1.3", NOON + days * 86_400)
    look_at_tls(part, ORIGIN, answer(NOON, NOON, tls=tls))
    found = row(part, "TLS")
    assert found.level == level
    assert f"expires in {int(days)} days" in found.found


def test_no_tls() -> None:
    part = Part("")
    look_at_tls(part, "http://localhost:8002", answer(NOON, NOON))
    assert row(part, "TLS").level == "warning"

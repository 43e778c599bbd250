"""The small parts of the session, each by itself."""

import asyncio

import pytest

from bus.session.claims import Claims, claims_in
from bus.session.record import Maker, Record, Unusable, read_record
from bus.session.schedule import pause_seconds, retry_after_seconds
from bus.session.shelf import MemoryStore
from bus.session.signal import Signal
from tests.unit.session.server import EPOCH, jwt

pytestmark = pytest.mark.anyio


# -- claims ---------------------------------------------------------------------------------------


def test_claims() -> None:
    token = jwt({"iss": "i", "sub": "s", "iat": 1, "exp": 2.5, "more": {}})
    assert claims_in(token) == Claims("i", "s", 1.0, 2.5)


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b", "a.b.c.d", "a.\u00fc.c", "a.!!.c", "a.e30.c", "a.bnVsbA.c", "a.W10.c", "a.A.c",
     jwt({"iss": 1, "sub": None, "iat": "1", "exp": True}), jwt({"iat": [], "exp": {}})],
)  # fmt: skip
def test_what_names_nothing(token: str) -> None:
    assert claims_in(token) == Claims()


def test_who_is_another() -> None:
    ann, eve = Claims("i", "ann"), Claims("i", "eve")
    assert ann.of_another(eve)
    assert ann.of_another(Claims("j", "ann"))
    for same in (ann, Claims(), Claims("i"), Claims(None, "ann"), Claims("i", "ann", 1, 2)):
        assert not ann.of_another(same)
        assert not same.of_another(ann)


# -- the schedule ---------------------------------------------------------------------------------


def test_pauses_double_up_to_five_minutes_with_jitter() -> None:
    assert [pause_seconds(n, lambda: 1) for n in range(1, 12)] == [
        1,
        2,
        4,
        8,
        16,
        32,
        64,
        128,
        256,
        300,
        300,
    ]
    assert pause_seconds(10**9, lambda: 1) == 300
    assert pause_seconds(3, lambda: 0) == 2
    assert pause_seconds(3, lambda: 0.5) == 3


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0), ("", 0), ("0", 0), ("120", 120), (" 7 ", 7), ("3601", 3600), ("9" * 99, 3600), ("-1", 0),
        ("1.5", 0), ("\u0661", 0), ("soon", 0), ("Tue, 14 Nov 2023 22:14:20 GMT", 60),
        ("Tue, 14 Nov 2023 22:12:20 GMT", 0), ("Tue, 14 Nov 2099 22:14:20 GMT", 3600), ("Tue, 99 Nov 2023", 0),
    ],
)  # fmt: skip
def test_retry_after(header: str | None, seconds: int) -> None:
    assert retry_after_seconds(header, EPOCH) == seconds


# -- the record -----------------------------------------------------------------------------------

MAKER = Maker(provider="json", refresh_url="https://api.example.com/refresh")
RECORD = Record.model_validate(
    {
        "origin": "https://a.example",
        "generation": "g",
        "maker": MAKER,
        "signed_in": 1,
        "expires": 2,
        "active": 1,
        "credentials": {"idToken": "MARK-a", "refreshToken": "MARK-b"},
        "user": {"deep": "x"},
        "company": {},
        "arrival": 1,
        "life": 1,
        "asked": 1,
    }
)


def read(text: str) -> Record | Unusable:
    return read_record(text, origin="https://a.example", maker=MAKER)


def test_a_record_is_read_back_as_it_was() -> None:
    assert read(RECORD.text()) == RECORD
    deep: dict[str, object] = {}
    for _ in range(150):
        deep = {"a": [deep]}
    deeper = RECORD.but(user={"n": 2**53, "\u2028": [None, 0.1, "\U0001f600"]}, company={"x": 1})
    assert read(deeper.text()) == deeper


def test_a_record_shows_no_token() -> None:
    assert "MARK" not in repr(RECORD)


@pytest.mark.parametrize(
    "text", ["", "null", "1", "{}", '{"version":true}', '{"version":"2"}', "\ud800"]
)
def test_what_is_no_record(text: str) -> None:
    assert read(text) is Unusable.FOREIGN


def test_a_newer_record_is_known_by_its_version_alone() -> None:
    assert read('{"version":2}') is Unusable.NEWER
    assert read('{"version":99,"maker":0}') is Unusable.NEWER


# -- memory and signals ---------------------------------------------------------------------------


async def test_memory_is_a_store() -> None:
    store = MemoryStore()
    assert await store.swap("a", None, "1")
    assert not await store.swap("a", None, "2")
    assert not await store.swap("b", "1", "2")
    assert await store.swap("a", "1", "2")
    assert await store.read("a") == "2"
    assert await store.origins() == ["a"]
    assert await store.swap("a", "2", None)
    assert await store.swap("a", None, None)
    await store.erase("a")
    assert await store.read("a") is None


async def test_a_signal_wakes_all_who_wait_and_who_comes_late() -> None:
    signal = Signal()
    waiting = [asyncio.ensure_future(signal.after(0, 5)) for _ in range(2)]
    await asyncio.sleep(0)
    signal.set()
    signal.set()
    await asyncio.gather(*waiting)
    await signal.after(0, 5)
    await signal.after(2, 0.001)

"""Sessions with an access token, and sessions that cannot be refreshed (docs/oidc.md)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from bus.errors import BusError
from bus.messages import Answer, MigratedCredentials, SignedIn, SsoPayload
from bus.session.backend import Bound, Failed, Fresh
from bus.session.record import Maker
from tests.unit.session.asking import NOBODY, code_of, name_of, user
from tests.unit.session.server import jwt
from tests.unit.session.tokens import Message, claims
from tests.unit.session.world import DAYS, HOURS, Sim, Sims

MINUTES = 60


@dataclass
class Provider:
    """An OpenID Connect provider as sessions see it: an exchange, and a backend of sessions."""

    sim: Sim
    id_life: int = 900
    access_life: int = 0
    """0: it does not say."""
    access_tokens: bool = True
    refreshable: bool = True
    fails: bool = False
    uses_nonce: bool = True
    asked: list[str] = field(default_factory=list)
    """Refresh tokens that came."""
    revoked: list[str] = field(default_factory=list)
    maker: Maker = Maker(provider="oidc", issuer="https://idp.example.com", client_id="crm")  # noqa: RUF009
    _made: Iterator[int] = field(default_factory=lambda: count(1))

    def _tokens(self) -> dict[str, Any]:
        now, made = self.sim.now(), next(self._made)
        expires = round((now + self.access_life) * 1000) if self.access_life else 0
        times = {"iat": int(now), "exp": int(now) + self.id_life}
        return {
            "id": jwt({"iss": self.maker.issuer, "sub": "ann", "n": made} | times),
            "refresh": f"MARK-refresh-{made}" if self.refreshable else "",
            "access": (f"MARK-access-{made}", expires) if self.access_tokens else ("", 0),
        }

    async def __call__(self, _asked: SsoPayload) -> Answer:
        got = self._tokens()
        credentials = MigratedCredentials.model_construct(
            idToken=got["id"],
            refreshToken=got["refresh"],
            accessToken=got["access"][0],
            accessTokenExpiresAt=got["access"][1],
        )
        return Answer(
            SignedIn(credentials=credentials, currentUser={"name": "ann"}, company={}), 200
        )

    async def refresh(
        self, refresh_token: str, *, id_token: str, bound: Bound | None = None
    ) -> Fresh | Failed:
        assert id_token
        assert bound is None
        self.asked.append(refresh_token)
        if self.fails:
            return Failed(BusError("BACKEND_UNREACHABLE", "It is down."))
        got = self._tokens()
        return Fresh(
            refresh_token=got["refresh"],
            id_token=got["id"],
            access_token=got["access"][0],
            access_token_expires_at=got["access"][1],
        )

    async def revoke(self, refresh_token: str) -> bool:
        self.revoked.append(refresh_token)
        return True

    async def logout_url(self) -> str:
        return ""


def ms(sim: Sim, seconds: float = 0) -> int:
    return round((sim.now() + seconds) * 1000)


def tokens_of(reply: Message) -> Message:
    assert reply["type"].endswith("_FULFILLED"), reply
    tokens: Message = reply["payload"]["credentials"]
    return tokens


# -- access tokens --------------------------------------------------------------------------------


def test_an_access_token_comes_with_each_pair(sim: Sim) -> None:
    provider = Provider(sim, access_life=3600)
    one, two = sim.tab(provider=provider), sim.tab(provider=provider)
    for tab in (one, two):
        tab.init()
    signed_in = tokens_of(one.sign_in("ann"))
    assert signed_in["accessToken"] == "MARK-access-1"
    assert signed_in["accessTokenExpiresAt"] == pytest.approx(ms(sim, 3600), abs=1000)
    sim.run(1)
    assert two.pushes[-1]["payload"] == signed_in
    assert tokens_of(two.credentials()) == signed_in
    sim.run(14 * MINUTES)
    assert one.pushes[-1]["type"] == "AUTH.TOKEN_REFRESHED"
    fresh = one.pushes[-1]["payload"]
    assert fresh["accessToken"] == "MARK-access-2"
    assert fresh["accessTokenExpiresAt"] > signed_in["accessTokenExpiresAt"]
    assert tokens_of(sim.tab(provider=provider).credentials()) == fresh
    assert provider.asked == ["MARK-refresh-1"]


@pytest.mark.parametrize(
    ("id_life", "access_life", "refreshed_after"),
    [
        (900, 3600, 900 - 90),
        (900, 900, 900 - 90),
        (3600, 300, 300 - 90),
        (3600, 60, 30),  # half its life, where that is less than the margin
        (120, 3600, 60),
        (900, 0, 900 - 90),  # a life that the provider does not say counts as the ID token's
    ],
)
def test_the_refresh_follows_the_token_that_ends_first(
    sim: Sim, id_life: int, access_life: int, refreshed_after: int
) -> None:
    provider = Provider(sim, id_life=id_life, access_life=access_life)
    tab = sim.tab(provider=provider)
    tab.init()
    tab.sign_in("ann")
    sim.run(refreshed_after - 2)
    assert provider.asked == []
    sim.run(4)
    assert provider.asked == ["MARK-refresh-1"]
    assert tab.pushed() == ["TOKEN_REFRESHED"]


@pytest.mark.parametrize(("id_life", "access_life"), [(3600, 900), (900, 3600), (900, 0)])
def test_both_tokens_must_be_good_for_as_long_as_is_asked(
    sim: Sim, id_life: int, access_life: int
) -> None:
    provider = Provider(sim, id_life=id_life, access_life=access_life)
    tab = sim.tab(provider=provider)
    tab.sign_in("ann")
    sim.run(900 - 300)
    first = tokens_of(tab.credentials(290))
    assert provider.asked == []
    assert tokens_of(tab.credentials(310))["idToken"] != first["idToken"]
    assert provider.asked == ["MARK-refresh-1"]


def test_half_of_each_tokens_life_is_enough(sim: Sim) -> None:
    provider = Provider(sim, id_life=3600, access_life=400)
    tab = sim.tab(provider=provider)
    tab.sign_in("ann")
    sim.run(195)
    tab.credentials(600)
    assert provider.asked == []
    sim.run(10)
    tab.credentials(600)
    assert provider.asked == ["MARK-refresh-1"]


def test_an_access_token_that_has_expired_is_not_given(sim: Sim) -> None:
    provider = Provider(sim, id_life=3600, access_life=300, fails=True)
    tab = sim.tab(provider=provider)
    tab.sign_in("ann")
    sim.run(280)
    assert tokens_of(tab.credentials())["accessToken"] == "MARK-access-1"
    sim.run(30)
    assert code_of(tab.credentials()) == "BACKEND_UNREACHABLE"
    provider.fails = False
    sim.run(300)
    assert tokens_of(tab.credentials())["accessToken"] == "MARK-access-2"


def test_expires_at_is_that_of_the_id_token(sim: Sim) -> None:
    provider = Provider(sim, id_life=900, access_life=300)
    tab = sim.tab(provider=provider)
    tab.sign_in("ann")
    payload = tab.credentials(0)["payload"]
    assert payload["expiresAt"] == pytest.approx(ms(sim, 900), abs=1000)
    assert payload["credentials"]["accessTokenExpiresAt"] == pytest.approx(ms(sim, 300), abs=1000)


def test_without_a_stated_life_there_is_no_time_of_expiry(sim: Sim) -> None:
    provider = Provider(sim)
    tab = sim.tab(provider=provider)
    tab.init()
    assert set(tokens_of(tab.sign_in("ann"))) == {"idToken", "refreshToken", "accessToken"}
    sim.run(14 * MINUTES)
    assert set(tab.pushes[-1]["payload"]) == {"idToken", "refreshToken", "accessToken"}


def test_a_time_of_expiry_does_not_outlive_its_token(sim: Sim) -> None:
    provider = Provider(sim, access_life=300)
    tab = sim.tab(provider=provider)
    tab.sign_in("ann")
    provider.access_life = 0
    sim.run(290)
    assert set(tokens_of(tab.credentials())) == {"idToken", "refreshToken", "accessToken"}


def test_a_clock_that_is_set_back_moves_both_times(sim: Sim) -> None:
    provider = Provider(sim, access_life=900)
    tab = sim.tab(provider=provider)
    tab.init()
    tab.sign_in("ann")
    sim.run(200)
    before = tab.credentials(0)["payload"]
    sim.clock_error -= 100
    after = tab.credentials(0)["payload"]
    earlier = before["expiresAt"] - after["expiresAt"]
    assert earlier == pytest.approx(100_000, abs=1000)
    times = [each["credentials"]["accessTokenExpiresAt"] for each in (before, after)]
    assert times[0] - times[1] == earlier
    tab.init(port=True)
    sim.run(1)
    assert tab.pushes[-1]["payload"] == after["credentials"]
    sim.run(900 - 200 - 90 - 6)
    assert provider.asked == []
    sim.run(10)
    assert provider.asked == ["MARK-refresh-1"]


def test_switched_on_a_session_from_before_gets_its_access_token_at_once(sim: Sim) -> None:
    provider = Provider(sim, access_tokens=False, access_life=3600)
    assert "accessToken" not in tokens_of(sim.tab(provider=provider).sign_in("ann"))
    later = Provider(sim, access_life=3600)
    sim.run(60)
    tab = sim.tab(provider=later)
    tab.init()
    sim.run(1)
    assert tab.pushes[-1]["payload"]["accessToken"] == "MARK-access-1"
    assert tab.pushed() == ["TOKEN_REFRESHED"]
    assert later.asked == ["MARK-refresh-1"]


def test_switched_off_the_access_token_of_a_session_from_before_is_gone(sim: Sim) -> None:
    sim.tab(provider=Provider(sim, access_life=300)).sign_in("ann")
    later = Provider(sim, access_tokens=False)
    tab = sim.tab(provider=later)
    tab.init()
    sim.run(1)
    assert set(tab.pushes[-1]["payload"]) == {"idToken", "refreshToken"}
    assert set(tokens_of(tab.credentials())) == {"idToken", "refreshToken"}
    sim.run(400)
    assert later.asked == []  # nor does it end first any more
    sim.run(600)
    assert later.asked == ["MARK-refresh-1"]
    assert "MARK-access" not in str(sim.record)


# -- without a refresh token ----------------------------------------------------------------------


def test_a_session_without_a_refresh_token_ends_with_its_id_token(sim: Sim) -> None:
    provider = Provider(sim, access_tokens=False, refreshable=False)
    one, two = sim.tab(provider=provider), sim.tab(provider=provider)
    for tab in (one, two):
        tab.init()
    sim.run(1)  # both have looked
    assert set(tokens_of(one.sign_in("ann"))) == {"idToken"}
    sim.run(1)
    assert two.pushed() == ["SESSION_CHANGED", "TOKEN_REFRESHED"]
    sim.run(890)
    for tab in (one, two):
        assert name_of(tab.credentials(600)) == "ann"
        assert tab.pushed() == []
    sim.run(10)
    for tab in (one, two):
        assert tab.pushed() == ["REFRESH_TOKEN_EXPIRED"]
        assert code_of(tab.credentials()) == "NO_SESSION"
        assert tab.register() == NOBODY
    sim.run(HOURS)
    assert one.pushed() == two.pushed() == []
    assert sim.record is None
    assert provider.asked == provider.revoked == []


def test_its_end_is_on_time(sim: Sim) -> None:
    tab = sim.tab(provider=Provider(sim, refreshable=False))
    tab.init()
    tab.sign_in("ann")
    ends = claims(sim.record["credentials"]["idToken"])["exp"]
    sim.run(ends - sim.now() - 2)
    assert tab.pushed() == []
    sim.run(4)
    assert tab.pushed() == ["REFRESH_TOKEN_EXPIRED"]


@pytest.mark.parametrize(("id_life", "access_life"), [(3600, 300), (300, 3600)])
def test_with_two_tokens_it_ends_with_the_first(sim: Sim, id_life: int, access_life: int) -> None:
    tab = sim.tab(
        provider=Provider(sim, id_life=id_life, access_life=access_life, refreshable=False)
    )
    tab.init()
    assert set(tokens_of(tab.sign_in("ann"))) == {
        "idToken",
        "accessToken",
        "accessTokenExpiresAt",
    }
    sim.run(297)
    assert name_of(tab.credentials()) == "ann"
    sim.run(5)
    assert tab.pushed() == ["REFRESH_TOKEN_EXPIRED"]


def test_it_is_restored_while_its_token_lives(sim: Sim) -> None:
    provider = Provider(sim, access_tokens=False, refreshable=False)
    first = sim.tab(provider=provider)
    token = tokens_of(first.sign_in("ann"))["idToken"]
    first.close()
    sim.run(880)
    tab = sim.tab(provider=provider)
    assert tab.register()["payload"] == user("ann")
    tab.init()
    sim.run(1)
    assert [push["payload"] for push in tab.pushes] == [{"idToken": token}]
    assert tab.pushed() == ["TOKEN_REFRESHED"]
    tab.close()
    sim.run(30)
    assert sim.tab(provider=provider).register() == NOBODY
    assert provider.asked == []


def test_it_ends_where_nobody_looks_after_it(sim: Sim) -> None:
    tab = sim.tab(provider=Provider(sim, refreshable=False))
    tab.sign_in("ann")
    sim.run(901)
    assert code_of(tab.credentials()) == "NO_SESSION"
    assert tab.pushed() == []


def test_its_sign_out_revokes_nothing(sim: Sim) -> None:
    provider = Provider(sim, refreshable=False)
    tab = sim.tab(provider=provider)
    tab.sign_in("ann")
    assert tab.sign_out()["type"] == "AUTH.SIGN_OUT_FULFILLED"
    assert tab.register() == NOBODY
    assert provider.revoked == []


def test_it_gets_no_access_token_when_that_is_switched_on(sim: Sim) -> None:
    sim.tab(provider=Provider(sim, access_tokens=False, refreshable=False)).sign_in("ann")
    provider = Provider(sim, refreshable=False)
    tab = sim.tab(provider=provider)
    tab.init()
    sim.run(1)
    assert tab.pushed() == ["TOKEN_REFRESHED"]
    assert set(tokens_of(tab.credentials())) == {"idToken"}
    assert provider.asked == []


def test_a_clock_that_was_set_back_while_no_page_was_there_ends_it(sim: Sim) -> None:
    provider = Provider(sim, refreshable=False)
    first = sim.tab(provider=provider)
    first.sign_in("ann")
    first.close()
    sim.clock_error -= 600
    assert sim.tab(provider=provider).register() == NOBODY


def test_in_memory_it_ends_likewise(sims: Sims) -> None:
    sim = sims(persist="memory")
    provider = Provider(sim, refreshable=False)
    one, two = sim.tab(provider=provider), sim.tab(provider=provider)
    for tab in (one, two):
        tab.init()
        tab.sign_in("ann")
    two.sign_out()
    sim.run(1)
    assert one.pushed() == ["SESSION_CHANGED"]
    one.sign_in("ann")
    sim.run(910)
    assert one.pushed() == ["REFRESH_TOKEN_EXPIRED"]
    assert provider.revoked == provider.asked == []


def test_age_still_ends_a_session_whose_token_would_live_on(sims: Sims) -> None:
    sim = sims(max_age_days=1)
    tab = sim.tab(provider=Provider(sim, id_life=2 * DAYS, refreshable=False))
    tab.init()
    tab.sign_in("ann")
    sim.run(1 * DAYS + 1)
    assert tab.pushed() == ["REFRESH_TOKEN_EXPIRED"]

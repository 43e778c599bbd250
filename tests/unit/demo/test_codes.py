import pytest

from host.demo.codes import LIFETIME, LIMIT, REMEMBERED, CodeError, Codes, Grant, s256
from tests.unit.demo.parties import CALLBACK, VERIFIER

GRANT = Grant("migrated", "demo-host", CALLBACK, s256(VERIFIER))


@pytest.fixture
def codes(clock):
    return Codes(clock)


def refusal(codes, code, redirect_url=CALLBACK, verifier=VERIFIER):
    with pytest.raises(CodeError) as caught:
        codes.redeem(code, redirect_url, verifier)
    return caught.value.reason


def test_the_challenge_of_the_standard_s_own_example():
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert s256(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_code_is_redeemed_once(codes):
    code = codes.issue(GRANT)
    assert codes.redeem(code, CALLBACK, VERIFIER) == GRANT
    assert refusal(codes, code) == "code_used"


def test_codes_are_long_and_never_the_same(codes):
    issued = {codes.issue(GRANT) for _ in range(100)}
    assert len(issued) == 100
    assert min(map(len, issued)) >= 43  # 256 bits in base64url


def test_a_code_lives_sixty_seconds(codes, clock):
    last, late = codes.issue(GRANT), codes.issue(GRANT)
    clock.now += LIFETIME - 0.001
    assert codes.redeem(last, CALLBACK, VERIFIER) == GRANT
    clock.now += 0.001
    assert refusal(codes, late) == "code_expired"


def test_a_code_can_be_issued_too_late(codes):
    assert refusal(codes, codes.issue(GRANT, lifetime=-1)) == "code_expired"


@pytest.mark.parametrize(
    ("redirect_url", "verifier", "reason"),
    [
        (CALLBACK + "/", VERIFIER, "redirect_url_mismatch"),
        (CALLBACK.upper(), VERIFIER, "redirect_url_mismatch"),
        (CALLBACK, None, "code_verifier_missing"),
        (CALLBACK, VERIFIER + "x", "code_verifier_mismatch"),
        (CALLBACK, s256(VERIFIER), "code_verifier_mismatch"),
    ],
)
def test_what_a_code_is_bound_to(codes, redirect_url, verifier, reason):
    code = codes.issue(GRANT)
    assert refusal(codes, code, redirect_url, verifier) == reason
    assert refusal(codes, code) == "code_used"  # no second guess


def test_a_code_that_was_never_issued(codes):
    codes.issue(GRANT)
    assert refusal(codes, "made-up") == "code_unknown"
    assert codes.grant_of("made-up") is None


def test_looking_at_a_code_does_not_use_it_up(codes):
    code = codes.issue(GRANT)
    assert codes.grant_of(code) == GRANT
    assert codes.redeem(code, CALLBACK, VERIFIER) == GRANT


def test_used_and_expired_codes_are_forgotten_in_the_end(codes, clock):
    used, unused = codes.issue(GRANT), codes.issue(GRANT)
    codes.redeem(used, CALLBACK, VERIFIER)
    clock.now += REMEMBERED - 1
    assert refusal(codes, used) == "code_used"
    clock.now += 1
    assert refusal(codes, used) == refusal(codes, unused) == "code_unknown"
    assert len(codes) == 0


def test_memory_is_bounded(codes):
    first = codes.issue(GRANT)
    for _ in range(LIMIT):
        newest = codes.issue(GRANT)
    assert len(codes) == LIMIT
    assert codes.grant_of(first) is None
    assert codes.grant_of(newest) == GRANT


def test_an_error_names_neither_code_nor_verifier(codes):
    code = codes.issue(GRANT)
    with pytest.raises(CodeError) as caught:
        codes.redeem(code, CALLBACK, VERIFIER + "x")
    told = repr(caught.value) + str(caught.value) + caught.value.hint
    assert code not in told
    assert VERIFIER not in told

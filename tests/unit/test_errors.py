"""The one error: what it holds, and that its text holds no more."""

from bus.errors import BusError, Rejected


def test_a_bus_error_is_a_code_and_a_sentence() -> None:
    error = BusError("CANCELLED", "The host cancelled the request.")
    assert (error.code, error.message) == ("CANCELLED", "The host cancelled the request.")
    assert (error.details, error.status) == ((), None)
    assert str(error) == "CANCELLED: The host cancelled the request."


def test_a_rejection_shows_nothing_of_what_the_backend_said() -> None:
    error = Rejected({"reason": "MARK"}, status=403)
    assert (error.error, error.status) == ({"reason": "MARK"}, 403)
    assert "MARK" not in f"{error} {error!r}"

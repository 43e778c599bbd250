import socket
from collections.abc import Iterator

import pytest

from host.demo.listen import Place, PortError, close, listen


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_busy_port_is_named_with_the_option_to_change_it(taken: int) -> None:
    with pytest.raises(PortError) as caught:
        listen(Place("bus", "127.0.0.1", taken, "--bus-port"))
    assert str(caught.value) == (
        f"port {taken} (bus) is in use: free it, or choose another with --bus-port"
    )


def test_a_port_is_taken_at_once(taken: int) -> None:
    with pytest.raises(PortError):
        listen(Place("host app", "localhost", taken, "--host-port"))


def test_only_loopback_is_listened_on() -> None:
    sockets = listen(Place("host app", "localhost", 0, "--host-port"))
    try:
        assert {each.getsockname()[0] for each in sockets} <= {"127.0.0.1", "::1"}
        with pytest.raises(PortError):
            listen(Place("again", "127.0.0.1", sockets[0].getsockname()[1], "--bus-port"))
    finally:
        close(sockets)


def test_a_port_given_back_can_be_taken_again() -> None:
    sockets = listen(Place("bus", "127.0.0.1", 0, "--bus-port"))
    port = sockets[0].getsockname()[1]
    close(sockets)
    close(listen(Place("bus", "127.0.0.1", port, "--bus-port")))


@pytest.mark.parametrize(
    ("name", "port", "origin"),
    [
        ("localhost", 8000, "http://localhost:8000"),
        ("127.0.0.1", 8001, "http://127.0.0.1:8001"),
        ("localhost", 80, "http://localhost"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(name: str, port: int, origin: str) -> None:
    assert Place("", name, port, "").origin == origin

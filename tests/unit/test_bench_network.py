"""The bench's network: at least as slow as it says. How much slower a machine makes it is the machine's."""

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bench.network import Network, Speed
from tests.e2e.support.certificate import self_signed

BODY = 100_000
"""Bytes; 0.2 seconds at 4 Mbit/s."""
SPEED = Speed(round_trip=0.08, down=4e6)


class Lines(socketserver.StreamRequestHandler):
    """Answers each line with a byte, and "all" with the body and the end."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(b"x" * BODY if line == b"all\n" else b"x")
            if line == b"all\n":
                return


@contextmanager
def served(inside: ssl.SSLContext | None = None) -> Iterator[int]:
    class Server(socketserver.ThreadingTCPServer):
        def finish_request(self, request: Any, client_address: Any) -> None:
            if inside:
                with inside.wrap_socket(request, server_side=True) as secure:
                    Lines(secure, client_address, self)
            else:
                Lines(request, client_address, self)

    with Server(("127.0.0.1", 0), Lines) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def port() -> Iterator[int]:
    with served() as port:
        yield port


@pytest.fixture
def network() -> Iterator[Network]:
    network = Network(SPEED)
    yield network
    network.close()


def read(port: int, line: bytes, amount: int) -> float:
    """Return how many seconds a new connection takes for an answer of so many bytes."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(line)
        with connection.makefile("rb") as file:
            assert len(file.read(amount)) == amount
    return time.monotonic() - began


def test_a_new_connection_waits_for_its_handshake_and_each_request_for_a_round_trip(
    network: Network, port: int
) -> None:
    near = network.relay(port)
    with socket.create_connection(("127.0.0.1", near)) as connection:
        for least in (2 * SPEED.round_trip, SPEED.round_trip):
            began = time.monotonic()
            connection.sendall(b"one\n")
            assert connection.recv(1) == b"x"
            assert time.monotonic() - began >= least * 0.98


def test_all_servers_share_the_line(network: Network, port: int) -> None:
    took: list[float] = []
    ports = [network.relay(port), network.relay(port)]
    began = time.monotonic()
    threads = [
        threading.Thread(target=lambda at=at: took.append(read(at, b"all\n", BODY))) for at in ports
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = BODY * 8 / SPEED.down
    assert time.monotonic() - began >= 2 * alone + 2 * SPEED.round_trip * 0.98
    assert min(took) >= alone


def test_a_connection_ends_when_the_server_ends_it(network: Network, port: int) -> None:
    with socket.create_connection(("127.0.0.1", network.relay(port))) as connection:
        connection.sendall(b"all\n")
        with connection.makefile("rb") as file:
            assert len(file.read()) == BODY


def test_a_handshake_of_tls_takes_a_round_trip_more(network: Network, tmp_path: Path) -> None:
    files = self_signed(tmp_path, "localhost")
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inside.load_cert_chain(files["ssl_certfile"], files["ssl_keyfile"])
    outside = ssl.create_default_context()
    outside.check_hostname = False
    outside.verify_mode = ssl.CERT_NONE

    with served(inside) as port:
        began = time.monotonic()
        with (
            socket.create_connection(("127.0.0.1", network.relay(port))) as connection,
            outside.wrap_socket(connection) as secure,
        ):
            secure.sendall(b"one\n")
            assert secure.recv(1) == b"x"
        assert time.monotonic() - began >= 3 * SPEED.round_trip * 0.98

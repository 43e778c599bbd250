import socket

import pytest

from host.demo.__main__ import main


@pytest.fixture
def free_ports() -> list[int]:
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return ports


@pytest.mark.parametrize("option", ["--host-port", "--bus-port", "--provider-port"])
def test_a_busy_port_ends_it_before_anything_starts(
    capsys: pytest.CaptureFixture[str], free_ports: list[int], option: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        busy = server.getsockname()[1]
        ports = dict(zip(["--host-port", "--bus-port", "--provider-port"], free_ports, strict=True))
        ports[option] = busy
        status = main([str(part) for pair in ports.items() for part in pair])
    out, error = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert error.count("\n") == 1
    assert f"port {busy} " in error
    assert option in error


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--host-port", "0"], "--host-port"),
        (["--bus-port", "65536"], "--bus-port"),
        (["--provider-port", "x"], "--provider-port"),
        (["--host-port", "8001"], "--host-port"),
        (["--bus-dir", "/nowhere"], "--bus-dir"),
        (["--provider", "saml"], "--provider"),
        (["--provider", "oidc", "--dev"], "--provider"),
        (["--fast", "--dev"], "--fast"),
        (["--fast", "--bus-dir", "dist"], "--fast"),
    ],
)
def test_options_that_cannot_be(
    capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert named in capsys.readouterr().err

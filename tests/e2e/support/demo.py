"""The demo as somebody runs it: the real command, on free ports."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from playwright.sync_api import Page

from host.tools.paths import ROOT
from tests.e2e.support.tab import Opener


@dataclass
class Demo:
    process: subprocess.Popen[str]
    ports: list[int]
    output: list[str]

    @property
    def host(self) -> str:
        return f"http://localhost:{self.ports[0]}"


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [each.getsockname()[1] for each in sockets]


def command(ports: list[int], *more: str) -> list[str]:
    options = ("--host-port", "--bus-port", "--provider-port")
    pairs = [
        part for option, port in zip(options, ports, strict=True) for part in (option, str(port))
    ]
    return [sys.executable, "-m", "host.demo", *pairs, *more]


@contextmanager
def running(*more: str, ports: list[int] | None = None) -> Iterator[Demo]:
    ports = ports or free_ports(3)
    process = subprocess.Popen(
        command(ports, *more), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    demo = Demo(process, ports, [])
    assert process.stdout is not None
    up = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            demo.output.append(line)
            if line.startswith("Open "):
                up.set()
        up.set()

    reader = threading.Thread(target=read)
    reader.start()
    up.wait(100)
    try:
        yield demo
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        reader.join()
        process.stdout.close()


def sign_in(open_tab: Opener, demo: Demo, person: str) -> Page:
    tab = open_tab()
    page: Page = tab.page
    page.goto(demo.host)
    page.locator("#sign-in").click()
    page.locator(f"#person-{person}").click()
    page.wait_for_url(f"{demo.host}/")
    return page

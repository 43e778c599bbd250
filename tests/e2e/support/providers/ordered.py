"""A provider in its own process, which takes orders."""

import json
import subprocess
from typing import Any


class Ordered:
    """It says {"issuer": …} first, then answers each order, a line of JSON, by one.

    Raises RuntimeError where it ends instead; it has said why on standard error.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.issuer: str = self._answer()["issuer"]

    def order(self, **order: Any) -> None:
        """Give an order, and wait until it is done."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self._answer()

    def stop(self) -> None:
        """End it: the end of its input does."""
        try:
            self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()  # closes the pipes as well
            raise RuntimeError("the provider has ended; see what it said above")
        answer: dict[str, Any] = json.loads(line)
        return answer

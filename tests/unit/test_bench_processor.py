"""The bench's slower processor: the processes stop and go on, and go on at the end."""

import os
import subprocess
import sys

from tests.bench.processor import slowed


def test_a_process_stops_and_goes_on() -> None:
    endless = "while True: pass"
    with subprocess.Popen([sys.executable, "-c", endless], start_new_session=True) as process:
        try:
            with slowed(process.pid, 4):
                for _ in range(3):
                    _, status = os.waitpid(process.pid, os.WUNTRACED)
                    assert os.WIFSTOPPED(status)
                    _, status = os.waitpid(process.pid, os.WCONTINUED)
                    assert os.WIFCONTINUED(status)
            process.terminate()  # which one that is stopped would not hear
            assert process.wait(timeout=60) < 0
        finally:
            process.kill()

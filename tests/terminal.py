"""A program in a pseudo-terminal, typed at and read from as a person would."""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|[=>]|\][^\x07]*\x07)")


def _at_a_terminal():
    """Make the pseudo-terminal the program's own. Its signals count, though a parent may ignore them."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


class Terminal:
    def __init__(self, *command, env=None, cwd=None):
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, close_fds=True, cwd=cwd,
            start_new_session=True, env={**os.environ, "TERM": "xterm", "COLUMNS": "200", "PROMPT_TOOLKIT_NO_CPR": "1", **(env or {})},
            preexec_fn=_at_a_terminal,
        )  # fmt: skip
        os.close(slave)
        self.seen = ""
        self._read_to = 0

    def type(self, line):
        os.write(self._master, line.encode() + b"\n")

    def press(self, key):
        os.write(self._master, key)

    def wait_for(self, pattern, timeout=15):
        """Wait until the screen shows something new that matches; gives the match."""
        deadline = time.monotonic() + timeout
        while True:
            if found := re.compile(pattern, re.S).search(self.seen, self._read_to):
                self._read_to = found.end()
                return found
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"{pattern!r} did not come; the terminal shows:\n{self.seen}")

    def exit_code(self, timeout=60):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self._read(0.05):
            pass
        return self.process.wait(timeout=max(deadline - time.monotonic(), 0.1))

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._master)

    def _read(self, timeout):
        ready, _, _ = select.select([self._master], [], [], timeout)
        if not ready:
            return self.process.poll() is None
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self.seen += ESCAPES.sub("", data.decode("utf-8", "replace"))
        return bool(data)

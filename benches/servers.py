"""What the measuring scripts beside this file share: to start a server, speak to it, and read its process's figures.

Servers listen on the loopback interface, on a free port, keep nothing on disk, and end with the script.
Needs Linux (for /proc) and nothing but the standard library.
"""
import argparse
import contextlib
import math
import os
import pathlib
import shlex
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 20


def arguments(about, has_opponent=True):
    """A parser with the options that all scripts have. `about` is the script's own text."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--ours", default=str(target / "release" / "callboard"), metavar="COMMAND",
                        help="how to start ours, with options if need be (default: the release binary)")
    if has_opponent:
        parser.add_argument("--theirs", default="redis-server", metavar="COMMAND",
                            help="how to start the other; '' to measure ours alone (default: %(default)s)")
    return parser


def contestants(options):
    """The commands to measure, by the name that the tables give them."""
    return {"ours": options.ours, **({"theirs": options.theirs} if options.theirs else {})}


@contextlib.contextmanager
def certificates(wanted):
    """A folder with the certificates that the tests make, or None."""
    if not wanted:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="race-") as folder:
        subprocess.run([ROOT / "tests" / "support" / "certificates", folder], check=True)
        yield pathlib.Path(folder)


class Server:
    """A running server: `with Server("redis-server") as server: …`."""

    def __init__(self, command, *more, tls=None):
        self.folder = tempfile.TemporaryDirectory(prefix="race-")
        self.port = free_port()
        self.tls = tls
        if tls:
            self.tls_port = free_port()
            more = (*more, "--tls-port", self.tls_port, "--tls-cert-file", tls / "server.crt",
                    "--tls-key-file", tls / "server.key", "--tls-ca-cert-file", tls / "ca.crt")
        self.log = pathlib.Path(self.folder.name, "log")
        words = [*shlex.split(command), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                 "--appendonly", "no", "--dir", self.folder.name, *map(str, more)]
        with open(self.log, "wb") as log:
            try:
                self.process = subprocess.Popen(words, stdout=log, stderr=log)
            except OSError as error:
                sys.exit(f"{words[0]}: {error.strerror}. Is it built (cargo build --release), or installed?")
        self.pid = self.process.pid
        try:
            self.wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def way(self):
        """What redis-benchmark and redis-cli need to come here."""
        if not self.tls:
            return ["-p", self.port]
        return ["-p", self.tls_port, "--tls", "--cacert", self.tls / "ca.crt",
                "--cert", self.tls / "client.crt", "--key", self.tls / "client.key"]

    def wait_until_it_answers(self):
        end = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with Client(self.port) as client:
                    if client.ask("PING") == b"PONG":
                        return
            except (OSError, RuntimeError):
                # It is not there yet, or loading.
                time.sleep(0.05)
        sys.exit(f"The server does not answer:\n{self.log.read_text(errors='replace')}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def cpu_seconds(self):
        """Processor time of all its threads until now, in user and in kernel mode."""
        return cpu_seconds(pathlib.Path(f"/proc/{self.pid}/stat"))

    def cpu_seconds_by_thread(self):
        """The same of each thread that runs now, by its name; threads of one name are added up."""
        found = {}
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            name = (task / "comm").read_text().strip()
            found[name] = found.get(name, 0) + cpu_seconds(task / "stat")
        return found

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/status") as file:
            line = next(line for line in file if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


class Client:
    """One connection that speaks RESP2."""

    def __init__(self, port, timeout_seconds=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.replies = self.socket.makefile("rb", buffering=1 << 16)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.replies.close()
        self.socket.close()

    def ask(self, *words):
        self.socket.sendall(encode(*words))
        return self.reply()

    def ask_all(self, requests):
        """Sends requests that are encoded already, all at once, and waits for as many replies."""
        self.socket.sendall(b"".join(requests))
        for _ in requests:
            self.reply()

    def reply(self):
        line = self.replies.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return self.replies.read(int(rest) + 2)[:-2] if rest != b"-1" else None
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        raise RuntimeError(line.decode(errors="replace").strip())

    def info(self, section):
        """The fields of one section of INFO, as text."""
        lines = self.ask("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)


def cpu_seconds(stat):
    """User and kernel time by a `stat` of /proc."""
    after_name = stat.read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS_PER_SECOND


def encode(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def load(client, requests, batch=500):
    """Sends many encoded requests, some hundred at a time."""
    waiting = []
    for request in requests:
        waiting.append(request)
        if len(waiting) == batch:
            client.ask_all(waiting)
            waiting.clear()
    client.ask_all(waiting)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def percentile(values, percent):
    """The least of the values that `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else math.nan


def ratio(ours, theirs):
    return ours / theirs if theirs else math.nan


def table(heads, rows):
    """Prints columns: the first to the left, numbers to the right."""
    cells = [list(heads)] + [[cell if isinstance(cell, str) else f"{cell:,.2f}" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for line in cells:
        shown = [line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        print("  ".join(shown), flush=True)

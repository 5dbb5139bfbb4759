"""What the checks of Python applications share: an empty server and a deadline for each check.

Usage of a script: SCRIPT.py PORT. It prints one line per check and `N passed, M failed`; exit code 1 on any failure.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import redis

PORT = int(sys.argv[1])
URL = f"redis://127.0.0.1:{PORT}/0"

# Long enough for a machine that does much else: a deadline says "stuck", never "slow".
CHECK_DEADLINE_S = 90


def connect(protocol=2, **options):
    return redis.Redis(port=PORT, protocol=protocol, socket_timeout=CHECK_DEADLINE_S, **options)


def until(condition):
    """Waits until `condition` returns something true, and returns that; the check's own deadline bounds it."""
    while not (value := condition()):
        time.sleep(0.005)
    return value


def fails(kind, action, *arguments, **options):
    """The error of this kind (or of one of these) that the action must end with."""
    try:
        result = action(*arguments, **options)
    except kind as error:
        return error
    raise AssertionError(f"{kind} was expected, but the result was {result!r}")


def in_threads(count, work):
    """Runs `work(0)` … `work(count - 1)` at once, and raises the first error of any."""
    ends = queue.Queue()

    def guarded(number):
        try:
            work(number)
            ends.put(None)
        except BaseException as error:
            ends.put(error)

    for number in range(count):
        threading.Thread(target=guarded, args=(number,), daemon=True).start()
    for _ in range(count):
        # An error ends the wait at once: the other threads may wait for what the failed one holds.
        if (error := ends.get()) is not None:
            raise error


class Processes:
    """Runs these commands, in this folder, inside a `with`: they are stopped at its end, and their log shown if it failed."""

    def __init__(self, *commands):
        self.commands = commands
        self.running = []
        self.log = tempfile.TemporaryFile()

    def __enter__(self):
        environment = {**os.environ, "REDIS_URL": URL, "PYTHONDONTWRITEBYTECODE": "1"}
        folder = os.path.dirname(os.path.abspath(__file__))
        for command in self.commands:
            # A session of its own: what the process forks is stopped with it.
            started = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=self.log, stderr=self.log, start_new_session=True
            )
            self.running.append(started)
        return self

    def __exit__(self, kind, _error, _trace):
        if kind is not None:
            self.show_log()
        for process in self.running:
            if process.poll() is None:
                process.terminate()
        for process in self.running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.log.close()

    def show_log(self):
        # Read beside the writers, whose place in the file is the same: a read by position leaves it.
        size = os.fstat(self.log.fileno()).st_size
        tail = os.pread(self.log.fileno(), 8000, max(0, size - 8000))
        print(f"the end of the log of {' '.join(self.commands[0][1:4])}:\n{tail.decode(errors='replace')}", flush=True)


class TooLate(BaseException):
    """The check's deadline: no application that catches its own time-outs may catch this one."""


def too_late(_signal, _frame):
    raise TooLate(f"the check has not ended within {CHECK_DEADLINE_S} s")


def run(title, checks, beside=None):
    """Runs every check, a function or a pair of a name and a function, each on an empty server.

    With `beside`, all of them run beside these processes, on what the server holds by then.
    """
    signal.signal(signal.SIGALRM, too_late)
    passed = failed = 0
    connect().flushall()
    with beside or contextlib.nullcontext():
        for check in checks:
            name, action = check if isinstance(check, tuple) else (check.__name__, check)
            signal.alarm(CHECK_DEADLINE_S)
            try:
                if beside is None:
                    connect().flushall()
                action()
                passed += 1
                print(f"{title} {name} ... ok", flush=True)
            except (Exception, TooLate):
                failed += 1
                print(f"{title} {name} ... FAILED", flush=True)
                traceback.print_exc(limit=-8, file=sys.stdout)
                if beside is not None:
                    beside.show_log()
            finally:
                signal.alarm(0)
    print(f"{title}: {passed} passed, {failed} failed", flush=True)
    # Threads of a check that failed may still wait for something: they end here.
    os._exit(1 if failed else 0)

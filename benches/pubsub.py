#!/usr/bin/env python3
"""Races Callboard against redis-server in publishing: redis-benchmark publishes to one channel, and others listen.

Both servers are up with their listeners, one is under load at a time, in turns; the ratio (ours / theirs) is the median
over the pairs of rounds. A round ends when the last listener has the last message.

  deliveries/s   messages that reached a listener, per second of the round; above 1 is better
  CPU us         processor time of the server process for one delivery; below 1 is better

With --patterns, another client is subscribed to so many patterns, none of which the channel matches.
"""
import contextlib
import multiprocessing
import select
import statistics
import subprocess
import sys
import time

from servers import Client, Server, arguments, contestants, encode, ratio

CHANNEL = "channel:of:the:race"
READ_BYTES = 1 << 20
ROUND_SECONDS_MAX = 120
MESSAGES_MIN = 2_000
PATTERNS_AT_ONCE = 500


def main():
    parser = arguments(__doc__)
    parser.add_argument("--listeners", default="1,100,1000", help="a race for each (default: 1,100,1000)")
    parser.add_argument("--pipeline", default="1,16", help="publications sent at once (default: 1,16)")
    parser.add_argument("--publishers", type=int, default=50, help="connections (default: 50)")
    parser.add_argument("--deliveries", type=int, default=2_000_000, help="about so many a round (default: 2000000)")
    parser.add_argument("--messages-max", type=int, default=1_000_000, help="in a round (default: 1000000)")
    parser.add_argument("--patterns", type=int, default=0, help="that others listen to (default: 0)")
    parser.add_argument("--pattern", default="other:{}:*", help="their form (default: %(default)s)")
    parser.add_argument("--size", type=int, default=32, help="bytes of a message (default: 32)")
    parser.add_argument("--rounds", type=int, default=5, help="paired rounds of each race (default: 5)")
    parser.add_argument("--io-threads", type=int, default=1, help="of ours (default: 1)")
    options = parser.parse_args()
    if not options.theirs:
        parser.error("a race takes two")
    print(f"{'listeners':>9}{'P':>4}{'deliveries/s ours':>19}{'theirs':>12}{'ratio':>7}"
          f"{'CPU us ours':>13}{'theirs':>8}{'ratio':>7}")
    for listeners in map(int, options.listeners.split(",")):
        for pipeline in map(int, options.pipeline.split(",")):
            race(options, listeners, pipeline)


def race(options, listeners, pipeline):
    commands = contestants(options)
    count = max(MESSAGES_MIN, min(options.messages_max, options.deliveries // max(listeners, 1)))
    # redis-benchmark sends whole pipelines.
    count -= count % (pipeline * options.publishers)
    with contextlib.ExitStack() as stack:
        sides = []
        for name, command in commands.items():
            more = ["--io-threads", options.io_threads] if name == "ours" else []
            server = stack.enter_context(Server(command, *more))
            with Client(server.port) as client:
                client.ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0")
            stack.enter_context(pattern_listener(server, options))
            sides.append((server, stack.enter_context(Audience(server.port, listeners, options.size))))
        for server, audience in sides:
            play(options, server, audience, listeners, pipeline, count)
        pairs = [[play(options, *side, listeners, pipeline, count) for side in sides] for _ in range(options.rounds)]
    line = f"{listeners:>9}{pipeline:>4}"
    for index, (form, width) in enumerate((("{:,.0f}", (19, 12)), ("{:.3f}", (13, 8)))):
        ours, theirs = ([figures[index] for figures in side] for side in zip(*pairs))
        line += form.format(statistics.median(ours)).rjust(width[0]) + form.format(statistics.median(theirs)).rjust(width[1])
        line += f"{statistics.median(map(ratio, ours, theirs)):>7.2f}"
    print(line, flush=True)


def play(options, server, audience, listeners, pipeline, count):
    """One round: deliveries per second, and CPU microseconds for one."""
    before, began = server.cpu_seconds(), time.monotonic()
    audience.expect(count)
    command = ["redis-benchmark", "-p", server.port, "-n", count, "-P", pipeline, "-c", options.publishers, "-q",
               "PUBLISH", CHANNEL, "x" * options.size]
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=ROUND_SECONDS_MAX)
    if run.returncode:
        sys.exit(f"redis-benchmark failed:\n{run.stdout[-500:]}{run.stderr[-500:]}")
    ended = audience.last_heard()
    used = server.cpu_seconds() - before
    deliveries = count * listeners
    return deliveries / (ended - began), used * 1e6 / deliveries


@contextlib.contextmanager
def pattern_listener(server, options):
    """A client that is subscribed to many patterns."""
    with Client(server.port) as client:
        for first in range(0, options.patterns, PATTERNS_AT_ONCE):
            some = [options.pattern.format(n) for n in range(first, min(first + PATTERNS_AT_ONCE, options.patterns))]
            client.socket.sendall(encode("PSUBSCRIBE", *some))
            for _ in some:
                client.reply()
        yield


class Audience:
    """Listeners in a process of their own, which counts the bytes that they get."""

    def __init__(self, port, listeners, size):
        self.pipe, other = multiprocessing.Pipe()
        message_bytes = len(encode("message", CHANNEL, "x" * size))
        self.process = multiprocessing.Process(target=listen, args=(other, port, listeners, message_bytes), daemon=True)
        self.process.start()
        self.hear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.join()

    def expect(self, count):
        self.pipe.send(count)

    def last_heard(self):
        return self.hear()

    def hear(self):
        if not self.pipe.poll(ROUND_SECONDS_MAX):
            sys.exit("The listeners never heard all messages.")
        return self.pipe.recv()


def listen(pipe, port, listeners, message_bytes):
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(port)) for _ in range(listeners)]
        for client in clients:
            client.ask("SUBSCRIBE", CHANNEL)
        sockets = {client.socket.fileno(): client.socket for client in clients}
        poll = select.epoll()
        for number, listener in sockets.items():
            listener.setblocking(False)
            poll.register(number, select.EPOLLIN)
        pipe.send("ready")
        buffer = bytearray(READ_BYTES)
        while True:
            missing = pipe.recv() * listeners * message_bytes
            while missing > 0:
                for number, _ in poll.poll():
                    missing -= receive(sockets[number], buffer)
            pipe.send(time.monotonic())


def receive(listener, buffer):
    try:
        count = listener.recv_into(buffer)
    except BlockingIOError:
        return 0
    if count == 0:
        raise ConnectionError("the server closed the connection")
    return count


if __name__ == "__main__":
    main()

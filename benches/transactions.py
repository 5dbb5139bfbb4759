#!/usr/bin/env python3
"""Races Callboard against redis-server in what runs several commands at once.

  multi    MULTI, ten SETs, EXEC: sent as one piece, many of them in a pipeline, by a few connections that do nothing
           but write the same bytes and count what comes back
  script   EVALSHA of a script of five calls, by redis-benchmark, one at a time and sixteen in a pipeline

Both servers are up, one is under load at a time, in turns; the ratio shown (ours / theirs) is the median over paired rounds.
Transactions or scripts per second: above 1 is better. CPU us of the server for one of them: below 1 is better.
"""
import csv
import selectors
import socket
import statistics
import subprocess
import sys
import time

from servers import Client, Server, arguments, contestants, encode, ratio

SCRIPT = """
local n = redis.call('INCR', KEYS[1])
redis.call('HSET', KEYS[2], ARGV[1], n)
redis.call('EXPIRE', KEYS[2], 100)
redis.call('LPUSH', KEYS[3], n)
redis.call('LTRIM', KEYS[3], 0, 9)
return n
"""
KEYS = 1000
ROUND_SECONDS_MAX = 300


def main():
    parser = arguments(__doc__)
    parser.add_argument("what", nargs="*", default=["multi", "script"], help="multi, script (default: both)")
    parser.add_argument("--rounds", type=int, default=5, help="paired rounds of each race (default: 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long one round takes (default: 2)")
    parser.add_argument("--clients", type=int, default=50, help="connections (default: 50)")
    parser.add_argument("--pipeline", type=int, default=16, help="transactions sent at once (default: 16)")
    options = parser.parse_args()
    if not options.theirs:
        parser.error("a race takes two")
    races = {"multi": [("multi", options.pipeline, multi)], "script": [("script", 1, script), ("script", 16, script)]}
    commands = contestants(options)
    with Server(commands["ours"]) as ours, Server(commands["theirs"]) as theirs:
        print(f"{'race':<8}{'P':>4}{'per second ours':>17}{'theirs':>11}{'ratio':>7}{'CPU us ours':>13}{'theirs':>9}{'ratio':>7}")
        for name, pipeline, play in (race for what in options.what for race in races[what]):
            for server in (ours, theirs):
                play(options, server, pipeline)
            pairs = [[play(options, server, pipeline) for server in (ours, theirs)] for _ in range(options.rounds)]
            line = f"{name:<8}{pipeline:>4}"
            for index, widths in enumerate([(17, 11), (13, 9)]):
                mine, other = ([figures[index] for figures in column] for column in zip(*pairs))
                form = "{:,.0f}" if index == 0 else "{:.2f}"
                for values, width in zip((mine, other), widths):
                    line += f"{form.format(statistics.median(values)):>{width}}"
                line += f"{statistics.median(map(ratio, mine, other)):>7.2f}"
            print(line, flush=True)


def multi(options, server, pipeline):
    """One round: transactions per second, and CPU microseconds of the server for each."""
    reply = b"+OK\r\n" + b"+QUEUED\r\n" * 10 + b"*10\r\n" + b"+OK\r\n" * 10
    watcher = selectors.DefaultSelector()
    count = 0
    for client in range(options.clients):
        transactions = []
        for nth in range(pipeline):
            sets = [encode("SET", f"key:{(client * pipeline + nth) % KEYS}:{n}", "x" * 16) for n in range(10)]
            transactions += [encode("MULTI"), *sets, encode("EXEC")]
        link = socket.create_connection(("127.0.0.1", server.port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bytes_out = b"".join(transactions)
        link.sendall(bytes_out)
        watcher.register(link, selectors.EVENT_READ, [bytes_out, len(reply) * pipeline])
    before, started = server.cpu_seconds(), time.monotonic()
    end = started + options.seconds
    room = bytearray(1 << 20)
    left = options.clients
    while left:
        for key, _ in watcher.select(timeout=10) or sys.exit("the server has stopped to answer"):
            link, state = key.fileobj, key.data
            state[1] -= link.recv_into(room) or sys.exit("the server has closed a connection")
            if state[1] > 0:
                continue
            # An error would be of another length, and so never end in the right place.
            if state[1] < 0:
                sys.exit("the replies are not as expected")
            count += pipeline
            if time.monotonic() < end:
                state[1] = len(reply) * pipeline
                link.sendall(state[0])
            else:
                watcher.unregister(link)
                link.close()
                left -= 1
    seconds = time.monotonic() - started
    return count / seconds, (server.cpu_seconds() - before) * 1e6 / count


def script(options, server, pipeline):
    """One round: scripts per second, and CPU microseconds of the server for each."""
    with Client(server.port) as client:
        sha = client.ask("SCRIPT", "LOAD", SCRIPT).decode()
    requests = script.requests.get((server, pipeline), 20_000)
    command = ["redis-benchmark", "-p", server.port, "-P", pipeline, "-n", requests, "--csv", "-c", options.clients,
               "-r", KEYS, "EVALSHA", sha, 3, "n:__rand_int__", "h:__rand_int__", "l:__rand_int__", "field"]
    before = server.cpu_seconds()
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=ROUND_SECONDS_MAX)
    used = server.cpu_seconds() - before
    rows = list(csv.DictReader(line for line in run.stdout.splitlines() if line.startswith('"')))
    if run.returncode or len(rows) != 1:
        sys.exit(f"redis-benchmark EVALSHA did not give one result:\n{run.stdout[-500:]}{run.stderr[-500:]}")
    per_second = float(rows[0]["rps"])
    script.requests[server, pipeline] = max(20_000, int(per_second * options.seconds))
    return per_second, used * 1e6 / requests


script.requests = {}

if __name__ == "__main__":
    main()

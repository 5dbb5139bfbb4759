#!/usr/bin/env python3
"""Races Callboard against redis-server, with redis-benchmark as the load.

Both servers are up, one is under load at a time, in turns: ours, theirs, ours, theirs … Each round of ours is
compared with the round of theirs that follows it, so what else the machine does meanwhile hits both alike; the
ratio shown (ours / theirs) is the median over these pairs.

  requests/s   above 1 is better
  CPU us       processor time of the server process for one request, user and kernel; below 1 is better
  p99 ms       as redis-benchmark sees it; below 1 is better

Without pipelining the load generator is often the limit on a small machine: there CPU is the figure to trust.
"""
import csv
import statistics
import subprocess
import sys

from servers import Server, arguments, certificates, contestants, ratio

FIGURES = [("requests/s", "{:,.0f}"), ("CPU us", "{:.2f}"), ("p99 ms", "{:.2f}")]
CALIBRATION_REQUESTS = 20_000
ROUND_SECONDS_MAX = 300


def main():
    parser = arguments(__doc__)
    parser.add_argument("--tests", default="set,get,incr,mset,ping_mbulk", help="as redis-benchmark -t names them")
    parser.add_argument("--pipeline", default="1,16", help="requests sent at once, one race for each (default: 1,16)")
    parser.add_argument("--rounds", type=int, default=5, help="paired rounds of each race (default: 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="about how long one round takes (default: 2)")
    parser.add_argument("--clients", type=int, default=50, help="connections (default: 50)")
    parser.add_argument("--size", type=int, default=16, help="bytes of a value (default: 16)")
    parser.add_argument("--keys", type=int, default=100_000, help="different keys (default: 100000)")
    parser.add_argument("--tls", action="store_true", help="clients come by TLS 1.3, with certificates on both sides")
    parser.add_argument("--io-threads", type=int, default=1, help="of ours; theirs takes its own by --theirs (default: 1)")
    options = parser.parse_args()
    if not options.theirs:
        parser.error("a race takes two")
    commands = contestants(options)
    threads = ("--io-threads", options.io_threads)
    with certificates(options.tls) as folder:
        options.certificates = folder
        with Server(commands["ours"], *threads, tls=folder) as ours, Server(commands["theirs"], tls=folder) as theirs:
            race_all(options, ours, theirs)


def race_all(options, ours, theirs):
    """All races, and the table of them."""
    head = "".join(f"{name + ' ours':>18}{'theirs':>11}{'ratio':>7}" for name, _ in FIGURES)
    print(f"{'test':<12}{'P':>3}{head}")
    for pipeline in map(int, options.pipeline.split(",")):
        for test in options.tests.split(","):
            race(options, ours, theirs, test, pipeline)


def race(options, ours, theirs, test, pipeline):
    """All rounds of one test, and its line of the table."""
    servers = (ours, theirs)
    requests = [requests_per_round(options, server, test, pipeline) for server in servers]
    pairs = [[play(options, server, test, pipeline, count) for server, count in zip(servers, requests)]
             for _ in range(options.rounds)]
    line = f"{test:<12}{pipeline:>3}"
    for index, (_, form) in enumerate(FIGURES):
        mine, other = ([figures[index] for figures in column] for column in zip(*pairs))
        median = statistics.median(map(ratio, mine, other))
        line += f"{form.format(statistics.median(mine)):>18}{form.format(statistics.median(other)):>11}{median:>7.2f}"
    print(line, flush=True)


def requests_per_round(options, server, test, pipeline):
    """As many as this server answers in a round. Finding out warms it up, too."""
    per_second, _, _ = play(options, server, test, pipeline, CALIBRATION_REQUESTS * min(pipeline, 8))
    return max(CALIBRATION_REQUESTS, int(per_second * options.seconds))


def play(options, server, test, pipeline, requests):
    """One round: requests per second, CPU microseconds per request, and the 99th percentile of latency in ms."""
    command = ["redis-benchmark", *server.way(), "-t", test, "-P", pipeline, "-n", requests, "--csv",
               "-c", options.clients, "-d", options.size, "-r", options.keys]
    before = server.cpu_seconds()
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=ROUND_SECONDS_MAX)
    used = server.cpu_seconds() - before
    rows = list(csv.DictReader(line for line in run.stdout.splitlines() if line.startswith('"')))
    if run.returncode or len(rows) != 1:
        sys.exit(f"redis-benchmark -t {test} did not give one result:\n{run.stdout[-500:]}{run.stderr[-500:]}")
    return float(rows[0]["rps"]), used * 1e6 / requests, float(rows[0]["p99_latency_ms"])


if __name__ == "__main__":
    main()

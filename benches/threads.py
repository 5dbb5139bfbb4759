#!/usr/bin/env python3
"""Measures the processor time that each thread of Callboard spends on a request, with I/O threads.

The thread `data` owns all data: how little it spends bounds what one server can do, however many threads read and
write for it. redis-benchmark is the load. Processor time is the kernel's account (/proc/PID/task), in ticks of
1/100 s: rounds of a second or more are exact to a few percent.
"""
import statistics

from race import play, requests_per_round
from servers import Server, arguments, table


def main():
    parser = arguments(__doc__, has_opponent=False)
    parser.add_argument("--tests", default="set,get", help="as redis-benchmark -t names them (default: set,get)")
    parser.add_argument("--pipeline", default="1,16", help="requests sent at once (default: 1,16)")
    parser.add_argument("--rounds", type=int, default=5, help="the median is shown (default: 5)")
    parser.add_argument("--seconds", type=float, default=4.0, help="about how long one round takes (default: 4)")
    parser.add_argument("--clients", type=int, default=50, help="connections (default: 50)")
    parser.add_argument("--size", type=int, default=16, help="bytes of a value (default: 16)")
    parser.add_argument("--keys", type=int, default=100_000, help="different keys (default: 100000)")
    parser.add_argument("--io-threads", type=int, default=2, help="default: 2")
    options = parser.parse_args()
    with Server(options.ours, "--io-threads", options.io_threads) as server:
        names = sorted(server.cpu_seconds_by_thread())
        rows = []
        for test in options.tests.split(","):
            for pipeline in map(int, options.pipeline.split(",")):
                rounds = measure(options, server, test, pipeline)
                medians = [statistics.median(found[name] for found in rounds) for name in names]
                rows.append([f"{test}, {pipeline} at once", *(f"{value:.3f}" for value in medians)])
        table(["CPU us per request", *names], rows)


def measure(options, server, test, pipeline):
    """Microseconds that one request took of each thread, round by round."""
    requests = requests_per_round(options, server, test, pipeline)
    rounds = []
    for _ in range(options.rounds):
        before = server.cpu_seconds_by_thread()
        play(options, server, test, pipeline, requests)
        after = server.cpu_seconds_by_thread()
        rounds.append({name: (after[name] - before[name]) * 1e6 / requests for name in before})
    return rounds


if __name__ == "__main__":
    main()

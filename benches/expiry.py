#!/usr/bin/env python3
"""Measures how late keys are removed when many expire, and what other clients feel of it.

Keys are set with deadlines spread evenly over some seconds, in random order. One client then asks DBSIZE about once
a millisecond, first while nothing is due (idle), then while everything is (busy). How many keys are left tells how
many are overdue, and so, as the deadlines are even, for how long the oldest of them is, if they go in order:

  lag      ms between a key's deadline and its removal, seen from outside: the round trip of the question is in it
  overdue  keys that should be gone and are not
  client   ms until DBSIZE is answered, idle and busy

Callboard measures the lag of every key itself, in whole ms (callboard_expiry_lag_p99_ms and _max_ms of INFO stats);
redis-server, which does not, may still hold many keys when the last is due.
"""
import random
import sys
import time

from servers import Client, Server, arguments, contestants, encode, load, percentile, table

IDLE_SECONDS = 3
PAUSE_SECONDS = 0.001
# Time that is left for what is late, after the last deadline.
LATE_SECONDS_MAX = 10


def main():
    parser = arguments(__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000, help="default: 1000000")
    parser.add_argument("--seconds", type=float, default=10, help="over which they are due (default: 10)")
    parser.add_argument("--lead", type=float, default=40, help="seconds until the first is due: for setting them, and for a quiet while to compare with (default: 40)")
    options = parser.parse_args()
    rows = {}
    for name, command in contestants(options).items():
        with Server(command) as server, Client(server.port) as client:
            rows[name] = measure(client, options)
    labels = rows["ours"]
    table(["", *rows], [[label, *(row[label] for row in rows.values())] for label in labels])


def measure(client, options):
    start = time.time() + options.lead
    load(client, requests(options, start))
    if time.time() + IDLE_SECONDS > start:
        sys.exit("Setting the keys took too long: give a longer --lead, or fewer --keys.")
    idle = watch(client, time.time() + IDLE_SECONDS)
    client.ask("CONFIG", "RESETSTAT")
    # The server may be doing nothing until then; so do we.
    time.sleep(max(0, start - time.time()))
    busy = watch(client, start + options.seconds)
    late = watch(client, start + options.seconds + LATE_SECONDS_MAX, until_empty=True)
    per_second = options.keys / options.seconds
    lags, overdue = [], []
    for _, answered, left in busy + late:
        due = min(options.keys, max(0, (answered - start) * per_second))
        late_keys = max(0, left - (options.keys - due))
        overdue.append(late_keys)
        oldest_ms = deadline_ms(options, start, options.keys - left)
        lags.append(max(0, answered * 1e3 - oldest_ms) if left else 0)
    latency = {"idle": latencies_ms(idle), "busy": latencies_ms(busy)}
    stats = client.info("stats")
    figures = {f"lag ms by its own account, {label}": stats.get(f"callboard_expiry_lag_{label}_ms", "–")
               for label in ("p99", "max")}
    for label, values in [("lag ms", lags), ("overdue keys", overdue), ("client idle ms", latency["idle"]),
                          ("client busy ms", latency["busy"])]:
        figures.update({f"{label}, p50": percentile(values, 50), f"{label}, p99": percentile(values, 99),
                        f"{label}, max": max(values)})
    figures["client p99, busy / idle"] = percentile(latency["busy"], 99) / percentile(latency["idle"], 99)
    return figures


def requests(options, start):
    order = list(range(options.keys))
    random.Random(1).shuffle(order)
    for number in order:
        yield encode("SET", b"volatile:%08d" % number, "x", "PXAT", deadline_ms(options, start, number))


def deadline_ms(options, start, number):
    """When the key of this number is due, as the server is told."""
    return int((start + number * options.seconds / options.keys) * 1e3)


def watch(client, end, until_empty=False):
    """Until then: when DBSIZE was asked, when it was answered, and what it said."""
    seen = []
    while time.time() < end:
        asked = time.time()
        left = client.ask("DBSIZE")
        seen.append((asked, time.time(), left))
        if until_empty and left == 0:
            break
        time.sleep(PAUSE_SECONDS)
    return seen


def latencies_ms(seen):
    return [(answered - asked) * 1e3 for asked, answered, _ in seen]


if __name__ == "__main__":
    main()

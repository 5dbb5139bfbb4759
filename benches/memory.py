#!/usr/bin/env python3
"""Compares what keys and parts of large values cost in memory, and how long the slowest writes take while the data grows.

For each shape: the growth of used_memory per key or part, in bytes. The number of keys matters: a hash table that
doubles is half empty just after it did, and full just before. The default, a million, is kind to such tables, as
it almost fills 2^20 places.

For growth: three times as many keys are set, 20 in a batch, by one client that waits for each batch. The slowest
batches show what growing costs in pauses.
"""
import random
import time

from servers import Client, Server, arguments, contestants, encode, load, percentile, ratio, table

BATCH = 20
# Memory has settled when it did not shrink, by more than a client's buffer, for so long.
SETTLED_SECONDS = 3
NOISE_BYTES = 10_000
EMPTY_SECONDS_MAX = 60


def shapes(count):
    """Name, and the requests that make `count` such keys."""
    value = b"v" * 32
    chance = random.Random(1)
    numbered = [b"key:%012d" % number for number in range(count)]
    small_fields = [word for number in range(10) for word in ("field%d" % number, "value%d" % number)]
    return {
        "16-byte key, 32-byte value": (encode("SET", key, value) for key in numbered),
        "the same with a deadline": (encode("SET", key, value, "EX", 1_000_000) for key in numbered),
        "16-byte key, integer": (encode("SET", key, index * 7919) for index, key in enumerate(numbered)),
        "16-byte key, 200-byte value": (encode("SET", key, value * 6 + b"v" * 8) for key in numbered),
        "16-byte field, 32-byte value of one hash": (encode("HSET", "h", field, value) for field in numbered),
        "hash of ten small fields, with its 16-byte key": (encode("HSET", key, *small_fields) for key in numbered),
        "16-byte member of one set": (encode("SADD", "s", member) for member in numbered),
        "16-byte member of one sorted set": (
            encode("ZADD", "z", chance.random(), member) for member in numbered
        ),
        "16-byte element of one list": (encode("RPUSH", "l", element) for element in numbered),
        "entry of two fields of one stream": (
            encode("XADD", "x", "*", "temp", "21.5", "hum", index % 100) for index in range(count)
        ),
    }


def main():
    parser = arguments(__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000, help="of each shape (default: 1000000)")
    options = parser.parse_args()
    results = {}
    for name, command in contestants(options).items():
        with Server(command) as server, Client(server.port) as client:
            results[name] = {**growth(client, 3 * options.keys), **sizes(client, options.keys)}
    rows = []
    for measured in results["ours"]:
        values = [result[measured] for result in results.values()]
        if len(values) == 2:
            values.append(ratio(*values))
        rows.append([measured, *values])
    table(["", *results, "ratio"][:len(rows[0])], rows)


def sizes(client, count):
    """Bytes per key, by shape."""
    found = {}
    for shape, requests in shapes(count).items():
        empty(client)
        before = used(client)
        load(client, requests)
        found[f"bytes: {shape}"] = (used(client) - before) / count
    empty(client)
    load(client, shapes(count)["16-byte member of one sorted set"])
    began = time.perf_counter()
    client.ask("DEL", "z")
    found["ms: DEL of that sorted set"] = (time.perf_counter() - began) * 1e3
    empty(client)
    return found


def growth(client, count):
    """Milliseconds that a batch took, in the worst cases."""
    empty(client)
    taken_ms = []
    for start in range(0, count, BATCH):
        requests = [encode("SET", b"grow:%010d" % number, "x") for number in range(start, start + BATCH)]
        began = time.perf_counter()
        client.ask_all(requests)
        taken_ms.append((time.perf_counter() - began) * 1e3)
    return {f"ms: batch of {BATCH} SETs, {label}": value for label, value in [
        ("median", percentile(taken_ms, 50)),
        ("p99.9", percentile(taken_ms, 99.9)),
        ("max", max(taken_ms)),
    ]}


def empty(client):
    """Removes all keys, and waits until all that they used is freed, which may come later: a timing wheel, say, is
    cleared of deadlines a second after. Else that would be taken off what the next keys cost."""
    client.ask("FLUSHALL", "SYNC")
    end = time.monotonic() + EMPTY_SECONDS_MAX
    least, since = used(client), time.monotonic()
    while time.monotonic() - since < SETTLED_SECONDS and time.monotonic() < end:
        time.sleep(0.1)
        now = used(client)
        if now < least - NOISE_BYTES:
            least, since = now, time.monotonic()


def used(client):
    return int(client.info("memory")["used_memory"])


if __name__ == "__main__":
    main()

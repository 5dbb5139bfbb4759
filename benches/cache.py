#!/usr/bin/env python3
"""How good a cache are Callboard and redis-server with the same `maxmemory`?

A cache is asked for keys, of which some are wanted much more often than others (by Zipf's law); what it does not have is put
there. Both get the same requests, in the same order. What is shown is behind a first part that only fills it:

  hits %    requests for what was there; above is better
  keys      that it holds in the end, by which it finds more or less
  excess    by how much more memory than `maxmemory` is used in the end, in %; what is used and need not count, as INFO says,
            is left out
"""
import bisect
import itertools
import random

from servers import Client, Server, arguments, contestants, encode, ratio

BATCH = 200


def main():
    parser = arguments(__doc__)
    parser.add_argument("--policies", default="allkeys-lru,allkeys-lfu,allkeys-random", help="one race for each")
    parser.add_argument("--megabytes", type=int, default=20, help="maxmemory (default: 20)")
    parser.add_argument("--keys", type=int, default=1_000_000, help="that are wanted at all (default: 1000000)")
    parser.add_argument("--requests", type=int, default=2_000_000, help="of which half only fill it (default: 2000000)")
    parser.add_argument("--skew", type=float, default=0.9, help="exponent of Zipf's law (default: 0.9)")
    parser.add_argument("--size", type=int, default=32, help="bytes of a value (default: 32)")
    options = parser.parse_args()
    commands = contestants(options)
    wanted = wishes(options)
    print(f"{'policy':<16}" + "".join(f"{name + ' ' + side:>16}" for name in ("hits %", "keys", "excess %") for side in commands))
    for policy in options.policies.split(","):
        figures = [play(options, command, policy, wanted) for command in commands.values()]
        hits, keys, excess = zip(*figures)
        line = f"{policy:<16}" + "".join(f"{hit:>16.2f}" for hit in hits) + "".join(f"{count:>16,}" for count in keys)
        line += "".join(f"{part:>16.2f}" for part in excess)
        if len(hits) > 1:
            line += f"   hits {ratio(*hits):.3f}, keys {ratio(*keys):.2f}"
        print(line, flush=True)


def wishes(options):
    """Numbers of the keys that are asked for, the same in every run."""
    chance = random.Random(7)
    weights = list(itertools.accumulate((rank + 1) ** -options.skew for rank in range(options.keys)))
    # Neighbours in rank are no neighbours otherwise.
    numbers = chance.sample(range(options.keys), options.keys)
    return [numbers[bisect.bisect(weights, chance.random() * weights[-1])] for _ in range(options.requests)]


def play(options, command, policy, wanted):
    """Hits in percent, keys, and by how much the limit is exceeded, in percent."""
    value = "v" * options.size
    limit = options.megabytes << 20
    asked = hits = 0
    with Server(command, "--maxmemory", limit, "--maxmemory-policy", policy) as server, Client(server.port) as client:
        for begin in range(0, len(wanted), BATCH):
            keys = [f"key:{number:012}" for number in wanted[begin : begin + BATCH]]
            client.socket.sendall(b"".join(encode("GET", key) for key in keys))
            missed = [key for key in keys if client.reply() is None]
            client.ask_all([encode("SET", key, value) for key in missed])
            if begin >= len(wanted) // 2:
                asked += len(keys)
                hits += len(keys) - len(missed)
        memory = client.info("memory")
        counted = int(memory["used_memory"]) - int(memory["mem_not_counted_for_evict"])
        return 100 * hits / asked, client.ask("DBSIZE"), max(0, 100 * (counted / limit - 1))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Measures what it costs to keep data: snapshots, loading, and the append-only file.

  save     ms of SAVE, while nobody else asks anything
  bgsave   while clients write without pause and one BGSAVE follows the other: their p99.9, the same without BGSAVE,
           and by how much the memory of the server's processes grows at most (proportional set size, in per cent:
           what a forked child shares with its parent counts once)
  load     ms from the start of the process to the first PONG, with an RDB file (written by the other server, if there
           is one) and with an append-only file of nothing but SETs
  everysec requests/s of SET with appendfsync everysec, as a part of those without a log: each server against itself
  always   requests/s of 50 clients that SET with appendfsync always; and the p99 of 50 others that GET meanwhile

If it may (as root), the script gives redis-benchmark a real-time priority while it measures bgsave: on a machine with few
cores, what a client waits for the server is hidden otherwise by what the load generator itself waits for a core.

What is compared is done in turns: ours, theirs, ours, theirs … The figures shown are medians; the ratio (ours /
theirs) is the median over the pairs.
"""
import csv
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from servers import Client, Server, arguments, contestants, encode, load, ratio

PARTS = ("save", "bgsave", "load", "everysec", "always")
CLIENTS = 50
ROUND_SECONDS_MAX = 300
LOAD_SECONDS_MAX = 120
# Before the command of the load generator.
PRIORITY = []


def main():
    parser = arguments(__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--keys", type=int, default=2_000_000, help="of 16 bytes, with values of 32 (default: 2000000)")
    parser.add_argument("--rounds", type=int, default=3, help="paired rounds (default: 3)")
    parser.add_argument("--seconds", type=float, default=5, help="about how long clients work in a round (default: 5)")
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"{part} is none of {', '.join(PARTS)}")
    print(f"{'':<44}{'ours':>12}{'theirs':>12}{'ratio':>8}")
    for part in options.parts:
        globals()[f"measure_{part}"](options)


def measure_save(options):
    servers = filled(options)
    compare("SAVE ms", servers, options, lambda server: timed_ms(server, "SAVE"))
    stop(servers)


def measure_bgsave(options):
    servers = filled(options)
    if os.geteuid() == 0 and shutil.which("chrt"):
        PRIORITY[:] = ["chrt", "--rr", "1"]
    compare("p99.9 ms of SET, without", servers, options, lambda server: set_load(options, server).p999)

    def saving(server):
        with Saving(server):
            return set_load(options, server).p999

    def growth(server):
        before = proportional_bytes(server.pid)
        with Saving(server), Peak(server.pid) as peak:
            set_load(options, server)
        return (peak.bytes / before - 1) * 100

    compare("p99.9 ms of SET, during BGSAVE", servers, options, saving)
    compare("growth of memory during BGSAVE, %", servers, options, growth)
    PRIORITY.clear()
    stop(servers)


def measure_load(options):
    with tempfile.TemporaryDirectory(prefix="race-") as folder:
        files = pathlib.Path(folder)
        write_snapshot(options, files / "dump.rdb")
        write_log(options, files / "appendonlydir")
        commands = contestants(options)

        def start(command, logging):
            with StartOf(command, files, logging) as started:
                return started.ms

        compare("start with an RDB file, ms", commands, options, lambda command: start(command, "no"))
        compare("start with an append-only file, ms", commands, options, lambda command: start(command, "yes"))


def measure_everysec(options):
    for pipeline in (1, 16):
        parts = {}
        for name, command in contestants(options).items():
            with Server(command, "--appendonly", "yes") as logging, Server(command) as plain:
                pairs = [[set_load(options, server, pipeline).rps for server in (logging, plain)]
                         for _ in range(options.rounds)]
            parts[name] = statistics.median(ratio(*pair) for pair in pairs)
        row(f"SET/s with everysec, part of without, P={pipeline}", *parts.values())


def measure_always(options):
    servers = {name: Server(command, "--appendonly", "yes", "--appendfsync", "always")
               for name, command in contestants(options).items()}
    compare("SET/s with always", servers, options, lambda server: set_load(options, server).rps)

    def reading(server):
        writers = benchmark(options, server, "set", 1, requests=10**9)
        try:
            return wait_for(benchmark(options, server, "get", 1)).p99
        finally:
            writers.kill()
            writers.communicate()

    compare("p99 ms of GET, beside SET with always", servers, options, reading)
    stop(servers)


def compare(label, contestants, options, measure):
    """Measures each in turn, and prints the line."""
    pairs = [[measure(contestant) for contestant in contestants.values()] for _ in range(options.rounds)]
    medians = [statistics.median(column) for column in zip(*pairs)]
    ratios = [ratio(*pair) for pair in pairs if len(pair) == 2]
    row(label, *medians, by=statistics.median(ratios) if ratios else None)


def row(label, ours, theirs=None, by=None):
    by = ratio(ours, theirs) if by is None and theirs else by
    cells = [f"{cell:,.2f}" if cell is not None else "–" for cell in (ours, theirs, by)]
    print(f"{label:<44}{cells[0]:>12}{cells[1]:>12}{cells[2]:>8}", flush=True)


def filled(options):
    """Both servers, with all keys in them."""
    servers = {name: Server(command) for name, command in contestants(options).items()}
    for server in servers.values():
        with Client(server.port) as client:
            load(client, sets(options))
    return servers


def sets(options):
    """The names are those of redis-benchmark, so that what it writes is there already."""
    return (encode("SET", b"key:%012d" % number, b"%032d" % number) for number in range(options.keys))


def stop(servers):
    for server in servers.values():
        server.stop()


def timed_ms(server, *words):
    with Client(server.port, ROUND_SECONDS_MAX) as client:
        before = time.monotonic()
        client.ask(*words)
        return (time.monotonic() - before) * 1e3


class Saving:
    """One BGSAVE after the other, as long as it is open."""

    def __init__(self, server):
        self.port = server.port
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()

    def work(self):
        with Client(self.port) as client:
            while not self.ends.is_set():
                client.ask("BGSAVE")
                while client.info("persistence")["rdb_bgsave_in_progress"] == "1":
                    time.sleep(0.02)


class Peak:
    """The most memory that a process and its children have at a time, as long as it is open."""

    def __init__(self, pid):
        self.pid = pid
        self.bytes = 0
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()

    def watch(self):
        while not self.ends.wait(0.05):
            self.bytes = max(self.bytes, proportional_bytes(self.pid))


def proportional_bytes(pid):
    """Of a process and its children."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = 0
    for process in [pid, *children]:
        try:
            text = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            # A child that has ended meanwhile.
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) * 1024
    return total


class Load:
    """What redis-benchmark found."""

    def __init__(self, text):
        rows = list(csv.DictReader(line for line in text.splitlines() if line.startswith('"')))
        if len(rows) == 1:
            self.rps, self.p99 = float(rows[0]["rps"]), float(rows[0]["p99_latency_ms"])
            return
        steps = re.findall(r"^([\d.]+)% <= ([\d.]+) milliseconds", text, re.M)
        throughput = re.findall(r"throughput summary: ([\d.]+)", text)
        if not steps or not throughput:
            sys.exit(f"redis-benchmark did not give a result:\n{text[-500:]}")
        self.rps = float(throughput[-1])
        self.p999 = next(float(ms) for percent, ms in steps if float(percent) >= 99.9)


def set_load(options, server, pipeline=1):
    return wait_for(benchmark(options, server, "set", pipeline, csv_wanted=False))


def benchmark(options, server, test, pipeline, requests=None, csv_wanted=True):
    """Clients at work. How many requests are a round is found out once for each server and kind of work."""
    if requests is None:
        known = server.__dict__.setdefault("requests_per_round", {})
        if (test, pipeline) not in known:
            probe = wait_for(benchmark(options, server, test, pipeline, requests=20_000 * pipeline))
            known[test, pipeline] = max(20_000, int(probe.rps * options.seconds))
        requests = known[test, pipeline]
    words = [*PRIORITY, "redis-benchmark", "-p", server.port, "-t", test, "-P", pipeline, "-n", requests, "-c", CLIENTS,
             "-d", 32, "-r", options.keys, *(["--csv"] if csv_wanted else [])]
    return subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def wait_for(process):
    text, _ = process.communicate(timeout=ROUND_SECONDS_MAX)
    return Load(text)


def write_snapshot(options, path):
    with Server(options.theirs or options.ours) as server, Client(server.port, ROUND_SECONDS_MAX) as client:
        load(client, sets(options))
        client.ask("SAVE")
        shutil.copy(pathlib.Path(server.folder.name, "dump.rdb"), path)


def write_log(options, folder):
    folder.mkdir()
    name = "appendonly.aof.1.incr.aof"
    (folder / "appendonly.aof.manifest").write_text(f"file {name} seq 1 type i\n")
    with open(folder / name, "wb") as log:
        log.write(encode("SELECT", 0))
        log.writelines(sets(options))


class StartOf(Server):
    """A server that finds files where it starts, and how long it took until it served them."""

    def __init__(self, command, files, logging):
        self.files = files
        began = time.monotonic()
        super().__init__(command, "--dir", files, "--appendonly", logging)
        self.ms = (time.monotonic() - began) * 1e3

    def wait_until_it_answers(self):
        end = time.monotonic() + LOAD_SECONDS_MAX
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with Client(self.port) as client:
                    if client.ask("PING") == b"PONG" and client.ask("DBSIZE") > 0:
                        return
            except (OSError, RuntimeError):
                # Not there yet, or loading.
                pass
            time.sleep(0.005)
        sys.exit(f"The server does not serve:\n{self.log.read_text(errors='replace')}")


if __name__ == "__main__":
    main()

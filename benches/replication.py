#!/usr/bin/env python3
"""Races a master with its replicas, both Callboard, against the same of redis-server.

  sync   a full sync of many keys: how long it takes, by how much the master's memory grows, and how long its other clients
         wait meanwhile (one that sets and gets, one request at a time: p99.9 and the worst)
  flow   SETs to a master with two replicas attached, sixteen in a pipeline: requests per second, CPU of the master for one,
         and how long after the end of the load the last replica has all of it
  wait   clients that write and wait for one replica: the time of one WAIT 1 behind the reply to SET, and of SET and WAIT 1
         that are sent in one packet, by one client and by each of several at once

Servers of both kinds take turns; each figure is the median over rounds, the ratio the median of the paired ratios.
"""
import csv
import io
import multiprocessing
import selectors
import socket
import statistics
import subprocess
import threading
import time

from servers import Client, Server, arguments, contestants, encode, ratio

SYNC_SECONDS_MAX = 300
VALUE_BYTES = 32


def main():
    parser = arguments(__doc__)
    parser.add_argument("what", nargs="*", default=["sync", "flow", "wait"], help="sync, flow, wait (default: all)")
    parser.add_argument("--keys", type=int, default=2_000_000, help="keys of the full sync (default: 2,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--requests", type=int, default=4_000_000, help="requests of a round of flow (default: 4,000,000)")
    parser.add_argument("--waits", type=int, default=5_000, help="WAITs of a round (default: 5,000)")
    parser.add_argument("--clients", type=int, nargs="*", default=[2, 8, 50],
                        help="numbers of clients that wait at once (default: 2, 8 and 50)")
    options = parser.parse_args()
    if not options.theirs:
        parser.error("a race takes two")
    plays = {"sync": sync, "flow": flow, "wait": wait}
    for what in options.what:
        rounds = [{name: plays[what](options, command) for name, command in contestants(options).items()}
                  for _ in range(options.rounds)]
        print(f"{what:<34}{'ours':>14}{'theirs':>14}{'ratio':>8}")
        for figure in rounds[0]["ours"]:
            ours, theirs = ([of[name][figure] for of in rounds] for name in ("ours", "theirs"))
            share = statistics.median(map(ratio, ours, theirs))
            print(f"  {figure:<32}{statistics.median(ours):>14,.2f}{statistics.median(theirs):>14,.2f}{share:>8.2f}", flush=True)


class Cast:
    """A master and its replicas, in step."""

    def __init__(self, command, replicas, *more):
        self.master = Server(command, "--repl-diskless-sync-delay", "0", *more)
        self.replicas = []
        self.command = command
        for _ in range(replicas):
            self.attach()

    def attach(self):
        replica = Server(self.command, "--replicaof", "127.0.0.1", self.master.port)
        self.replicas.append(replica)
        until(lambda: link_is_up(replica), 0.02)
        return replica

    def settle(self):
        """Waits until the master, too, knows that its replicas are in step."""
        def are_online():
            with Client(self.master.port) as client:
                found = client.info("replication")
            return all("state=online" in found[f"slave{index}"] for index in range(len(self.replicas)))
        until(are_online)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in [*self.replicas, self.master]:
            server.stop()


def until(reached, every=0.002):
    end = time.monotonic() + SYNC_SECONDS_MAX
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError("the replica does not come into step")
        time.sleep(every)


def link_is_up(server):
    try:
        with Client(server.port) as client:
            return client.info("replication").get("master_link_status") == "up"
    except RuntimeError:
        # It loads.
        return False


def fill(server, keys):
    with Client(server.port) as client:
        value = b"v" * VALUE_BYTES
        for start in range(0, keys, 10_000):
            client.ask_all([encode(b"SET", b"key:%d" % index, value) for index in range(start, min(start + 10_000, keys))])


def sync(options, command):
    with Cast(command, 0) as cast:
        fill(cast.master, options.keys)
        before = cast.master.resident_bytes()
        peak, stopped = [before], multiprocessing.Event()
        tell, told = multiprocessing.Pipe()

        # A process of its own: what it waits for must be the server, not another thread of Python.
        bystander = multiprocessing.Process(target=stand_by, args=(cast.master.port, options.keys, stopped, told))
        watcher = threading.Thread(target=lambda: watch(cast.master, peak, stopped))
        bystander.start()
        watcher.start()
        began = time.monotonic()
        cast.attach()
        seconds = time.monotonic() - began
        stopped.set()
        waits = sorted(tell.recv())
        bystander.join()
        watcher.join()
        return {"full sync, s": seconds, "master's memory grows, %": (max(peak) - before) * 100 / before,
                "p99.9 of other clients, ms": waits[int(len(waits) * 0.999)] * 1000, "the worst, ms": waits[-1] * 1000}


def stand_by(port, keys, stopped, told):
    """Sets and gets, one request at a time; tells how long each took."""
    waits = []
    with Client(port) as client:
        index = 0
        while not stopped.is_set():
            index += 7919
            key = b"key:%d" % (index % keys)
            began = time.perf_counter()
            client.ask(*((b"GET", key) if index % 2 else (b"SET", key, b"w" * VALUE_BYTES)))
            waits.append(time.perf_counter() - began)
    told.send(waits)


def watch(server, peak, stopped):
    while not stopped.is_set():
        peak.append(family_bytes(server))
        time.sleep(0.05)


def family_bytes(server):
    """Memory of the server, and what a forked child has of its own."""
    own = server.resident_bytes()
    with open(f"/proc/{server.pid}/task/{server.pid}/children") as file:
        children = file.read().split()
    for child in children:
        try:
            with open(f"/proc/{child}/smaps_rollup") as file:
                own += sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Private_Dirty:"))
        except OSError:
            # It has ended.
            pass
    return own


def flow(options, command):
    with Cast(command, 2) as cast:
        cast.settle()
        before = cast.master.cpu_seconds()
        found = subprocess.run(
            ["redis-benchmark", "-p", str(cast.master.port), "-t", "set", "-n", str(options.requests), "-P", "16", "-r",
             "100000", "--csv"], capture_output=True, text=True, check=True).stdout
        ended = time.monotonic()
        with Client(cast.master.port) as client:
            target = int(client.info("replication")["master_repl_offset"])
        until(lambda: all(offset_of(replica) >= target for replica in cast.replicas))
        lag = time.monotonic() - ended
        cpu = cast.master.cpu_seconds() - before
        rows = list(csv.DictReader(io.StringIO(found)))
        return {"SETs per second": float(rows[0]["rps"]), "CPU of the master, us each": cpu * 1e6 / options.requests,
                "replicas have all after, ms": lag * 1000}


def offset_of(server):
    with Client(server.port) as client:
        return int(client.info("replication")["slave_repl_offset"])


def wait(options, command):
    with Cast(command, 1) as cast, Client(cast.master.port) as client:
        cast.settle()
        times = []
        for index in range(options.waits):
            client.ask(b"SET", b"key:%d" % index, b"v")
            began = time.perf_counter()
            if client.ask(b"WAIT", b"1", b"1000") != 1:
                raise RuntimeError("a write was not acknowledged")
            times.append(time.perf_counter() - began)
        times.sort()
        figures = {"WAIT 1, us": statistics.median(times) * 1e6, "p99, us": times[int(len(times) * 0.99)] * 1e6}
        packet = [encode(b"SET", b"k", b"v"), encode(b"WAIT", b"1", b"1000")]
        times.clear()
        for _ in range(options.waits):
            began = time.perf_counter()
            client.ask_all(packet)
            times.append(time.perf_counter() - began)
        figures["SET with WAIT 1 in one packet, us"] = statistics.median(times) * 1e6
        for clients in options.clients:
            figures[f"the same, {clients} clients at once, us"] = together(cast.master.port, clients, options.waits) * 1e6
        return figures


def together(port, count, packets):
    """The median of the times that clients wait for both replies to SET and WAIT, which each sends in one packet."""
    packet = encode(b"SET", b"k", b"v") + encode(b"WAIT", b"1", b"1000")
    times = []
    with selectors.DefaultSelector() as ready:
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ready.register(sock, selectors.EVENT_READ, [time.perf_counter(), b""])
            sock.sendall(packet)
        while len(times) < packets:
            for key, _ in ready.select():
                began, come = key.data
                come += key.fileobj.recv(100)
                if come == b"+OK\r\n:1\r\n":
                    now = time.perf_counter()
                    times.append(now - began)
                    key.data[:] = now, b""
                    key.fileobj.sendall(packet)
                elif b"+OK\r\n:1\r\n".startswith(come):
                    key.data[1] = come
                else:
                    raise RuntimeError(f"a write was answered {come}")
        for key in list(ready.get_map().values()):
            key.fileobj.close()
    return statistics.median(times)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Measures what idle connections cost, and how soon a new client is served among them.

Each connection asks PING once, so that whatever a server keeps for a client that has spoken is there, and is idle
from then on. Resident memory is compared before and after. Then new clients come one after the other; each connects,
asks PING, and leaves. All of it stays on the loopback interface; the limit of open files is raised as far as allowed.
"""
import contextlib
import functools
import resource
import socket
import ssl
import sys
import time

from servers import Client, Server, arguments, certificates, contestants, percentile, table

TIMEOUT_SECONDS = 30
# Descriptors for anything but these connections.
FILES_RESERVED = 64
BATCH = 200
# How long the server has to come to rest.
SETTLE_SECONDS = 1


def main():
    parser = arguments(__doc__)
    parser.add_argument("--connections", type=int, default=10_000, help="default: 10000")
    parser.add_argument("--newcomers", type=int, default=200, help="clients that come later (default: 200)")
    parser.add_argument("--io-threads", type=int, default=1, help="of ours (default: 1)")
    parser.add_argument("--tls", action="store_true", help="by TLS 1.3, with certificates on both sides; newcomers without")
    options = parser.parse_args()
    raise_file_limit(options.connections + FILES_RESERVED)
    rows = {}
    with certificates(options.tls) as folder:
        for name, command in contestants(options).items():
            more = ["--io-threads", options.io_threads] if name == "ours" else []
            with Server(command, "--maxclients", options.connections + FILES_RESERVED, *more, tls=folder) as server:
                rows[name] = measure(server, options)
    labels = rows["ours"]
    table(["", *rows], [[label, *(row[label] for row in rows.values())] for label in labels])


def measure(server, options):
    time.sleep(SETTLE_SECONDS)
    before = server.resident_bytes()
    with contextlib.ExitStack() as open_sockets:
        began = time.perf_counter()
        for start in range(0, options.connections, BATCH):
            connect_some(server, min(BATCH, options.connections - start), open_sockets)
        opened_seconds = time.perf_counter() - began
        time.sleep(SETTLE_SECONDS)
        each_kib = (server.resident_bytes() - before) / options.connections / 1024
        served_ms = [newcomer_ms(server.port) for _ in range(options.newcomers)]
    return {
        "resident KiB per connection": each_kib,
        "connections opened per second": options.connections / opened_seconds,
        "newcomer served ms, p50": percentile(served_ms, 50),
        "newcomer served ms, p99": percentile(served_ms, 99),
        "newcomer served ms, max": max(served_ms),
    }


def connect_some(server, count, open_sockets):
    """Connects, and has each say PING once."""
    batch = [open_sockets.enter_context(connect(server)) for _ in range(count)]
    for connection in batch:
        connection.sendall(b"PING\r\n")
    for connection in batch:
        if connection.recv(64) != b"+PONG\r\n":
            sys.exit("A connection was refused. Does the system allow as many open files?")


def connect(server):
    if not server.tls:
        return socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS)
    return context(server.tls).wrap_socket(socket.create_connection(("127.0.0.1", server.tls_port), TIMEOUT_SECONDS))


@functools.cache
def context(folder):
    found = ssl.create_default_context(cafile=folder / "ca.crt")
    found.check_hostname = False
    found.load_cert_chain(folder / "client.crt", folder / "client.key")
    return found


def newcomer_ms(port):
    began = time.perf_counter()
    with Client(port, TIMEOUT_SECONDS) as client:
        client.ask("PING")
        return (time.perf_counter() - began) * 1e3


def raise_file_limit(files):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < files:
        sys.exit(f"{files} open files are needed, and the system allows {hard}: give fewer --connections.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, files), hard))


if __name__ == "__main__":
    main()

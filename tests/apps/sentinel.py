"""Failovers: three real redis-sentinel processes watch servers of this make, and redis-py's Sentinel client writes meanwhile.

Usage: sentinel.py PORT BINARY [OPTION…]. PORT is of the server that all scripts here are given; these start their own.
"""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

import redis
from redis.sentinel import Sentinel

import harness
from harness import run, until

# On a machine that stands still for seconds sentinels elect nobody, and try again half a minute later.
harness.CHECK_DEADLINE_S = 240

BINARY, OPTIONS = sys.argv[2], sys.argv[3:]
REDIS = os.environ.get("REDIS_SERVER", "redis-server")
NAME = "callers"
# After so long without an answer a server is taken for dead. A sentinel connects anew only once a second, also to the master
# that it has just been told of: with less time than that and a handshake, a new master is taken for dead before it was asked.
DOWN_AFTER_MS = 2000
MAKE_CERTIFICATES = pathlib.Path(__file__).parents[1] / "support" / "certificates"


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


class Plain:
    """How servers, sentinels and clients speak: without TLS."""

    client_options = {}

    def lines(self, port):
        return [f"port {port}"]


class Secured:
    """By TLS alone: there is no other port, and nobody is let in, nor followed, without a certificate of the authority."""

    def __init__(self, folder):
        subprocess.run([MAKE_CERTIFICATES, folder], check=True)
        self.folder = folder
        files = {"ssl_certfile": "client.crt", "ssl_keyfile": "client.key", "ssl_ca_certs": "ca.crt"}
        self.client_options = {"ssl": True, **{option: f"{folder}/{file}" for option, file in files.items()}}

    def lines(self, port):
        return [
            "port 0",
            f"tls-port {port}",
            "tls-replication yes",
            f"tls-cert-file {self.folder}/server.crt",
            f"tls-key-file {self.folder}/server.key",
            f"tls-ca-cert-file {self.folder}/ca.crt",
        ]


class Process:
    """A server or a sentinel with a file of its own, on a port that it keeps."""

    def __init__(self, folder, command, transport, lines):
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder))
        self.file = self.folder / "server.conf"
        own = [*transport.lines(self.port), "bind 127.0.0.1", f"dir {self.folder}"]
        self.file.write_text("".join(f"{line}\n" for line in own + lines))
        self.command = [command[0], self.file, *command[1:]]
        # One for its whole life: what asks again and again would otherwise do little but shake hands.
        self.client = redis.Redis(port=self.port, socket_timeout=30, decode_responses=True, **transport.client_options)
        self.start()

    def start(self):
        with open(self.folder / "printed", "ab") as printed:
            self.process = subprocess.Popen(self.command, stdout=printed, stderr=printed)
        until(self.answers)

    def answers(self):
        assert self.process.poll() is None, self.printed()
        with contextlib.suppress(redis.exceptions.ConnectionError):
            return self.client.ping()

    def printed(self):
        return (self.folder / "printed").read_text(errors="replace")

    def kill(self):
        """It gets no time for last words."""
        self.process.kill()
        self.process.wait()


class Group:
    """A master, its replicas, and what watches them, inside a `with`."""

    def __init__(self, makes, sentinels, is_secured=False, lines_of_first_replica=()):
        self.makes, self.count, self.is_secured = makes, sentinels, is_secured
        self.lines_of_first_replica = lines_of_first_replica

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.stack.callback(self.stop)
        self.servers, self.sentinels = [], []
        try:
            self.transport = Secured(tempfile.mkdtemp(dir=self.folder)) if self.is_secured else Plain()
            for make in self.makes:
                lines = ['save ""', "enable-debug-command yes", "repl-diskless-sync-delay 0"]
                if self.servers:
                    lines.append(f"replicaof 127.0.0.1 {self.servers[0].port}")
                if len(self.servers) == 1:
                    lines += self.lines_of_first_replica
                command = [BINARY, *OPTIONS] if make == "ours" else [REDIS]
                self.servers.append(Process(self.folder, command, self.transport, lines))
            for server in self.servers[1:]:
                until(lambda: server.client.info("replication")["master_link_status"] == "up")
            for _ in range(self.count):
                self.sentinels.append(Process(self.folder, ["redis-sentinel"], self.transport, self.watch()))
            until(self.all_is_known)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def watch(self):
        return [
            f"sentinel monitor {NAME} 127.0.0.1 {self.servers[0].port} 2",
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {NAME} 10000",
        ]

    def all_is_known(self):
        """Each sentinel knows of all others and of all replicas."""
        states = [sentinel.client.sentinel_master(NAME) for sentinel in self.sentinels]
        expected = (len(self.sentinels) - 1, len(self.servers) - 1)
        return all((state["num-other-sentinels"], state["num-slaves"]) == expected for state in states)

    def all_is_settled(self):
        """Each sentinel has heard of each replica that it is one: who seems to be a master still is soon told to follow."""
        replicas = [state for sentinel in self.sentinels for state in sentinel.client.sentinel_slaves(NAME)]
        return all((state["role-reported"], state["master-link-status"]) == ("slave", "ok") for state in replicas)

    def __exit__(self, kind, _error, _trace):
        if kind is not None:
            for process in self.servers + self.sentinels[:1]:
                print(f"the end of what {process.command[0]} at {process.port} printed:\n{process.printed()[-3000:]}")
        self.stack.close()

    def stop(self):
        for process in self.sentinels + self.servers:
            process.kill()

    def sentinel(self, **options):
        addresses = [("127.0.0.1", sentinel.port) for sentinel in self.sentinels]
        # For the way to the sentinels, and for the way to what they name.
        shared = {"socket_timeout": 5, "decode_responses": True, **self.transport.client_options}
        return Sentinel(addresses, sentinel_kwargs=shared, **shared, **options)

    def master(self):
        """The one that all sentinels take for the master, if they agree and it agrees, too."""
        ports = {sentinel.client.sentinel_get_master_addr_by_name(NAME)[1] for sentinel in self.sentinels}
        if len(ports) == 1:
            found = [server for server in self.servers if server.port in ports and server.process.poll() is None]
            return found[0] if found and found[0].client.role()[0] == "master" else None

    def until_master_is_not(self, old):
        began = time.monotonic()
        new = until(lambda: (master := self.master()) is not old and master)
        print(f"another master after {time.monotonic() - began:.1f} s", flush=True)
        return new

    def until_same(self, master):
        """All others follow this one, and have the same data."""

        def follows(server):
            # Each sentinel has clients' connections closed when the role changes.
            with contextlib.suppress(redis.exceptions.ConnectionError):
                state = server.client.info("replication")
                return (state["role"], state.get("master_port"), state.get("master_link_status")) == ("slave", master.port, "up")

        others = [server for server in self.servers if server is not master]
        until(lambda: all(follows(server) for server in others))
        offset = lambda server: server.client.info("replication")["master_repl_offset"]
        until(lambda: len({offset(server) for server in [*others, master]}) == 1)
        digests = [server.client.execute_command("DEBUG", "DIGEST") for server in self.servers]
        assert len({*digests}) == 1, digests
        until(self.all_is_settled)


class Writers:
    """Clients that go on writing whatever happens; they remember what was acknowledged."""

    def __init__(self, connect, wait_for, count=3):
        self.ended = threading.Event()
        self.acknowledged = [[] for _ in range(count)]
        self.wait_for = wait_for
        self.threads = [threading.Thread(target=self.write, args=(connect(), kept), daemon=True) for kept in self.acknowledged]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def write(self, client, kept):
        own, number = self.acknowledged.index(kept) if kept else id(kept), 0
        while not self.ended.is_set():
            number += 1
            key = f"{own}:{number}"
            try:
                with client.pipeline(transaction=False) as pipeline:
                    pipeline.set(key, number)
                    if self.wait_for:
                        pipeline.wait(self.wait_for, 500)
                    replies = pipeline.execute()
                if not self.wait_for or replies[1] >= self.wait_for:
                    kept.append((key, str(number)))
            except redis.exceptions.RedisError:
                # Nobody knows whether it was done.
                time.sleep(0.02)

    def written(self):
        return sum(map(len, self.acknowledged))

    def until_more(self):
        """All of them write (again)."""
        before = [len(kept) for kept in self.acknowledged]
        until(lambda: all(len(kept) > count + 20 for kept, count in zip(self.acknowledged, before)))

    def check(self, master):
        """Nothing that was acknowledged is missing."""
        client = master.client
        for kept in self.acknowledged:
            for first in range(0, len(kept), 1000):
                part = kept[first : first + 1000]
                found = client.mget([key for key, _ in part])
                lost = [key for (key, value), there in zip(part, found) if there != value]
                assert not lost, f"{len(lost)} of {self.written()} writes are lost: {lost[:10]}"


def after_a_kill(group):
    """The master dies under load; another takes its place, and the old one comes back as a replica."""
    sentinel = group.sentinel()
    old = group.master()
    with Writers(lambda: sentinel.master_for(NAME), wait_for=1) as writers:
        writers.until_more()
        old.kill()
        new = group.until_master_is_not(old)
        if len(group.servers) == 2:
            # Nobody is left to acknowledge.
            old.start()
        writers.until_more()
    writers.check(new)
    if old.process.poll() is not None:
        old.start()
    group.until_same(new)
    writers.check(old)
    readers = sentinel.slave_for(NAME)
    key, value = writers.acknowledged[0][-1]
    assert readers.get(key) == value and readers.role()[0] == "slave"
    return new


def by_hand(group, pauses=False):
    """SENTINEL FAILOVER: no one has died. What is written to the old master meanwhile may be lost, unless it `pauses`."""
    sentinel = group.sentinel()
    old = group.master()
    with Writers(lambda: sentinel.master_for(NAME), wait_for=1) as writers:
        writers.until_more()
        if pauses:
            # README has 60 s; it is told to follow within 15.
            old.client.client_pause(30_000, all=False)
        until(lambda: began(group.sentinels[0].client))
        new = group.until_master_is_not(old)
        writers.until_more()
        if pauses:
            # They go on until it follows: before that it could take what is lost.
            until(lambda: follows_by_now(old))
            writers.until_more()
    if pauses:
        writers.check(new)
    group.until_same(new)
    return new


def follows_by_now(server):
    # Each sentinel has clients' connections closed when the role changes.
    with contextlib.suppress(redis.exceptions.ConnectionError):
        return server.client.role()[0] == "slave"


def began(sentinel):
    with contextlib.suppress(redis.exceptions.ResponseError):
        # It is refused while the last one is not over.
        return sentinel.execute_command("SENTINEL", "FAILOVER", NAME)


def the_master_is_killed():
    """One of the two replicas is not to be promoted, however good its data are."""
    with Group(["ours"] * 3, sentinels=3, lines_of_first_replica=["replica-priority 0"]) as group:
        assert after_a_kill(group) is group.servers[2]


def the_master_is_killed_under_tls():
    with Group(["ours"] * 3, sentinels=3, is_secured=True) as group:
        after_a_kill(group)


def a_failover_by_hand():
    """As README has it: writers wait meanwhile, and nothing is lost."""
    with Group(["ours"] * 3, sentinels=3) as group:
        by_hand(group, pauses=True)


def two_makes():
    """A master of ours with a replica of redis-server; and then it is the other way round."""
    with Group(["ours", "redis"], sentinels=3) as group:
        new = after_a_kill(group)
        assert new is group.servers[1]
        assert by_hand(group) is group.servers[0]


def two_makes_under_tls():
    """Once is enough: who was the master comes back as a replica, so each make is asked by the other for its data."""
    with Group(["ours", "redis"], sentinels=3, is_secured=True) as group:
        assert after_a_kill(group) is group.servers[1]


def the_failover_command():
    """FAILOVER needs no sentinel, and loses nothing at all: clients wait until the new master has everything."""
    with Group(["ours"] * 3, sentinels=0) as group:
        first, second, third = group.servers

        def check(words, among, old):
            with Writers(lambda: old.client, wait_for=0) as writers:
                writers.until_more()
                assert old.client.execute_command("FAILOVER", *words) in (b"OK", "OK", True)
                new = until(lambda: next((server for server in among if server.client.role()[0] == "master"), None))
                until(lambda: old.client.info("replication")["master_failover_state"] == "no-failover")
            until(lambda: old.client.info("replication")["master_link_status"] == "up")
            assert old.client.role()[0] == "slave" and new.client.role()[0] == "master"
            writers.check(new)
            return new

        new = check([], [second, third], first)
        for server in group.servers:
            if server is not new:
                server.client.execute_command("REPLICAOF", "127.0.0.1", str(new.port))
        group.until_same(new)
        check(["TO", "127.0.0.1", str(first.port), "TIMEOUT", "60000"], [first], new)


run(
    "Sentinel",
    [
        the_master_is_killed,
        the_master_is_killed_under_tls,
        a_failover_by_hand,
        two_makes,
        two_makes_under_tls,
        the_failover_command,
    ],
)

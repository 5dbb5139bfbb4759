"""redis-py against a running server, in RESP2 and RESP3: what an application does on an ordinary day.

Usage: redis_py.py PORT [CERTIFICATES]. With a folder of certificates the port is one of TLS. Prints one line per check and
`N passed, M failed`; exit code 1 on any failure.
"""

import pathlib
import sys
import threading
import time
import traceback

import redis

PORT = int(sys.argv[1])
CERTIFICATES = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
TRANSPORT = "TLS " if CERTIFICATES else ""


def identity(name):
    """What a client of this name connects with. That the server is who it says redis-py checks by itself, name and all."""
    files = {"ssl_certfile": f"{name}.crt", "ssl_keyfile": f"{name}.key", "ssl_ca_certs": "ca.crt"}
    return {"ssl": True, **{option: str(CERTIFICATES / file) for option, file in files.items()}}


def connect(protocol, **options):
    secured = identity("client") if CERTIFICATES else {}
    return redis.Redis(**{"port": PORT, "protocol": protocol, "socket_timeout": 60, **secured, **options})


def strings(client, protocol):
    assert client.set("k", "v") is True
    assert client.get("k") == b"v"
    assert client.set("k", "w", nx=True) is None
    assert client.set("k", "w", get=True) == b"v"
    assert client.get("absent") is None
    assert client.append("k", "xyz") == 4
    assert client.getrange("k", 1, -2) == b"xy"
    assert client.mset({"a": 1, "b": 2}) is True
    assert client.mget("a", "nothing", "b") == [b"1", None, b"2"]
    assert client.incr("a") == 2
    assert client.incrbyfloat("a", 0.5) == 2.5
    assert client.setbit("bits", 7, 1) == 0 and client.bitcount("bits") == 1
    assert client.pfadd("h", *range(100)) == 1 and 95 <= client.pfcount("h") <= 105
    assert client.type("k") == b"string"
    assert client.delete("k", "a", "nothing") == 2
    try:
        client.set("s", "abc")
        client.incr("s")
        raise AssertionError("INCR of a word")
    except redis.ResponseError as error:
        assert str(error) == "value is not an integer or out of range", error


def handshake(client, protocol):
    named = connect(protocol, client_name="me", db=3)
    info = named.client_info()
    assert info["name"] == "me" and str(info["db"]) == "3", info
    assert str(info["resp"]) == str(protocol), info
    assert info["lib-name"].startswith("redis-py") and info["lib-ver"] == redis.__version__, info
    assert named.client_getname() in ("me", b"me")
    assert any(other["name"] == "me" for other in client.client_list())
    assert client.info("server")["redis_mode"] == "standalone"
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert b"get" in client.command_list() or "get" in client.command_list()
    assert client.command_count() > 50
    assert client.ping() is True
    assert client.time()[0] > 1_600_000_000


def expiry(client, protocol):
    client.set("t", "v", px=30)
    assert 0 < client.pttl("t") <= 30
    deadline = time.monotonic() + 30
    while client.exists("t") and time.monotonic() < deadline:
        time.sleep(0.005)
    assert client.get("t") is None
    client.set("t", "v", ex=100)
    assert client.ttl("t") == 100
    assert client.persist("t") is True and client.ttl("t") == -1
    assert client.expire("t", 50, nx=True) is True and client.expire("t", 40, gt=True) is False
    assert client.getex("t", persist=True) == b"v" and client.ttl("t") == -1


def scan_iterators(client, protocol):
    client.flushall()
    client.mset({f"key:{number}": number for number in range(5000)})
    assert {*client.scan_iter(count=100)} == {f"key:{number}".encode() for number in range(5000)}
    assert len({*client.scan_iter(match="key:12*")}) == 111
    assert [*client.scan_iter(_type="list")] == []
    assert client.dbsize() == 5000


def pipelines(client, protocol):
    pipeline = client.pipeline(transaction=False)
    for number in range(10_000):
        pipeline.set(f"p{number}", number)
    assert pipeline.execute() == [True] * 10_000
    for number in range(10_000):
        pipeline.get(f"p{number}")
    assert pipeline.execute() == [str(number).encode() for number in range(10_000)]
    pipeline.set("x", "abc").incr("x").get("x")
    replies = pipeline.execute(raise_on_error=False)
    assert replies[0] is True and isinstance(replies[1], redis.ResponseError) and replies[2] == b"abc"


def big_values(client, protocol):
    value = bytes(range(256)) * (10 * 1024 * 4)
    assert client.set("big", value) is True
    assert client.get("big") == value
    assert client.strlen("big") == len(value) == 10 * 1024 * 1024
    assert client.mget("big", "big") == [value, value]
    assert client.unlink("big") == 1


def reconnect(client, protocol):
    victim = connect(protocol)
    victim_id = victim.client_id()
    assert client.client_kill_filter(_id=victim_id) == 1
    assert victim.ping() is True, "redis-py opens a new connection by itself"
    assert victim.client_id() > victim_id


def many_threads(client, protocol):
    def work():
        mine = connect(protocol)
        for _ in range(200):
            mine.incr("shared")

    client.delete("shared")
    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("shared") == b"4000"


def who_is_turned_away(client, protocol):
    """Whom the authority does not vouch for, who shows nothing, and who speaks no TLS; the server does without them."""
    for options in (identity("stranger"), {"ssl_certfile": None, "ssl_keyfile": None}, {"ssl": False}):
        try:
            connect(protocol, **options).ping()
            raise AssertionError(f"{options} were let in")
        except redis.ConnectionError:
            pass
    for name in ("localhost", "127.0.0.1"):
        assert connect(protocol, host=name).ping() is True
    try:
        connect(protocol, ssl_ca_certs=str(CERTIFICATES / "stranger-ca.crt")).ping()
        raise AssertionError("the server was trusted without reason")
    except redis.ConnectionError as error:
        assert "certificate verify failed" in str(error), error
    assert client.ping() is True


CHECKS = [strings, handshake, expiry, scan_iterators, pipelines, big_values, reconnect, many_threads]
if CERTIFICATES:
    CHECKS.append(who_is_turned_away)


def main():
    passed = failed = 0
    for protocol in (2, 3):
        for check in CHECKS:
            client = connect(protocol)
            client.flushall()
            try:
                check(client, protocol)
                passed += 1
                print(f"redis-py {TRANSPORT}RESP{protocol} {check.__name__} ... ok")
            except Exception:
                failed += 1
                print(f"redis-py {TRANSPORT}RESP{protocol} {check.__name__} ... FAILED")
                traceback.print_exc(file=sys.stdout)
    print(f"redis-py {TRANSPORT}{redis.__version__}: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()

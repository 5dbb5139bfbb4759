"""redis-py against a running server: locks, transactions, pub/sub, scripts, functions, notifications, client-side caching.

Usage: redis_py.py PORT.
"""

import redis
from redis.cache import CacheConfig

from harness import connect, fails, in_threads, run, until


def lock_life(protocol):
    client = connect(protocol)
    lock = client.lock("lock", timeout=100)
    assert lock.acquire(blocking=False) is True and lock.locked() and lock.owned()
    other = client.lock("lock", timeout=100)
    assert other.acquire(blocking=False) is False and not other.owned()
    assert lock.extend(100) is True and 100 < client.ttl("lock") <= 200
    assert lock.extend(50, replace_ttl=True) is True and client.ttl("lock") <= 50
    assert lock.reacquire() is True and 50 < client.ttl("lock") <= 100
    lock.release()
    assert client.exists("lock") == 0
    fails(redis.exceptions.LockError, lock.release)
    assert lock.acquire(blocking=False) is True
    client.set("lock", "of someone else")
    fails(redis.exceptions.LockNotOwnedError, lock.extend, 10)
    fails(redis.exceptions.LockNotOwnedError, lock.release)
    assert client.get("lock") == b"of someone else"


def lock_expires(protocol):
    client = connect(protocol)
    assert client.lock("lock", timeout=0.05).acquire() is True
    # The second waits until the first one's time is over.
    with client.lock("lock", timeout=100, sleep=0.005, blocking_timeout=50) as second:
        assert second.owned()


def lock_contention(protocol):
    shared = connect(protocol)
    shared.set("balance", 0)

    def work(_number):
        client = connect(protocol)
        for _ in range(25):
            with client.lock("lock", timeout=100, sleep=0.001):
                balance = int(client.get("balance"))
                client.set("balance", balance + 1)

    in_threads(4, work)
    assert shared.get("balance") == b"100"


def watch(protocol):
    client, other = connect(protocol), connect(protocol)
    client.set("k", 1)
    with client.pipeline() as pipeline:
        pipeline.watch("k")
        assert pipeline.get("k") == b"1"
        other.set("k", 2)
        pipeline.multi()
        pipeline.set("k", 3).get("k")
        fails(redis.WatchError, pipeline.execute)
        assert client.get("k") == b"2"
        # The same pipeline, watching anew.
        pipeline.watch("k")
        pipeline.multi()
        pipeline.set("k", 3).get("k")
        assert pipeline.execute() == [True, b"3"]
        pipeline.watch("k")
        other.set("k", 4)
        pipeline.unwatch()
        pipeline.multi()
        pipeline.incr("k")
        assert pipeline.execute() == [5]


def transactions_of_many(protocol):
    shared = connect(protocol)
    shared.mset({"a": 1000, "b": 0})

    def work(_number):
        client = connect(protocol)

        def move(pipeline):
            a, b = int(pipeline.get("a")), int(pipeline.get("b"))
            pipeline.multi()
            pipeline.set("a", a - 1).set("b", b + 1)
            return a

        for _ in range(10):
            before = client.transaction(move, "a", "b", value_from_callable=True)
            assert 0 < before <= 1000

    in_threads(5, work)
    assert shared.mget("a", "b") == [b"950", b"50"]


def transaction_errors(protocol):
    client = connect(protocol)
    client.set("word", "abc")
    pipeline = client.pipeline().set("a", 1).incr("word").lpush("list", 1, 2).lrange("list", 0, -1)
    replies = pipeline.execute(raise_on_error=False)
    assert replies[0] is True and replies[2:] == [2, [b"2", b"1"]], replies
    assert isinstance(replies[1], redis.ResponseError) and "not an integer" in str(replies[1])
    # A command that cannot be queued discards them all.
    pipeline = client.pipeline().set("b", 1).execute_command("SET", "b").set("b", 2)
    fails(redis.ResponseError, pipeline.execute)
    assert client.exists("b") == 0
    # Blocking commands do not block inside.
    pipeline = client.pipeline().blpop("absent", timeout=0).lpush("filled", "x").blpop("filled", timeout=0)
    assert pipeline.execute() == [None, 1, [b"filled", b"x"] if protocol == 3 else (b"filled", b"x")]


def next_message(subscription, **wanted):
    message = until(lambda: subscription.get_message(timeout=1))
    assert {key: message[key] for key in wanted} == wanted, message
    return message


def pubsub(protocol):
    client = connect(protocol)
    with connect(protocol).pubsub() as subscription:
        subscription.subscribe("news", "sport")
        subscription.psubscribe("n?ws", "*")
        for count, (kind, channel) in enumerate(
            [("subscribe", b"news"), ("subscribe", b"sport"), ("psubscribe", b"n?ws"), ("psubscribe", b"*")], start=1
        ):
            next_message(subscription, type=kind, channel=channel, data=count)
        assert client.publish("news", "one") == 3
        next_message(subscription, type="message", channel=b"news", pattern=None, data=b"one")
        patterns = {next_message(subscription, type="pmessage", channel=b"news", data=b"one")["pattern"] for _ in range(2)}
        assert patterns == {b"n?ws", b"*"}
        assert [*map(int, dict(client.pubsub_numsub("news", "other")).values())] == [1, 0]
        assert client.pubsub_channels("s*") == [b"sport"] and client.pubsub_numpat() == 2
        subscription.ping("hello")
        next_message(subscription, type="pong", data=b"hello")
        subscription.punsubscribe()
        subscription.unsubscribe("sport")
        for kind, count in (("punsubscribe", 3), ("punsubscribe", 2), ("unsubscribe", 1)):
            next_message(subscription, type=kind, data=count)
        assert client.publish("sport", "none") == 0 and client.publish("news", "two") == 1
        next_message(subscription, type="message", data=b"two")
        subscription.ssubscribe("shard")
        next_message(subscription, type="ssubscribe", channel=b"shard")
        assert client.execute_command("SPUBLISH", "shard", "three") == 1
        next_message(subscription, type="smessage", channel=b"shard", data=b"three")
    until(lambda: client.pubsub_channels() == [])


def pubsub_in_transactions_and_scripts(protocol):
    client = connect(protocol)
    with connect(protocol).pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe("c")
        until(lambda: client.pubsub_numsub("c")[0][1] == 1)
        assert client.pipeline().publish("c", 1).set("k", "v").publish("c", 2).execute() == [1, True, 1]
        assert client.eval("return redis.call('PUBLISH', 'c', 3) + redis.call('PUBLISH', 'nobody', 0)", 0) == 1
        assert [next_message(subscription)["data"] for _ in range(3)] == [b"1", b"2", b"3"]


def notifications(protocol):
    """As Spring Session listens for sessions that end."""
    client = connect(protocol)
    client.config_set("notify-keyspace-events", "Egx")
    try:
        with connect(protocol).pubsub(ignore_subscribe_messages=True) as subscription:
            subscription.psubscribe("__keyevent@*__:expired", "__keyevent@0__:del")
            until(lambda: client.pubsub_numpat() == 2)
            client.set("session:1", "v", px=20)
            next_message(subscription, channel=b"__keyevent@0__:expired", data=b"session:1")
            client.set("session:2", "v")
            client.delete("session:2", "absent")
            next_message(subscription, channel=b"__keyevent@0__:del", data=b"session:2")
    finally:
        client.config_set("notify-keyspace-events", "")


def scripts(protocol):
    client = connect(protocol)
    add_up = client.register_script(
        """
        local total = 0
        for index, key in ipairs(KEYS) do total = total + (tonumber(redis.call('GET', key)) or 0) * ARGV[index] end
        return total
        """
    )
    client.mset({"a": 2, "b": 3})
    client.script_flush()
    assert add_up(keys=["a", "b", "absent"], args=[10, 100, 1]) == 320
    assert client.script_exists(add_up.sha) == [True]
    client.script_flush()
    pipeline = client.pipeline()
    add_up(keys=["a"], args=[1], client=pipeline)
    pipeline.incr("a")
    add_up(keys=["a"], args=[1], client=pipeline)
    assert pipeline.execute() == [2, 3, 3]
    fails(redis.exceptions.NoScriptError, client.evalsha, "0" * 40, 0)
    client.set("word", "x")
    error = fails(redis.ResponseError, client.eval, "return redis.call('INCR', KEYS[1])", 1, "word")
    assert "value is not an integer" in str(error) and "script: " in str(error), error
    # A float is cut, false is nil, an error of one's own has its own code.
    assert client.eval("return {1, 3.99, 'x', false, 'unseen'}", 0) == [1, 3, b"x", None, b"unseen"]
    assert "LIMITED slow down" in str(fails(redis.ResponseError, client.eval, "return redis.error_reply('LIMITED slow down')", 0))
    assert client.eval("return cjson.encode({a = {1, 2.5, 'x'}})", 0) == b'{"a":[1,2.5,"x"]}'
    assert client.eval("return cmsgpack.pack({a = 1})", 0) == b"\x81\xa1a\x01"
    assert client.eval("return {struct.unpack('>I2', ARGV[1])}", 0, b"\x01\x02") == [258, 3]
    assert client.eval_ro("return redis.call('GET', KEYS[1])", 1, "b") == b"3"


FETCH_DUE_JOBS = """
local due = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, 1)
if #due == 0 then return false end
redis.call('ZREM', KEYS[1], due[1])
return due[1]
"""


def scheduled_set(protocol):
    """As Sidekiq takes due jobs from its sorted set: many pollers, each job taken once."""
    client = connect(protocol)
    client.zadd("schedule", {f"job:{number}": number for number in range(300)})
    taken = [[] for _ in range(4)]

    def poll(number):
        mine = connect(protocol)
        fetch = mine.register_script(FETCH_DUE_JOBS)
        while (job := fetch(keys=["schedule"], args=[199])) is not None:
            taken[number].append(int(job.split(b":")[1]))

    in_threads(4, poll)
    assert sorted(sum(taken, [])) == [*range(200)] and all(part == sorted(part) for part in taken)
    assert client.zcard("schedule") == 100


# A reentrant lock as Redisson keeps it: a hash of owners and depths, and a word to those who wait.
TAKE = """
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
    return redis.call('PTTL', KEYS[1])
end
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return nil
"""
GIVE_BACK = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return nil end
if redis.call('HINCRBY', KEYS[1], ARGV[1], -1) > 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return 0
end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', KEYS[2], 0)
return 1
"""


def reentrant_lock(protocol):
    shared = connect(protocol)
    shared.set("balance", 0)
    names, lease_ms = ["lock", "lock:released"], 100_000

    def work(number):
        client = connect(protocol)
        take, give_back = client.register_script(TAKE), client.register_script(GIVE_BACK)
        with connect(protocol).pubsub() as subscription:
            subscription.subscribe(names[1])
            next_message(subscription, type="subscribe")
            for _ in range(15):
                # Asked again after every word: it may have gone to several.
                while (left := take(keys=names, args=[number, lease_ms])) is not None:
                    assert 0 < left <= lease_ms
                    subscription.get_message(timeout=50)
                assert take(keys=names, args=[number, lease_ms]) is None
                assert client.hgetall("lock") == {str(number).encode(): b"2"}
                client.set("balance", int(client.get("balance")) + 1)
                assert give_back(keys=names, args=[number, lease_ms]) == 0
                assert give_back(keys=names, args=["a stranger", lease_ms]) is None
                assert give_back(keys=names, args=[number, lease_ms]) == 1

    in_threads(6, work)
    assert shared.get("balance") == b"90" and shared.exists("lock") == 0


LIBRARY = """#!lua name=counters
local function add(keys, args)
    local total = 0
    for _, step in ipairs(args) do total = redis.call('INCRBY', keys[1], step) end
    return total
end
redis.register_function('add', add)
redis.register_function{function_name = 'look', callback = function(keys) return redis.call('GET', keys[1]) end, flags = {'no-writes'}}
"""


def functions(protocol):
    client = connect(protocol)
    client.function_flush()
    assert client.function_load(LIBRARY) in (b"counters", "counters")
    assert client.fcall("add", 1, "n", 2, 3, 4) == 9
    assert client.fcall_ro("look", 1, "n") == b"9"
    fails(redis.ResponseError, client.fcall_ro, "add", 1, "n", 1)
    assert client.pipeline().fcall("add", 1, "n", 1).get("n").execute() == [10, b"10"]
    fails(redis.ResponseError, client.function_load, LIBRARY)
    assert client.function_load(LIBRARY, replace=True) in (b"counters", "counters")
    assert len(client.function_list(library="count*")) == 1
    dump = client.function_dump()
    assert client.function_delete("counters") and client.function_list() == []
    assert client.function_restore(dump) and client.fcall("add", 1, "n", 1) == 11
    client.function_flush()


def client_side_cache(_protocol):
    cached = connect(3, cache_config=CacheConfig(max_size=100), decode_responses=True)
    other = connect(3)
    other.mset({"a": 1, "b": 2})
    other.hset("h", mapping={"f": "v"})
    for _ in range(3):
        assert cached.get("a") == "1" and cached.mget("a", "b") == ["1", "2"] and cached.hgetall("h") == {"f": "v"}
    cache = cached.get_cache()
    assert cache.size == 3, cache.size
    # Served without a word to the server.
    before = other.info("commandstats")["cmdstat_get"]["calls"]
    assert [cached.get("a") for _ in range(100)] == ["1"] * 100
    assert other.info("commandstats")["cmdstat_get"]["calls"] == before
    # Each of these writes reaches the cache: a set, a script's write, a transaction's, an expiry, a flush.
    other.set("a", "set")
    until(lambda: cached.get("a") == "set")
    other.eval("redis.call('SET', KEYS[1], 'scripted')", 1, "a")
    until(lambda: cached.get("a") == "scripted" and cached.mget("a", "b") == ["scripted", "2"])
    other.pipeline().set("a", "queued").hdel("h", "f").execute()
    until(lambda: cached.get("a") == "queued" and cached.hgetall("h") == {})
    other.pexpire("b", 20)
    until(lambda: cached.get("b") is None)
    other.flushall()
    until(lambda: cached.get("a") is None)
    cached.close()


def client_side_cache_under_writes(_protocol):
    """What is read from the cache is at most late, and never goes back."""
    # One connection: between several, redis-py 8 itself loses invalidations.
    cached = connect(3, cache_config=CacheConfig(), single_connection_client=True)
    writer = connect(3)
    writer.set("n", 0)

    def write_and_read(number):
        if number == 0:
            for value in range(1, 1001):
                writer.set("n", value)
            return
        last = 0
        while last < 1000:
            value = int(cached.get("n"))
            assert value >= last, (value, last)
            last = value

    in_threads(2, write_and_read)
    cached.close()


CHECKS = (
    lock_life, lock_expires, lock_contention, watch, transactions_of_many, transaction_errors, pubsub,
    pubsub_in_transactions_and_scripts, notifications, scripts, scheduled_set, reentrant_lock, functions,
)
in_both = [(f"{check.__name__} RESP{protocol}", lambda c=check, p=protocol: c(p)) for protocol in (2, 3) for check in CHECKS]
caching = [(f"{check.__name__} RESP3", lambda c=check: c(3)) for check in (client_side_cache, client_side_cache_under_writes)]
server = connect().info("server")
if "callboard_version" not in server and tuple(map(int, server["redis_version"].split(".")[:2])) < (7, 4):
    # redis-py caches nothing with an older server, however well that could: an old redis-server proves nothing here.
    print(f"left out with redis-server {server['redis_version']}: client_side_cache")
    caching = []
run(f"redis-py {redis.__version__}", in_both + caching)

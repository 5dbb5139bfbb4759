// ioredis against a running server: messages to many subscribers, transactions, scripts, shard channels.
//
// Usage: node ioredis.js PORT FOLDER, where FOLDER holds node_modules.
"use strict";

const assert = require("node:assert/strict");
const { gather, installed, port, run, until } = require("./harness.js");
const Redis = installed("ioredis");

function connector(atEnd) {
  return (options) => {
    const client = new Redis({ port, ...options });
    atEnd(() => client.disconnect());
    return client;
  };
}

const checks = {
  /** 20,000 messages of four publishers to each of 200 subscribers: four million, each in its publisher's order. */
  async nothingLostOrReordered({ client, atEnd }) {
    const connect = connector(atEnd);
    const [subscribers, publishers, each] = [200, 4, 5000];
    let complete = 0;
    let wrong = null;
    const subscribe = async (number) => {
      const subscriber = connect({ protocol: number % 2 ? 2 : 3 });
      const expected = new Array(publishers).fill(0);
      let received = 0;
      const take = (message) => {
        const at = message.indexOf(":");
        const publisher = Number(message.slice(0, at));
        const next = expected[publisher]++;
        if (Number(message.slice(at + 1)) !== next) wrong ??= `subscriber ${number} got ${message} instead of ${next}`;
        if (++received === publishers * each) complete++;
      };
      // A quarter listens by pattern.
      if (number % 4 === 0) {
        subscriber.on("pmessage", (_pattern, _channel, message) => take(message));
        assert.equal(await subscriber.psubscribe("new?"), 1);
      } else {
        subscriber.on("message", (_channel, message) => take(message));
        assert.equal(await subscriber.subscribe("news"), 1);
      }
    };
    await Promise.all(Array.from({ length: subscribers }, (_, number) => subscribe(number)));
    assert.deepEqual(await client.pubsub("NUMSUB", "news"), ["news", 150]);
    assert.equal(await client.pubsub("NUMPAT"), 1);

    const publish = async (publisher) => {
      const own = connect();
      for (let first = 0; first < each; first += 500) {
        const pipeline = own.pipeline();
        for (let number = first; number < first + 500; number++) pipeline.publish("news", `${publisher}:${number}`);
        for (const [error, receivers] of await pipeline.exec()) assert.deepEqual([error, receivers], [null, subscribers]);
      }
    };
    await Promise.all(Array.from({ length: publishers }, (_, publisher) => publish(publisher)));
    await until(() => wrong || complete === subscribers);
    assert.equal(wrong, null);
  },

  async manyChannels({ client, atEnd }) {
    const subscriber = connector(atEnd)();
    const names = Array.from({ length: 1000 }, (_, number) => `channel:${number}`);
    assert.equal(await subscriber.subscribe(...names), 1000);
    const received = gather(subscriber, "message", 1000);
    const pipeline = client.pipeline();
    for (const name of names) pipeline.publish(name, name);
    for (const reply of await pipeline.exec()) assert.deepEqual(reply, [null, 1]);
    assert.deepEqual(await received, names);
    assert.equal(await subscriber.unsubscribe(), 0);
    assert.deepEqual(await client.pubsub("CHANNELS", "channel:*"), []);
  },

  async shardChannels({ client, atEnd }) {
    const subscriber = connector(atEnd)();
    assert.equal(await subscriber.ssubscribe("one", "two"), 2);
    const received = [];
    subscriber.on("smessage", (channel, message) => received.push([channel, message]));
    assert.equal(await client.spublish("one", "a"), 1);
    assert.equal(await client.spublish("two", "b"), 1);
    assert.equal(await client.publish("one", "not for shards"), 0);
    await until(() => received.length === 2);
    assert.deepEqual(received, [["one", "a"], ["two", "b"]]);
    assert.deepEqual(await client.pubsub("SHARDNUMSUB", "one"), ["one", 1]);
  },

  /** What RESP2 forbids a subscriber, RESP3 allows. */
  async commandsOfSubscribers({ client, atEnd }) {
    const connect = connector(atEnd);
    const modern = connect({ protocol: 3 });
    await modern.subscribe("c");
    assert.equal(await modern.call("SET", "k", "v"), "OK");
    assert.equal(await modern.call("PUBLISH", "c", "to myself"), 1);
    const old = connect({ protocol: 2 });
    await old.subscribe("c");
    await assert.rejects(async () => old.set("k", "w"));
    assert.equal(await client.get("k"), "v");
  },

  async subscribesAgain({ client, atEnd }) {
    const subscriber = connector(atEnd)();
    const id = await subscriber.client("ID");
    await subscriber.subscribe("c");
    await subscriber.psubscribe("p*");
    const again = new Promise((resolve) => subscriber.once("ready", resolve));
    assert.equal(await client.client("KILL", "ID", id), 1);
    await again;
    await until(async () => (await client.pubsub("NUMSUB", "c"))[1] === 1 && (await client.pubsub("NUMPAT")) === 1);
    const received = gather(subscriber, "message", 1);
    assert.equal(await client.publish("c", "after the break"), 1);
    assert.deepEqual(await received, ["c"]);
  },

  async transactions({ client, atEnd }) {
    const replies = await client.multi().set("k", 1).incr("k").lpush("k", "x").hset("h", { a: 1, b: 2 }).hgetall("h").exec();
    assert.deepEqual([replies[0], replies[1], replies[3], replies[4]], [[null, "OK"], [null, 2], [null, 2], [null, { a: "1", b: "2" }]]);
    assert.match(replies[2][0].message, /^WRONGTYPE /);
    await assert.rejects(client.multi().set("k").exec(), /EXECABORT/);
    assert.equal(await client.get("k"), "2");

    // Sent command by command, and watched by another connection.
    await client.watch("k");
    await connector(atEnd)().incr("k");
    assert.equal(await client.multi().set("k", "lost").exec(), null);
    assert.equal(await client.multi({ pipeline: false }), "OK");
    assert.equal(await client.incr("k"), "QUEUED");
    assert.deepEqual(await client.exec(), [[null, 4]]);
    assert.equal(await client.get("k"), "4");
  },

  async countersOfMany({ client, atEnd }) {
    const connect = connector(atEnd);
    const add = async () => {
      const own = connect();
      for (let done = 0; done < 10; ) {
        await own.watch("n");
        const value = Number(await own.get("n"));
        if (await own.multi().set("n", value + 1).exec()) done++;
      }
    };
    await Promise.all(Array.from({ length: 5 }, add));
    assert.equal(await client.get("n"), "50");
  },

  async definedCommands({ client, atEnd }) {
    const own = connector(atEnd)({
      scripts: { take: { numberOfKeys: 1, lua: "local v = redis.call('GET', KEYS[1]); redis.call('DEL', KEYS[1]); return v" } },
    });
    own.defineCommand("sums", { lua: "local n = 0; for _, k in ipairs(KEYS) do n = n + (redis.call('GET', k) or 0) end; return {n, ARGV[1]}" });
    await client.mset("a", 1, "b", 2);
    assert.deepEqual(await own.sums(2, "a", "b", "words"), [3, "words"]);
    // The server forgets its scripts: the client sends them again, in pipelines as well.
    await client.script("FLUSH");
    assert.deepEqual(await own.pipeline().sums(1, "b", "x").take("a").get("a").exec(), [[null, [2, "x"]], [null, "1"], [null, null]]);
    assert.deepEqual(await own.multi().take("b").sums(1, "b", "y").exec(), [[null, "2"], [null, [0, "y"]]]);
    assert.deepEqual(await own.takeBuffer("nothing"), null);
    own.defineCommand("fails", { numberOfKeys: 0, lua: "return redis.call('NOSUCH')" });
    await assert.rejects(own.fails(), /Unknown Redis command called from script/);
  },
};

run(`ioredis ${installed("ioredis/package.json").version}`, checks);

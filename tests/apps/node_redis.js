// node-redis against a running server: transactions, scripts, functions, pub/sub, client-side caching.
//
// Usage: node node_redis.js PORT FOLDER, where FOLDER holds node_modules.
"use strict";

const assert = require("node:assert/strict");
const { installed, port, run, until } = require("./harness.js");
const { createClient, createClientPool, defineScript, WatchError } = installed("redis");

const addUp = defineScript({
  SCRIPT: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
  NUMBER_OF_KEYS: 1,
  parseCommand(parser, key, step) {
    parser.pushKey(key);
    parser.push(String(step));
  },
  transformReply: (reply) => reply,
});

const LIBRARY = `#!lua name=counters
redis.register_function('add', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)
redis.register_function{function_name = 'look', callback = function(keys) return redis.call('GET', keys[1]) end, flags = {'no-writes'}}`;

async function connect(atEnd, options = {}) {
  const client = createClient({ socket: { port, host: "127.0.0.1" }, ...options });
  client.on("error", () => {});
  atEnd(() => client.destroy());
  return client.connect();
}

/** Every check in both protocols. */
const inBoth = {
  async transactions(RESP, { atEnd }) {
    const client = await connect(atEnd, { RESP });
    const replies = await client.multi().set("k", "1").incr("k").hSet("h", { a: "1" }).hGetAll("h").exec();
    assert.deepEqual(replies.slice(0, 3), ["OK", 2, 1]);
    assert.deepEqual({ ...replies[3] }, { a: "1" });
    const other = await connect(atEnd, { RESP });
    await client.watch("k");
    await other.incr("k");
    await assert.rejects(client.multi().set("k", "lost").exec(), WatchError);
    assert.equal(await client.get("k"), "3");
  },

  async pools(RESP, { client, atEnd }) {
    const pool = createClientPool({ socket: { port, host: "127.0.0.1" }, RESP }, { maximum: 4 });
    pool.on("error", () => {});
    atEnd(() => pool.destroy());
    await pool.connect();
    const add = (own) => own.watch("n").then(async () => own.multi().set("n", String(Number(await own.get("n")) + 1)).exec());
    const addUntilDone = async () => {
      for (;;) {
        try {
          return await pool.execute(add);
        } catch (error) {
          if (!(error instanceof WatchError)) throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: 50 }, addUntilDone));
    assert.equal(await client.get("n"), "50");
  },

  async scriptsAndFunctions(RESP, { client, atEnd }) {
    const own = await connect(atEnd, { RESP, scripts: { addUp } });
    assert.equal(await own.addUp("n", 5), 5);
    await client.script("FLUSH");
    assert.equal(await own.addUp("n", 5), 10);
    assert.deepEqual(await own.multi().addUp("n", 1).get("n").exec(), [11, "11"]);
    assert.equal(await own.functionLoad(LIBRARY, { REPLACE: true }), "counters");
    assert.equal(await own.fCall("add", { keys: ["n"], arguments: ["4"] }), 15);
    assert.equal(await own.fCallRo("look", { keys: ["n"] }), "15");
    await assert.rejects(own.fCallRo("add", { keys: ["n"], arguments: ["1"] }), /Can not execute a script with write flag/);
    const [library] = await own.functionList();
    assert.equal(library.library_name, "counters");
    assert.equal(await own.functionDelete("counters"), "OK");
  },

  async pubSub(RESP, { client, atEnd }) {
    const own = await connect(atEnd, { RESP });
    const seen = [];
    await own.subscribe(["a", "b"], (message, channel) => seen.push([channel, message]));
    await own.pSubscribe("a*", (message, channel) => seen.push([`by pattern ${channel}`, message]));
    await own.sSubscribe("s", (message, channel) => seen.push([`by shard ${channel}`, message]));
    assert.equal(await client.publish("a", "1"), 2);
    assert.equal(await client.publish("b", "2"), 1);
    assert.equal(await client.spublish("s", "3"), 1);
    await until(() => seen.length === 4);
    assert.deepEqual(seen, [["a", "1"], ["by pattern a", "1"], ["b", "2"], ["by shard s", "3"]]);
    await own.unsubscribe("a");
    await own.pUnsubscribe();
    assert.equal(await client.publish("a", "nobody"), 0);
    await own.unsubscribe();
    await own.sUnsubscribe("s");
    // An ordinary client again (whose replies node-redis leaves as bytes for a while).
    assert.equal(String(await own.set("k", "v")), "OK");
  },
};

const caching = {
  async clientSideCache({ client, atEnd }) {
    const { BasicClientSideCache } = installed("redis");
    const cache = new BasicClientSideCache({ ttl: 0, maxEntries: 0 });
    const own = await connect(atEnd, { RESP: 3, clientSideCache: cache });
    await client.mset("k", "1", "l", "2");
    for (let round = 0; round < 50; round++) assert.deepEqual(await Promise.all([own.get("k"), own.get("l")]), ["1", "2"]);
    assert.equal(cache.stats().missCount, 2);
    assert.equal(cache.stats().hitCount, 98);
    await client.set("k", "changed");
    await until(async () => (await own.get("k")) === "changed");
    await client.eval("redis.call('DEL', KEYS[1])", 1, "k");
    await until(async () => (await own.get("k")) === null);
    assert.equal(await own.get("l"), "2");
    await client.flushall();
    await until(async () => (await own.get("l")) === null);
  },
};

const checks = { ...caching };
for (const RESP of [2, 3]) {
  for (const [name, check] of Object.entries(inBoth)) checks[`${name} RESP${RESP}`] = (context) => check(RESP, context);
}
run(`node-redis ${installed("redis/package.json").version}`, checks);

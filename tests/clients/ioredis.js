// ioredis against a running server: strings, pipelines, scan streams, reconnecting.
//
// Usage: node ioredis.js PORT FOLDER, where FOLDER holds node_modules. Prints one line per check and
// `N passed, M failed`; exit code 1 on any failure.
"use strict";

const assert = require("node:assert/strict");
const { createRequire } = require("node:module");
const path = require("node:path");

const port = Number(process.argv[2]);
const installed = createRequire(path.resolve(process.argv[3], "package.json"));
const Redis = installed("ioredis");
const { version } = installed("ioredis/package.json");

const connect = (options) => new Redis({ port, ...options });

const checks = {
  async strings(client) {
    assert.equal(await client.set("k", "v"), "OK");
    assert.equal(await client.get("k"), "v");
    assert.equal(await client.set("k", "w", "NX"), null);
    assert.equal(await client.set("k", "w", "GET"), "v");
    assert.deepEqual(await client.mget("k", "absent"), ["w", null]);
    assert.equal(await client.incr("n"), 1);
    assert.equal(await client.incrbyfloat("n", 0.25), "1.25");
    assert.equal(await client.setrange("k", 3, "x"), 4);
    assert.deepEqual(await client.getBuffer("k"), Buffer.from("w\0\0x"));
    assert.deepEqual(await client.bitfield("b", "SET", "u8", 0, 200, "GET", "u8", 0), [0, 200]);
    await assert.rejects(client.incr("k"), /ERR value is not an integer or out of range/);
    await assert.rejects(client.call("NOSUCH", "a"), /ERR unknown command 'NOSUCH', with args beginning with: 'a' /);
  },

  async handshake() {
    const client = connect({ connectionName: "me", db: 2 });
    const info = await client.client("INFO");
    assert.match(info, / name=me /);
    assert.match(info, / db=2 /);
    assert.match(await client.info(), /^redis_version:7\./m);
    assert.deepEqual(await client.config("GET", "databases"), ["databases", "16"]);
    await client.quit();
  },

  async expiry(client) {
    await client.set("t", "v", "PX", 30);
    const ttl = await client.pttl("t");
    assert.ok(ttl > 0 && ttl <= 30, `${ttl}`);
    const deadline = Date.now() + 30_000;
    while ((await client.exists("t")) && Date.now() < deadline) await new Promise((r) => setTimeout(r, 5));
    assert.equal(await client.get("t"), null);
    assert.equal(await client.expire("t", 10), 0);
  },

  async scanStream(client) {
    const pipeline = client.pipeline();
    for (let number = 0; number < 3000; number++) pipeline.set(`key:${number}`, number);
    await pipeline.exec();
    const seen = new Set();
    for await (const keys of client.scanStream({ match: "key:*", count: 50 })) keys.forEach((key) => seen.add(key));
    assert.equal(seen.size, 3000);
  },

  async pipelines(client) {
    const pipeline = client.pipeline();
    for (let number = 0; number < 10_000; number++) pipeline.incr("n");
    const replies = await pipeline.exec();
    assert.deepEqual(replies.map(([error, value]) => [error, value]), replies.map((_, index) => [null, index + 1]));
  },

  async bigValues(client) {
    const value = Buffer.alloc(10 * 1024 * 1024, "0123456789\r\n");
    assert.equal(await client.set("big", value), "OK");
    assert.ok((await client.getBuffer("big")).equals(value));
  },

  async reconnects(client) {
    const victim = connect();
    const id = await victim.client("ID");
    const again = new Promise((resolve) => victim.once("reconnecting", resolve));
    assert.equal(await client.client("KILL", "ID", id), 1);
    await again;
    assert.equal(await victim.ping(), "PONG");
    assert.ok((await victim.client("ID")) > id);
    await victim.quit();
  },
};

async function main() {
  let passed = 0;
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    const client = connect();
    await client.flushall();
    try {
      await check(client);
      passed++;
      console.log(`ioredis ${name} ... ok`);
    } catch (error) {
      failed++;
      console.log(`ioredis ${name} ... FAILED\n${error.stack}`);
    }
    client.disconnect();
  }
  console.log(`ioredis ${version}: ${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

main();

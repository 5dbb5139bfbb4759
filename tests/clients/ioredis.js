// ioredis against a running server: strings, pipelines, scan streams, reconnecting.
//
// Usage: node ioredis.js PORT FOLDER [CERTIFICATES], where FOLDER holds node_modules. With a folder of certificates the port
// is one of TLS. Prints one line per check and `N passed, M failed`; exit code 1 on any failure.
"use strict";

const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");

const port = Number(process.argv[2]);
const installed = createRequire(path.resolve(process.argv[3], "package.json"));
const Redis = installed("ioredis");
const { version } = installed("ioredis/package.json");

const certificates = process.argv[4];
const transport = certificates ? "TLS " : "";
const certificate = (file) => readFileSync(path.join(certificates, file));
// What a client of this name connects with. That the server is who it says Node.js checks by itself, name and all.
const identity = (name) => ({
  ca: certificate("ca.crt"),
  cert: certificate(`${name}.crt`),
  key: certificate(`${name}.key`),
});
const secured = certificates ? { tls: identity("client") } : {};

const connect = (options) => new Redis({ port, ...secured, ...options });

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

if (certificates) {
  // Whom the authority does not vouch for, who shows nothing, and who speaks no TLS; the server does without them.
  checks.whoIsTurnedAway = async (client) => {
    for (const tls of [identity("stranger"), { ca: certificate("ca.crt") }, undefined]) {
      const stranger = connect({ tls, retryStrategy: null, maxRetriesPerRequest: 0 });
      stranger.on("error", () => {});
      await assert.rejects(stranger.ping());
    }
    const deceived = connect({ tls: { ...identity("client"), ca: certificate("stranger-ca.crt") }, retryStrategy: null });
    const reason = new Promise((resolve) => deceived.once("error", resolve));
    await assert.rejects(deceived.ping());
    assert.match(`${await reason}`, /certificate/);
    assert.equal(await client.ping(), "PONG");
  };
}

async function main() {
  let passed = 0;
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    const client = connect();
    await client.flushall();
    try {
      await check(client);
      passed++;
      console.log(`ioredis ${transport}${name} ... ok`);
    } catch (error) {
      failed++;
      console.log(`ioredis ${transport}${name} ... FAILED\n${error.stack}`);
    }
    client.disconnect();
  }
  console.log(`ioredis ${transport}${version}: ${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

main();

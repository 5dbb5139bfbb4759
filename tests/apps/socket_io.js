// Socket.IO's Redis adapters against a running server: two Socket.IO servers, which know of each other's clients
// only through it, with either adapter and either client library.
//
// Usage: node socket_io.js PORT FOLDER, where FOLDER holds node_modules.
"use strict";

const assert = require("node:assert/strict");
const { createServer } = require("node:http");
const { installed, port, run, until } = require("./harness.js");
const { Server } = installed("socket.io");
const { io: openClient } = installed("socket.io-client");
const { createAdapter, createShardedAdapter } = installed("@socket.io/redis-adapter");

const libraries = {
  ioredis(atEnd) {
    const client = new (installed("ioredis"))({ port });
    atEnd(() => client.disconnect());
    return client;
  },
  async "node-redis"(atEnd) {
    const client = installed("redis").createClient({ socket: { port, host: "127.0.0.1" } });
    client.on("error", () => {});
    atEnd(() => client.close());
    return client.connect();
  },
};

async function startServer(adapterOf, connect, atEnd) {
  const [publishing, subscribing] = [await connect(atEnd), await connect(atEnd)];
  const http = createServer();
  const io = new Server(http, { adapter: adapterOf(publishing, subscribing), serveClient: false });
  atEnd(() => io.close());
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  return { io, address: `http://127.0.0.1:${http.address().port}` };
}

/** A client that keeps what it was sent, and acknowledges it with its own name. */
async function join(server, name, rooms, atEnd) {
  const socket = openClient(server.address, { transports: ["websocket"], forceNew: true, reconnection: false });
  atEnd(() => socket.disconnect());
  const connected = new Promise((resolve) => server.io.once("connection", resolve));
  const received = [];
  socket.on("news", (text, answer) => {
    received.push(text);
    if (typeof answer === "function") answer(name);
  });
  const served = await connected;
  served.data.name = name;
  for (const room of rooms) await served.join(room);
  await until(() => socket.connected);
  return { socket, served, received };
}

async function roundTrips(adapterOf, connect, { atEnd }) {
  const [first, second] = [await startServer(adapterOf, connect, atEnd), await startServer(adapterOf, connect, atEnd)];
  const ann = await join(first, "ann", ["red"], atEnd);
  const bob = await join(second, "bob", ["red", "blue"], atEnd);
  const eve = await join(second, "eve", ["blue"], atEnd);
  // Both servers know of both, once their subscriptions hold.
  await until(async () => (await first.io.of("/").adapter.serverCount()) === 2);
  const here = async () => (await first.io.in("red").fetchSockets()).map((socket) => socket.data.name).sort();
  await until(async () => (await here().catch(() => [])).length === 2);
  assert.deepEqual(await here(), ["ann", "bob"]);

  // A thousand messages to a room come to all of its members on both servers, in order, and to nobody else.
  const texts = Array.from({ length: 1000 }, (_, number) => `message ${number}`);
  for (const text of texts) first.io.to("red").emit("news", text);
  await until(() => ann.received.length >= 1000 && bob.received.length >= 1000);
  assert.deepEqual([ann.received, bob.received, eve.received], [texts, texts, []]);

  // Bytes, exceptions to a room, and a single socket of the other server.
  second.io.to("blue").emit("news", Buffer.from([0, 1, 255]));
  first.io.except("blue").emit("news", "not for blue");
  first.io.to(eve.served.id).emit("news", "for eve");
  await until(() => ann.received.length === 1001 && eve.received.length === 2 && bob.received.length === 1001);
  assert.equal(ann.received.at(-1), "not for blue");
  assert.ok(Buffer.from([0, 1, 255]).equals(bob.received.at(-1)));
  // Of two publishers either may be first.
  assert.ok(eve.received.includes("for eve"));

  // Answers of all clients, and of the other server.
  assert.deepEqual((await first.io.timeout(30_000).emitWithAck("news", "who?")).sort(), ["ann", "bob", "eve"]);
  second.io.on("question", (text, answer) => answer(`heard ${text}`));
  assert.deepEqual(await first.io.serverSideEmitWithAck("question", "it"), ["heard it"]);

  // Rooms entered, and clients sent away, from the other server.
  first.io.in(eve.served.id).socketsJoin("green");
  await until(() => eve.served.rooms.has("green"));
  const gone = new Promise((resolve) => eve.socket.once("disconnect", resolve));
  first.io.in("green").disconnectSockets();
  await gone;
}

const adapters = {
  "the adapter": (publishing, subscribing) => createAdapter(publishing, subscribing, { requestsTimeout: 20_000 }),
  "the sharded adapter": (publishing, subscribing) => createShardedAdapter(publishing, subscribing),
};

const checks = {};
for (const [adapter, adapterOf] of Object.entries(adapters)) {
  for (const [library, connect] of Object.entries(libraries)) {
    checks[`${adapter} with ${library}`] = (context) => roundTrips(adapterOf, connect, context);
  }
}
run(`Socket.IO ${installed("socket.io/package.json").version}`, checks);

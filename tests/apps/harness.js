// What the checks of applications written for Node.js share: a fresh server for each check, a deadline
// for each check, and everything closed after it, whether it passed or not.
//
// Usage of a script: node SCRIPT.js PORT FOLDER, where FOLDER holds node_modules. It prints one line per check
// and `N passed, M failed`; exit code 1 on any failure.
"use strict";

const { createRequire } = require("node:module");
const path = require("node:path");

const port = Number(process.argv[2]);
const installed = createRequire(path.resolve(process.argv[3], "package.json"));

// Long enough for a machine that does much else: a deadline says "stuck", never "slow".
const CHECK_DEADLINE_MS = 90_000;
const CLOSING_DEADLINE_MS = 10_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Waits until `condition` returns something true, and returns that; the check's own deadline bounds it. */
async function until(condition) {
  for (;;) {
    const value = await condition();
    if (value) return value;
    await pause(5);
  }
}

/** The next `count` values that `emitter` gives for `event`. */
function gather(emitter, event, count) {
  return new Promise((resolve) => {
    const seen = [];
    const listener = (value) => {
      seen.push(value);
      if (seen.length === count) {
        emitter.off(event, listener);
        resolve(seen);
      }
    };
    emitter.on(event, listener);
  });
}

async function runCheck(name, check) {
  const closers = [];
  const atEnd = (closer) => closers.push(closer);
  // An error in a callback of the application belongs to the check that runs.
  let fail;
  const broken = new Promise((_, reject) => (fail = reject));
  process.on("unhandledRejection", fail);
  process.on("uncaughtException", fail);
  try {
    const Redis = installed("ioredis");
    const client = new Redis({ port });
    atEnd(() => client.disconnect());
    // Bounded together: an ioredis that cannot connect would try forever.
    const whole = client.flushall().then(() => check({ client, atEnd }));
    await within(CHECK_DEADLINE_MS, `${name} has not ended`, Promise.race([whole, broken]));
    return null;
  } catch (error) {
    return error;
  } finally {
    for (const closer of closers.reverse()) {
      await within(CLOSING_DEADLINE_MS, `${name} has not closed what it opened`, Promise.resolve(closer())).catch(
        (error) => console.log(`${name}: ${error.message}`),
      );
    }
    // What the closing rejects belongs to this check, not to the next.
    await pause(1);
    process.off("unhandledRejection", fail);
    process.off("uncaughtException", fail);
  }
}

/** Runs every function of `checks`, each with `{ client, atEnd }`: an ioredis client, and where to leave what must be closed. */
async function run(title, checks) {
  let passed = 0;
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    const error = await runCheck(name, check);
    if (error) failed++;
    else passed++;
    console.log(`${title} ${name} ... ${error ? `FAILED\n${error.stack ?? error}` : "ok"}`);
  }
  console.log(`${title}: ${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

module.exports = { port, installed, pause, until, gather, run };

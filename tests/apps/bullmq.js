// BullMQ against a running server: a thousand jobs with failures, delays and priorities; flows; repeated jobs; events.
//
// Usage: node bullmq.js PORT FOLDER, where FOLDER holds node_modules.
"use strict";

const assert = require("node:assert/strict");
const { gather, installed, port, run, until } = require("./harness.js");
const { FlowProducer, Queue, QueueEvents, UnrecoverableError, Worker } = installed("bullmq");

const connection = { port };

/** A queue with its events, both ready and closed at the check's end. */
async function openQueue(name, atEnd) {
  const queue = new Queue(name, { connection });
  const events = new QueueEvents(name, { connection });
  atEnd(() => events.close());
  atEnd(() => queue.close());
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
  return { queue, events };
}

async function startWorker(name, atEnd, work, options) {
  const worker = new Worker(name, work, { connection, ...options });
  worker.on("error", (error) => console.log(`worker of ${name}: ${error.message}`));
  atEnd(() => worker.close(true));
  await worker.waitUntilReady();
  return worker;
}

const NO_JOBS = { active: 0, completed: 0, delayed: 0, failed: 0, prioritized: 0, waiting: 0, "waiting-children": 0 };

/** Adds 1,000 jobs: every third is delayed, every fourth has a priority, every tenth is told to fail once. */
function addThousandJobs(queue) {
  const jobs = Array.from({ length: 1000 }, (_, number) => ({
    name: "square",
    data: { number, failsFirst: number % 10 === 0 },
    opts: {
      attempts: 3,
      backoff: { type: "fixed", delay: 10 },
      ...(number % 3 === 0 && { delay: 1 + (number % 200) }),
      ...(number % 4 === 0 && { priority: 1 + (number % 7) }),
    },
  }));
  return queue.addBulk(jobs);
}

const checks = {
  async thousandJobs({ client, atEnd }) {
    const { queue, events } = await openQueue("work", atEnd);
    const completed = gather(events, "completed", 1000);
    const jobs = await addThousandJobs(queue);
    assert.equal(new Set(jobs.map((job) => job.id)).size, 1000);

    const square = async (job) => {
      if (job.data.failsFirst && job.attemptsMade === 0) throw new Error("not yet");
      await job.updateProgress(100);
      return job.data.number ** 2;
    };
    for (let worker = 0; worker < 3; worker++) await startWorker("work", atEnd, square, { concurrency: 20 });

    const told = new Map((await completed).map(({ jobId, returnvalue }) => [jobId, returnvalue]));
    for (const job of jobs) assert.equal(Number(told.get(job.id)), job.data.number ** 2, `job ${job.id}`);
    assert.deepEqual(await queue.getJobCounts(), { ...NO_JOBS, completed: 1000 });
    for (const job of await queue.getCompleted(0, -1)) {
      assert.equal(job.attemptsMade, job.data.failsFirst ? 2 : 1, `attempts of job ${job.id}`);
      assert.equal(job.stalledCounter, 0);
      assert.equal(job.progress, 100);
    }
    assert.equal(await queue.count(), 0);
    await queue.obliterate();
    assert.deepEqual(await client.keys("bull:work:[0-9]*"), []);
  },

  async priorities({ atEnd }) {
    const { queue, events } = await openQueue("ranked", atEnd);
    await queue.pause();
    const wanted = [];
    for (let number = 0; number < 60; number++) {
      const priority = 1 + ((number * 7) % 5);
      await queue.add("job", { number, priority }, { priority });
      wanted.push({ number, priority });
    }
    wanted.sort((a, b) => a.priority - b.priority || a.number - b.number);
    assert.deepEqual(await queue.getCountsPerPriority([1, 2, 3, 4, 5]), { 1: 12, 2: 12, 3: 12, 4: 12, 5: 12 });

    const order = [];
    const completed = gather(events, "completed", 60);
    await startWorker("ranked", atEnd, async (job) => void order.push(job.data), { concurrency: 1 });
    await queue.resume();
    await completed;
    assert.deepEqual(order, wanted);
  },

  async flow({ atEnd }) {
    const { queue, events } = await openQueue("assembly", atEnd);
    const flows = new FlowProducer({ connection });
    atEnd(() => flows.close());
    const parts = Array.from({ length: 5 }, (_, part) => ({
      name: "part",
      queueName: "parts",
      data: { part },
      children: [1, 2].map((screw) => ({ name: "screw", queueName: "parts", data: { weight: screw } })),
    }));
    const tree = await flows.add({ name: "whole", queueName: "assembly", data: {}, children: parts });
    assert.equal(await tree.job.getState(), "waiting-children");
    assert.deepEqual((await tree.job.getDependencies()).unprocessed.length, 5);

    const sum = async (job) => {
      const children = Object.values(await job.getChildrenValues());
      return children.reduce((total, weight) => total + weight, job.data.weight ?? 10);
    };
    await startWorker("parts", atEnd, sum, { concurrency: 3 });
    await startWorker("assembly", atEnd, sum);
    // A screw of 1, one of 2, and 10 for the part; five parts, and 10 for the whole.
    assert.equal(await tree.job.waitUntilFinished(events), 5 * 13 + 10);
    assert.deepEqual((await queue.getJobs()).map((job) => job.name), ["whole"]);
  },

  async failingChild({ atEnd }) {
    const { events } = await openQueue("families", atEnd);
    const flows = new FlowProducer({ connection });
    atEnd(() => flows.close());
    const child = (name, opts) => ({ name, queueName: "children", opts: { attempts: 1, ...opts } });
    const strict = await flows.add({
      name: "strict", queueName: "families", children: [child("good"), child("bad", { failParentOnFailure: true })],
    });
    const lenient = await flows.add({
      name: "lenient", queueName: "families", children: [child("good"), child("bad", { ignoreDependencyOnFailure: true })],
    });
    await startWorker("children", atEnd, async (job) => {
      if (job.name === "bad") throw new UnrecoverableError("spoilt");
      return "fine";
    });
    await startWorker("families", atEnd, async (job) => Object.values(await job.getChildrenValues()));
    await assert.rejects(strict.job.waitUntilFinished(events), /child .* failed/);
    assert.deepEqual(await lenient.job.waitUntilFinished(events), ["fine"]);
  },

  async failsForGoodAndIsRetried({ atEnd }) {
    const { queue, events } = await openQueue("stubborn", atEnd);
    let mended = false;
    await startWorker("stubborn", atEnd, async () => {
      if (!mended) throw new Error("broken");
      return "mended";
    });
    const job = await queue.add("job", {}, { attempts: 3, backoff: { type: "exponential", delay: 5 } });
    await assert.rejects(job.waitUntilFinished(events), /broken/);
    const [failed] = await queue.getFailed();
    assert.equal(failed.id, job.id);
    assert.equal(failed.attemptsMade, 3);
    assert.equal(failed.failedReason, "broken");
    mended = true;
    const again = gather(events, "completed", 1);
    await failed.retry();
    assert.deepEqual((await again).map(({ jobId, returnvalue }) => [jobId, returnvalue]), [[job.id, "mended"]]);
    assert.deepEqual(await queue.getJobCounts("completed", "failed"), { completed: 1, failed: 0 });
  },

  async repeatedJobs({ client, atEnd }) {
    const { queue, events } = await openQueue("clockwork", atEnd);
    const runs = [];
    const completed = gather(events, "completed", 4);
    await startWorker("clockwork", atEnd, async (job) => void runs.push(job.repeatJobKey));
    await queue.upsertJobScheduler("tick", { every: 50, limit: 4 }, { name: "ticking", data: { a: 1 } });
    await queue.upsertJobScheduler("nightly", { pattern: "0 0 3 1 1 *", tz: "UTC" }, { name: "report" });
    await completed;
    assert.deepEqual(runs, ["tick", "tick", "tick", "tick"]);

    const nightly = await queue.getJobScheduler("nightly");
    assert.equal(nightly.pattern, "0 0 3 1 1 *");
    assert.equal((await queue.getDelayed()).filter((job) => job.repeatJobKey === "nightly").length, 1);
    assert.equal(await queue.removeJobScheduler("nightly"), true);
    assert.equal((await queue.getDelayed()).filter((job) => job.repeatJobKey === "nightly").length, 0);
    assert.equal(await client.zscore("bull:clockwork:repeat", "nightly"), null);
  },

  async events({ atEnd }) {
    const { queue, events } = await openQueue("watched", atEnd);
    const seen = [];
    for (const name of ["added", "waiting", "active", "progress", "completed"]) {
      events.on(name, ({ jobId, data }) => seen.push([jobId, name, ...(name === "progress" ? [data] : [])]));
    }
    await startWorker("watched", atEnd, async (job) => {
      await job.updateProgress({ done: "half" });
      await job.log("a line");
      return { of: "four" };
    });
    const job = await queue.add("job", { text: "Grüße \u{1F680}" }, { jobId: "first" });
    assert.deepEqual(await job.waitUntilFinished(events), { of: "four" });
    await until(() => seen.some(([, name]) => name === "completed"));
    const steps = ["added", "waiting", "active", "progress", "completed"];
    assert.deepEqual(seen, steps.map((name) => ["first", name, ...(name === "progress" ? [{ done: "half" }] : [])]));
    assert.deepEqual(await queue.getJobLogs("first"), { logs: ["a line"], count: 1 });
    assert.equal((await queue.getJob("first")).data.text, "Grüße \u{1F680}");
    // The same id again is the same job, and says so.
    const duplicated = gather(events, "duplicated", 1);
    await queue.add("job", {}, { jobId: "first" });
    assert.equal((await duplicated)[0].jobId, "first");
  },

  async limits({ atEnd }) {
    const { queue, events } = await openQueue("limited", atEnd);
    await queue.setGlobalConcurrency(2);
    let running = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
    };
    const completed = gather(events, "completed", 40);
    await queue.addBulk(Array.from({ length: 40 }, (_, number) => ({ name: "job", data: { number } })));
    const limiter = { max: 20, duration: 50 };
    for (let worker = 0; worker < 2; worker++) await startWorker("limited", atEnd, work, { concurrency: 5, limiter });
    await completed;
    assert.ok(most <= 2, `${most} jobs at once`);
    assert.deepEqual(await queue.getJobCounts("completed", "failed"), { completed: 40, failed: 0 });
    // Cleaning takes them away in steps.
    assert.equal((await queue.clean(0, 30, "completed")).length, 30);
    assert.equal(await queue.getCompletedCount(), 10);
  },
};

run("BullMQ", checks);

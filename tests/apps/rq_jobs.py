"""RQ against a running server: its own workers, forked as in production, work off jobs of every kind.

Usage: rq_jobs.py PORT.
"""

import sys
from datetime import timedelta

import rq
from rq.command import send_shutdown_command
from rq.group import Group
from rq.job import Dependency, JobStatus
from rq.registry import FinishedJobRegistry, ScheduledJobRegistry

import rq_tasks as tasks
from harness import URL, Processes, connect, fails, run, until

CONNECTION = connect()


def workers(*queues, count=2, options=()):
    command = [sys.executable, "-m", "rq.cli", "worker", "--quiet", *options, "--url", URL, *queues]
    return Processes(*[command] * count)


def finished(job):
    """The job's result, once it has ended well."""
    until(lambda: job.get_status() in (JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED))
    assert job.get_status() == JobStatus.FINISHED, (job.get_status(), job.exc_info)
    return job.return_value()


def many_jobs():
    low, high = rq.Queue("low", connection=CONNECTION), rq.Queue("high", connection=CONNECTION)
    jobs = [(low if number % 2 else high).enqueue(tasks.add, number, 1) for number in range(40)]
    bulk = high.enqueue_many([rq.Queue.prepare_data(tasks.add, (number, 2)) for number in range(20)])
    at_front = low.enqueue(tasks.add, 5, 5, at_front=True)
    assert low.job_ids[0] == at_front.id and low.get_job_position(at_front) == 0 and len(low) == 21
    with workers("high", "low"):
        assert [finished(job) for job in jobs] == [number + 1 for number in range(40)]
        assert [finished(job) for job in bulk] == [number + 2 for number in range(20)]
        assert finished(at_front) == 10
        assert low.is_empty() and high.is_empty()
        assert len(FinishedJobRegistry(queue=high)) == 40
        until(lambda: sum(worker.successful_job_count for worker in rq.Worker.all(connection=CONNECTION)) == 61)


def retries_and_failures():
    queue = rq.Queue(connection=CONNECTION)
    with workers("default", count=1):
        retried = queue.enqueue(tasks.attempts, retry=rq.Retry(max=3))
        spoilt = queue.enqueue(
            tasks.always_fails,
            retry=rq.Retry(max=1),
            on_failure=rq.Callback(tasks.on_failure),
        )
        good = queue.enqueue(tasks.add, 1, 2, on_success=rq.Callback(tasks.on_success))
        assert finished(retried) == 3
        assert finished(good) == 3
        # The job is failed a moment before its result and its callbacks' effects are there.
        until(lambda: spoilt.get_status() == JobStatus.FAILED and spoilt.latest_result() is not None)
        until(lambda: CONNECTION.llen("failed") and CONNECTION.llen("succeeded"))
        assert "ValueError: always" in spoilt.latest_result().exc_string
        assert CONNECTION.lrange("failed", 0, -1)[-1] == f"{spoilt.id} always".encode()
        assert CONNECTION.lrange("succeeded", 0, -1) == [f"{good.id} 3".encode()]
        until(lambda: spoilt.id in queue.failed_job_registry)
        assert [result.type for result in good.results()] == [good.latest_result().Type.SUCCESSFUL]


def dependencies():
    queue = rq.Queue(connection=CONNECTION)
    parts = [queue.enqueue(tasks.add, number, 10) for number in range(5)]
    total = queue.enqueue(tasks.total_of_dependencies, depends_on=parts)
    spoilt = queue.enqueue(tasks.always_fails)
    despite = queue.enqueue(tasks.add, 1, 1, depends_on=Dependency(jobs=[spoilt], allow_failure=True))
    never = queue.enqueue(tasks.add, 1, 1, depends_on=spoilt)
    assert total.get_status() == JobStatus.DEFERRED
    with workers("default", count=1):
        assert finished(total) == sum(range(5)) + 50
        assert finished(despite) == 2
        assert never.get_status() == JobStatus.DEFERRED


def scheduled_and_repeated():
    queue = rq.Queue(connection=CONNECTION)
    later = queue.enqueue_in(timedelta(seconds=1), tasks.add, 3, 4)
    assert later.id in ScheduledJobRegistry(queue=queue) and later.get_status() == JobStatus.SCHEDULED
    repeated = queue.enqueue(tasks.add, 1, 1, repeat=rq.Repeat(times=2, interval=0))
    with workers("default", count=1, options=["--with-scheduler"]):
        assert finished(later) == 7
        until(lambda: len(repeated.results()) == 3)


def groups_meta_and_limits():
    queue = rq.Queue(connection=CONNECTION)
    group = Group(connection=CONNECTION, name="together")
    members = group.enqueue_many(queue, [rq.Queue.prepare_data(tasks.add, (number, 0)) for number in range(5)])
    talking = queue.enqueue(tasks.with_progress, "Grüße \N{ROCKET}")
    alone = [queue.enqueue(tasks.enter_room, rate_limit=rq.RateLimit("room", 1)) for _ in range(6)]
    cancelled = queue.enqueue(tasks.add, 1, 1)
    cancelled.cancel()
    with workers("default"):
        assert [finished(job) for job in members] == [*range(5)]
        assert {job.id for job in Group.fetch("together", connection=CONNECTION).get_jobs()} == {job.id for job in members}
        assert finished(talking) == "\N{ROCKET} eßürG"
        assert talking.get_meta(refresh=True) == {"text": "Grüße \N{ROCKET}"}
        assert [finished(job) for job in alone] == [1] * 6
        assert cancelled.get_status() == JobStatus.CANCELED
        fails(rq.exceptions.NoSuchJobError, rq.job.Job.fetch, "absent", connection=CONNECTION)


def workers_obey():
    """Workers wait in a blocking command, and listen to commands on a channel meanwhile."""
    with workers("default") as own:
        known = until(lambda: len(found := rq.Worker.all(connection=CONNECTION)) == 2 and found)
        queue = rq.Queue(connection=CONNECTION)
        assert finished(queue.enqueue(tasks.add, 1, 1)) == 2
        channels = {f"rq:pubsub:{worker.name}".encode() for worker in known}
        until(lambda: {*CONNECTION.pubsub_channels("rq:pubsub:*")} == channels)
        for worker in known:
            send_shutdown_command(CONNECTION, worker.name)
        until(lambda: all(process.poll() is not None for process in own.running))
        assert [process.returncode for process in own.running] == [0, 0]
        assert rq.Worker.all(connection=CONNECTION) == []


run(f"RQ {rq.VERSION}", [many_jobs, retries_and_failures, dependencies, scheduled_and_repeated, groups_meta_and_limits, workers_obey])

"""Celery against a running server, as broker and as result backend: a worker of two processes works off tasks of every kind.

Usage: celery_jobs.py PORT.
"""

import contextlib
import os
import socket
import sys
from datetime import datetime, timedelta, timezone

import celery
from celery import chain, chord, group
from celery.result import GroupResult

from harness import CHECK_DEADLINE_S, URL, Processes, connect, fails, run, until

os.environ["REDIS_URL"] = URL
import celery_tasks as tasks  # noqa: E402 (it reads the address when it is loaded)

CONNECTION = connect()


def get(result, **options):
    return result.get(timeout=CHECK_DEADLINE_S, **options)


def tasks_and_results():
    results = [tasks.add.delay(number, 1) for number in range(200)]
    assert [get(result) for result in results] == [number + 1 for number in range(200)]
    result = results[0]
    assert result.state == "SUCCESS" and result.name == "celery_tasks.add" and result.args == [0, 1]
    assert 0 < CONNECTION.ttl(f"celery-task-meta-{result.id}") <= 86_400
    result.forget()
    assert CONNECTION.exists(f"celery-task-meta-{result.id}") == 0
    assert get(tasks.with_progress.delay("Grüße \N{ROCKET}")) == "\N{ROCKET} eßürG"


def retries_and_failures():
    assert get(tasks.attempts.delay()) == 2
    result = tasks.always_fails.delay("spoilt")
    assert "spoilt" in str(fails(ValueError, get, result))
    assert result.state == "FAILURE" and "always_fails" in result.traceback
    seen = []
    result = tasks.with_progress.delay("half")
    get(result, on_message=lambda message: seen.append(message["status"]))
    assert seen[-1] == "SUCCESS", seen


def delays():
    """Tasks for later are kept by the worker, and acknowledged only when they are done."""
    results = [tasks.add.apply_async((number, 0), countdown=1) for number in range(5)]
    expired = tasks.add.apply_async((1, 1), expires=datetime.now(timezone.utc) - timedelta(hours=1))
    assert [get(result) for result in results] == [*range(5)]
    until(lambda: expired.state == "REVOKED")
    until(lambda: CONNECTION.hlen("unacked") == 0 and CONNECTION.zcard("unacked_index") == 0)


def canvas():
    assert get(group(tasks.add.s(number, number) for number in range(30))()) == [2 * number for number in range(30)]
    assert get(chain(tasks.add.s(1, 2), tasks.add.s(3), tasks.add.s(4))()) == 10
    assert get(chord([tasks.add.s(number, 1) for number in range(30)])(tasks.total.s())) == sum(range(30)) + 30
    nested = chain(tasks.add.si(1, 1), group(tasks.add.s(1), tasks.add.s(2)), tasks.total.s(), tasks.add.s(100))
    assert get(nested()) == 107
    spoilt = chord([tasks.add.s(1, 1), tasks.always_fails.s("in a chord")])(tasks.total.s())
    # Which of the two it is, the task's error or the chord's, depends on which result comes first.
    assert "in a chord" in str(fails((celery.exceptions.ChordError, ValueError), get, spoilt))
    until(lambda: spoilt.state == "FAILURE")
    assert isinstance(spoilt.result, celery.exceptions.ChordError), spoilt.result


def saved_groups():
    result = group(tasks.add.s(number, 0) for number in range(10)).apply_async()
    result.save()
    restored = GroupResult.restore(result.id, app=tasks.app)
    assert get(restored) == [*range(10)] and restored.successful()
    restored.delete()
    assert GroupResult.restore(result.id, app=tasks.app) is None
    assert tasks.app.backend.client.ping()


def callbacks():
    get(tasks.add.apply_async((2, 3), link=tasks.remember.si("linked", "done")))
    fails(ValueError, get, tasks.always_fails.apply_async(("x",), link_error=tasks.remember.si("broken", "told")))
    until(lambda: CONNECTION.lrange("linked", 0, -1) == [b"done"] and CONNECTION.lrange("broken", 0, -1) == [b"told"])


def remote_control():
    """Orders are broadcast to the workers, and their answers come back through the broker."""
    control = tasks.app.control
    [(worker, answer)] = until(lambda: control.ping(timeout=20, limit=1))[0].items()
    assert answer == {"ok": "pong"}
    assert "celery_tasks.add" in control.inspect([worker], timeout=20, limit=1).registered()[worker]
    task = tasks.add.apply_async((1, 1), countdown=3600)
    scheduled = until(lambda: (control.inspect([worker], timeout=20, limit=1).scheduled() or {}).get(worker))
    assert [entry["request"]["id"] for entry in scheduled] == [task.id]
    control.revoke(task.id)
    until(lambda: task.id in (control.inspect([worker], timeout=20, limit=1).revoked() or {}).get(worker, ()))


def events():
    """The worker tells of everything that it does on a channel, for those who watch."""
    kinds = []
    result = None
    before = CONNECTION.pubsub_numpat()
    with tasks.app.connection() as connection:
        receiver = tasks.app.events.Receiver(connection, handlers={"*": lambda event: kinds.append(event["type"])})
        with receiver.consumer_context(wakeup=False) as (own, _, _):
            while "task-succeeded" not in kinds:
                with contextlib.suppress(socket.timeout):
                    own.drain_events(timeout=0.1)
                # The receiver subscribes only when it reads.
                if result is None and CONNECTION.pubsub_numpat() > before:
                    result = tasks.add.delay(1, 1)
    assert get(result) == 2
    assert [kind for kind in kinds if kind.startswith("task-")] == ["task-received", "task-started", "task-succeeded"]


def priorities():
    tasks.add.apply_async((1, 1), queue="ranked", priority=9)
    tasks.add.apply_async((1, 1), queue="ranked", priority=0)
    assert {*CONNECTION.keys("ranked*")} == {b"ranked", b"ranked\x06\x169"}
    tasks.app.control.add_consumer("ranked", reply=True, timeout=20, limit=1)
    until(lambda: CONNECTION.keys("ranked*") == [])


CHECKS = [
    tasks_and_results, retries_and_failures, delays, canvas, saved_groups, callbacks, remote_control, events, priorities,
]


# One worker for all checks: a start takes seconds, and what it keeps in the broker must outlive every check.
WORKER = [sys.executable, "-m", "celery", "--quiet", "--app", "celery_tasks", "worker"]
WORKER += ["--concurrency", "2", "--loglevel", "critical", "--task-events"]
run(f"Celery {celery.__version__}", CHECKS, beside=Processes(WORKER))

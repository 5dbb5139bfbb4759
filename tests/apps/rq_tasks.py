"""The jobs that rq_jobs.py hands to RQ's workers, which are processes of their own."""

import redis
import rq


def add(a, b):
    return a + b


def attempts():
    """Counts its runs, and fails until the third."""
    job = rq.get_current_job()
    runs = job.connection.incr(f"runs:{job.id}")
    if runs < 3:
        raise RuntimeError(f"run {runs} fails")
    return runs


def always_fails():
    raise ValueError("always")


def total_of_dependencies():
    return sum(job.return_value() for job in rq.get_current_job().fetch_dependencies())


def with_progress(text):
    job = rq.get_current_job()
    job.meta["text"] = text
    job.save_meta()
    return text[::-1]


def on_success(job, connection, result, *_args, **_options):
    connection.rpush("succeeded", f"{job.id} {result}")


def on_failure(job, connection, _kind, error, _trace):
    connection.rpush("failed", f"{job.id} {error}")


def enter_room():
    """Tells how many of its kind run at once."""
    connection: redis.Redis = rq.get_current_job().connection
    inside = connection.incr("inside")
    connection.decr("inside")
    return inside

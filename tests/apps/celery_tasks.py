"""The Celery application that celery_jobs.py drives, and that its workers load: broker and results on one server."""

import os

import redis
from celery import Celery

URL = os.environ["REDIS_URL"]

app = Celery("callboard", broker=URL, backend=URL)
app.conf.update(
    broker_connection_retry_on_startup=True,
    result_extended=True,
    task_track_started=True,
    worker_prefetch_multiplier=2,
    # One queue per priority, read by one BRPOP of them all.
    broker_transport_options={"priority_steps": [0, 3, 6, 9], "queue_order_strategy": "priority"},
)


@app.task
def add(a, b):
    return a + b


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, autoretry_for=(RuntimeError,), max_retries=5, retry_backoff=False, default_retry_delay=0)
def attempts(self):
    """Fails until the third run."""
    if self.request.retries < 2:
        raise RuntimeError(f"run {self.request.retries} fails")
    return self.request.retries


@app.task
def always_fails(text):
    raise ValueError(text)


@app.task(bind=True)
def with_progress(self, text):
    self.update_state(state="HALFWAY", meta={"text": text})
    return text[::-1]


@app.task
def remember(key, value):
    return redis.Redis.from_url(URL).rpush(key, value)

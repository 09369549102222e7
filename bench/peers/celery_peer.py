"""Celery over Redis. Told what to do by JSON lines on stdin, as protocol.js has it; `work` ends the process."""

import json
import multiprocessing
import os
import sys
import threading
import time

import redis
from celery import Celery, signals

BROKER = os.environ["CELERY_REDIS"]
KEEPS_RESULTS = os.environ.get("CELERY_RESULTS") == "1"
HOLD, QUEUE = "hold", "celery"

app = Celery("peer", broker=BROKER, backend=BROKER if KEEPS_RESULTS else None)
app.conf.update(
    task_ignore_result=not KEEPS_RESULTS,
    # The fastest of its common settings: no events, results off unless asked for, messages fetched well ahead.
    worker_send_task_events=False,
    worker_prefetch_multiplier=int(os.environ.get("CELERY_PREFETCH", "64")),
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)

# Made before the pool forks: every child counts into the same memory.
done = multiprocessing.Value("q", 0)


@app.task(name="sum")
def total(numbers):
    return {"sum": sum(numbers)}


@signals.task_postrun.connect
def count(**_):
    with done.get_lock():
        done.value += 1


def answer(**values):
    sys.__stdout__.write(json.dumps(values) + "\n")
    sys.__stdout__.flush()


def fill(count):
    """Puts messages where no worker looks: the first by Celery, the others as it with ids of their own."""
    client = redis.Redis.from_url(BROKER)
    total.apply_async(([1, 2],), queue=HOLD)
    first = client.rpop(HOLD)
    message = json.loads(first)
    names = [message["headers"]["id"], message["properties"]["delivery_tag"]]
    for begin in range(0, count, 1000):
        client.lpush(HOLD, *(copy_of(first, names, n) for n in range(begin, min(begin + 1000, count))))


def copy_of(message, names, number):
    """The message with another number at the end of its id and its tag."""
    for name in names:
        message = message.replace(name.encode(), f"{name[:28]}-{number:07d}".encode())
    return message


def work(count, pool, concurrency):
    """Starts a worker; once it waits for messages the backlog is moved under its queue's name in one command."""

    def measure(**_):
        client = redis.Redis.from_url(BROKER)
        time.sleep(1)
        began = time.perf_counter()
        client.rename(HOLD, QUEUE)
        while done.value < count:
            time.sleep(0.002)
        answer(seconds=time.perf_counter() - began)

    signals.worker_ready.connect(
        lambda **_: threading.Thread(target=measure, daemon=True).start(), weak=False
    )
    arguments = ["worker", f"--pool={pool}", f"--concurrency={concurrency}", "--loglevel=ERROR"]
    app.worker_main(arguments + ["--without-gossip", "--without-mingle", "--without-heartbeat", f"--queues={QUEUE}"])


for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "fill":
        fill(request["count"])
        answer()
    else:
        work(request["count"], request["pool"], request["concurrency"])
        break

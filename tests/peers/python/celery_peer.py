"""Celery as teams tune it: gevent pool, late acknowledgement, pooled connections to PostgreSQL and to Meta.

    python celery_peer.py publish COUNT | work
"""

import gevent.monkey

gevent.monkey.patch_all()

import os
import sys

import requests
from celery import Celery
from psycopg_pool import ConnectionPool

GREENLETS = 100
CONNECTIONS = 20

app = Celery("peer", broker=os.environ["AMQP_URL"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_default_queue=os.environ["QUEUE"],
    task_default_delivery_mode="persistent",
    worker_prefetch_multiplier=2,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)

META = os.environ["META_URL"] + "/v26.0/"
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=GREENLETS))
session.headers["Authorization"] = "Bearer " + os.environ["META_TOKEN"]
session.trust_env = False
pool = ConnectionPool(
    os.environ["DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS, kwargs={"autocommit": True}, open=False
)


@app.task(name="send")
def send(message_id):
    with pool.connection() as connection:
        row = connection.execute(
            "SELECT phone_number_id, recipient, template FROM outgoing WHERE id = %s AND status = 'pending'", (message_id,)
        ).fetchone()
    if row is None:
        return
    phone_number_id, recipient, template = row
    answer = session.post(
        META + phone_number_id + "/messages",
        json={"messaging_product": "whatsapp", "to": recipient, "type": "template", "template": template},
        timeout=30,
    )
    answer.raise_for_status()
    wamid = answer.json()["messages"][0]["id"]
    with pool.connection() as connection:
        connection.execute(
            "UPDATE outgoing SET status = 'sent', wamid = %s, sent_at = clock_timestamp() WHERE id = %s", (wamid, message_id)
        )


def main():
    if sys.argv[1] == "publish":
        with app.producer_pool.acquire(block=True) as producer:
            for message_id in range(1, int(sys.argv[2]) + 1):
                send.apply_async((message_id,), producer=producer)
        return
    pool.open(wait=True)
    app.worker_main(
        ["worker", "--pool=gevent", f"--concurrency={GREENLETS}", "--loglevel=WARNING", f"--hostname=peer-{os.getpid()}@localhost"]
        + ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    )


if __name__ == "__main__":
    main()

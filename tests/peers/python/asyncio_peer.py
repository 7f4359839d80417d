"""Plain asyncio on the fastest common parts: aio-pika, asyncpg, aiohttp, uvloop.

    python asyncio_peer.py publish COUNT | work
"""

import asyncio
import json
import os
import sys

import aio_pika
import aiohttp
import asyncpg
import uvloop

AT_ONCE = 100
CONNECTIONS = 20
META = os.environ["META_URL"] + "/v26.0/"
QUEUE = os.environ["QUEUE"]


async def publish(count):
    connection = await aio_pika.connect(os.environ["AMQP_URL"])
    async with connection:
        channel = await connection.channel()
        await channel.declare_queue(QUEUE, durable=True)

        def message(message_id):
            return aio_pika.Message(str(message_id).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)

        for start in range(1, count + 1, 1000):
            ids = range(start, min(start + 1000, count + 1))
            await asyncio.gather(*(channel.default_exchange.publish(message(n), routing_key=QUEUE) for n in ids))


async def work():
    async def json_columns(connection):
        await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")

    database = await asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS, init=json_columns
    )
    meta = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=AT_ONCE),
        headers={"Authorization": "Bearer " + os.environ["META_TOKEN"]},
        timeout=aiohttp.ClientTimeout(total=30),
    )

    async def send(delivery):
        message_id = int(delivery.body)
        row = await database.fetchrow(
            "SELECT phone_number_id, recipient, template FROM outgoing WHERE id = $1 AND status = 'pending'", message_id
        )
        if row is not None:
            body = {
                "messaging_product": "whatsapp",
                "to": row["recipient"],
                "type": "template",
                "template": row["template"],
            }
            async with meta.post(META + row["phone_number_id"] + "/messages", json=body) as answer:
                answer.raise_for_status()
                wamid = (await answer.json())["messages"][0]["id"]
            await database.execute(
                "UPDATE outgoing SET status = 'sent', wamid = $2, sent_at = clock_timestamp() WHERE id = $1", message_id, wamid
            )
        await delivery.ack()

    connection = await aio_pika.connect_robust(os.environ["AMQP_URL"])
    channel = await connection.channel(publisher_confirms=False)
    await channel.set_qos(prefetch_count=AT_ONCE)
    queue = await channel.declare_queue(QUEUE, durable=True)
    await queue.consume(send)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(publish(int(sys.argv[2])) if sys.argv[1] == "publish" else work())

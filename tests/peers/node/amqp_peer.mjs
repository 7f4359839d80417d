// A plain consumer: amqplib, pg, undici.
//
//     node amqp_peer.mjs publish COUNT | work
import amqp from "amqplib";

import { AT_ONCE, sender } from "./send.mjs";

const { AMQP_URL, QUEUE } = process.env;
const [command, count] = process.argv.slice(2);
const connection = await amqp.connect(AMQP_URL);

if (command === "publish") {
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(QUEUE, { durable: true });
  for (let id = 1; id <= Number(count); id++) {
    channel.sendToQueue(QUEUE, Buffer.from(String(id)), { persistent: true });
    if (id % 1000 === 0) await channel.waitForConfirms();
  }
  await channel.waitForConfirms();
  await connection.close();
} else {
  const send = sender();
  const channel = await connection.createChannel();
  await channel.assertQueue(QUEUE, { durable: true });
  await channel.prefetch(AT_ONCE);
  await channel.consume(QUEUE, async (delivery) => {
    await send(Number(delivery.content));
    channel.ack(delivery);
  });
}

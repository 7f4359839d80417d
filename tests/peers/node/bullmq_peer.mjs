// BullMQ, the common choice on Node: Redis as the queue, pg, undici.
//
//     node bullmq_peer.mjs publish COUNT | work
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";

import { AT_ONCE, sender } from "./send.mjs";

const { REDIS_URL, QUEUE } = process.env;
const [command, count] = process.argv.slice(2);
const connection = new Redis(REDIS_URL, { maxRetriesPerRequest: null });

if (command === "publish") {
  const queue = new Queue(QUEUE, { connection });
  for (let first = 1; first <= Number(count); first += 1000) {
    const ids = Array.from({ length: Math.min(1000, Number(count) - first + 1) }, (_, n) => first + n);
    await queue.addBulk(ids.map((id) => ({ name: "send", data: { id }, opts: { removeOnComplete: true } })));
  }
  await queue.close();
  connection.disconnect();
} else {
  const send = sender();
  new Worker(QUEUE, (job) => send(job.data.id), { connection, concurrency: AT_ONCE });
}

// One message, as both Node peers send it: read the row, POST, write the outcome back.
import pg from "pg";
import { Pool } from "undici";

export const AT_ONCE = 100;

export function sender() {
  const { DATABASE_URL, META_URL, META_TOKEN } = process.env;
  const database = new pg.Pool({ connectionString: DATABASE_URL, max: 20 });
  const meta = new Pool(META_URL, { connections: AT_ONCE });
  const headers = { "content-type": "application/json", authorization: `Bearer ${META_TOKEN}` };

  return async function send(id) {
    const { rows } = await database.query({
      name: "read",
      text: "SELECT phone_number_id, recipient, template FROM outgoing WHERE id = $1 AND status = 'pending'",
      values: [id],
    });
    if (rows.length === 0) return;
    const [row] = rows;
    const answer = await meta.request({
      method: "POST",
      path: `/v26.0/${row.phone_number_id}/messages`,
      headers,
      body: JSON.stringify({
        messaging_product: "whatsapp",
        to: row.recipient,
        type: "template",
        template: row.template,
      }),
    });
    const said = await answer.body.json();
    if (answer.statusCode !== 200) throw new Error(`refused with ${answer.statusCode}`);
    await database.query({
      name: "write",
      text: "UPDATE outgoing SET status = 'sent', wamid = $2, sent_at = clock_timestamp() WHERE id = $1",
      values: [id, said.messages[0].id],
    });
  };
}

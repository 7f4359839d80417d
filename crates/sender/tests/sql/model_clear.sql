-- A ledger as it was before the first message.
TRUNCATE message, message_content, attempt, status_event, webhook_heard, webhook_gap, contact;
UPDATE number_gate SET tat = '-infinity', paused_until = '-infinity', pause_reason = NULL;

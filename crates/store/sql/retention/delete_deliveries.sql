DELETE FROM webhook_delivery d USING (
    SELECT o.endpoint_id, o.sequence FROM webhook_delivery o WHERE o.wake_at IS NULL AND o.created_at < $1 ORDER BY o.created_at LIMIT $2
) old WHERE d.endpoint_id = old.endpoint_id AND d.sequence = old.sequence AND d.wake_at IS NULL

-- What events cost is what is faster without them.
ALTER TABLE message DISABLE TRIGGER message_is_new;
ALTER TABLE message DISABLE TRIGGER message_has_changed;
ALTER TABLE flow DISABLE TRIGGER flow_is_new;
ALTER TABLE flow DISABLE TRIGGER flow_is_completed;

-- Whether everything that was taken in has left the pipeline. Answered from partial indexes, so that asking often costs little.
SELECT NOT EXISTS (SELECT 1 FROM message WHERE wake_at IS NOT NULL)
   AND NOT EXISTS (SELECT 1 FROM flow WHERE has_work AND status = 'running')
   AND NOT EXISTS (SELECT 1 FROM webhook_inbox WHERE applied_at IS NULL) AS idle

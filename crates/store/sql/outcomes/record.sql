-- The ledger of attempts keeps every POST that ended, also one whose row has moved on (a webhook was faster); the rows themselves
-- move only where the fence lets them. Again is harmless.
WITH logged AS (
    INSERT INTO attempt (id, attempt, claim, slot, ended_at, post_ms, outcome, http_status, error)
    SELECT * FROM unnest($9::uuid[], $10::integer[], $11::uuid[], $12::timestamptz[], $13::timestamptz[], $14::integer[], $15::text[],
                         $16::smallint[], $17::jsonb[])
    ON CONFLICT (id, attempt) DO NOTHING
)
SELECT o.id FROM record_outcomes($1, $2, $3, $4, $5, $6, $7, $8) AS o (id)

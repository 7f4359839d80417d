-- The right to fill from a messaging limit, until the commit: two who count what is left would give it out twice.
SELECT pg_try_advisory_xact_lock(hashtext('turnpike.fill'), hashint8($1)) AS mine, scope_taken($1) AS taken,
       (SELECT min(e.expires_at) FROM limit_member e WHERE e.scope_id = $1 AND e.expires_at > turnpike_now()) AS frees_at

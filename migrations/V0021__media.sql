-- Files that messages carry. The bytes are kept here, in pieces, and not on a disk of one machine: any replica of the sender must be able
-- to hand a file to Meta, today for one number, in a month again, and tomorrow for another. Nothing ever holds a whole file in memory.

CREATE TABLE media (
    id              uuid PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES organization,
    created_at      timestamptz NOT NULL,
    filename        text,
    -- Known when the last piece is in; until then the file may not be used, and is swept away if it never comes.
    mime            text,
    size            bigint,
    sha256          bytea,
    -- Moved on whenever a message names the file, so that it outlives the last message that needs it.
    kept_until      timestamptz NOT NULL,
    CONSTRAINT media_is_whole CHECK (num_nulls(mime, size, sha256) IN (0, 3))
);
-- The same file twice is one file.
CREATE UNIQUE INDEX media_by_content ON media (organization_id, sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX media_by_age ON media (kept_until);

CREATE TABLE media_piece (
    media_id uuid NOT NULL REFERENCES media ON DELETE CASCADE,
    seq      integer NOT NULL,  -- from 0
    bytes    bytea NOT NULL,
    PRIMARY KEY (media_id, seq)
);
-- Pictures, films and archives are packed already.
ALTER TABLE media_piece ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- A file with Meta, for one sender number: Meta's id of it, or who is uploading it, or why it will not go.
CREATE TABLE media_upload (
    media_id    uuid NOT NULL REFERENCES media ON DELETE CASCADE,
    number_id   bigint NOT NULL REFERENCES sender_number ON DELETE CASCADE,
    meta_id     text,
    uploaded_at timestamptz,
    expires_at  timestamptz,    -- Meta forgets it then
    -- One process uploads at a time; the lease is renewed while bytes flow, and short, so that a dead one is followed soon.
    holder      uuid,
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    -- After a failure.
    failures    integer NOT NULL DEFAULT 0,
    retry_at    timestamptz NOT NULL DEFAULT '-infinity',
    refused     bigint,         -- Meta's code for a file that it will never take
    PRIMARY KEY (media_id, number_id)
);
CREATE INDEX media_upload_of_number ON media_upload (number_id);

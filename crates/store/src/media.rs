//! Files that messages carry: their bytes in pieces, and what Meta calls them for each sender number.
//!
//! **Invariants.** A file is used only when all of it is in. One process at a time uploads a file for a number, under a lease, so a
//! thousand messages that name it cost one upload. No connection is held while somebody's network is waited for.

use chrono::{DateTime, Utc};
use domain::media::{META_KEEPS, MediaId, RENEW_BEFORE};
use domain::{NumberId, OrganizationId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const BEGIN: Statement = statement!("media/begin", "beginning to keep a file");
const PIECE: Statement = statement!("media/piece", "keeping a piece of a file");
const FINISH: Statement = statement!("media/finish", "keeping a file");
const DISCARD: Statement = statement!("media/discard", "throwing an unfinished file away");
const ONE: Statement = statement!("media/one", "reading what is known of a file");
const DELETE: Statement = statement!("media/delete", "deleting a file");
const READ_PIECE: Statement = statement!("media/read_piece", "reading a piece of a file");
const UPLOADS: Statement = statement!("media/uploads", "reading where files stand with Meta");
const CLAIM_UPLOAD: Statement = statement!("media/claim_upload", "claiming the upload of a file");
const RENEW_UPLOAD: Statement = statement!("media/renew_upload", "renewing the claim on an upload");
const UPLOADED: Statement = statement!("media/uploaded", "recording an upload");
const NOT_UPLOADED: Statement = statement!("media/not_uploaded", "recording that an upload failed");
const LET_GO: Statement = statement!("media/let_go", "letting go of an upload");
const FORGET: Statement = statement!("media/forget", "forgetting Meta's ids of files");
const WAKE: Statement = statement!("media/wake", "waking messages that waited for an upload");

/// Bytes of a piece.
pub const PIECE_BYTES: usize = 256 * 1024;

/// A whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Our id.
    pub id: MediaId,
    /// Its MIME type, told from its content.
    pub mime: String,
    /// How long it is, in bytes.
    pub size: u64,
    /// Of its content.
    pub sha256: Vec<u8>,
    /// As its owner calls it.
    pub filename: Option<String>,
    /// When it came in.
    pub created_at: DateTime<Utc>,
    /// Kept until then at least, and longer when a message needs it.
    pub kept_until: DateTime<Utc>,
}

/// What is to be known of a file when its last piece is in.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'a> {
    /// Of its content.
    pub sha256: &'a [u8],
    /// Its MIME type.
    pub mime: &'a str,
    /// Its length in bytes.
    pub size: u64,
    /// Kept until then.
    pub kept_until: DateTime<Utc>,
}

/// A file for a number.
pub type Pair = (MediaId, NumberId);

/// Where a file stands with Meta, for one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Meta has it under this id.
    There(String),
    /// Meta will never take it, and says so with this code.
    Refused(i64),
    /// There is no such file any more.
    Gone,
    /// Somebody has to upload it, or does; not before that time, where there is one.
    Missing(Option<DateTime<Utc>>),
}

/// The right to upload a file for a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadClaim {
    /// What, and for whom.
    pub pair: Pair,
    /// Its MIME type.
    pub mime: String,
    /// Its length in bytes.
    pub size: u64,
    /// Uploads that failed before, in a row.
    pub failures: u32,
    holder: Uuid,
}

impl Store {
    /// Begins to keep a file.
    pub async fn begin_media(
        &self,
        organization: OrganizationId,
        id: MediaId,
        filename: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let client = self.client().await?;
        BEGIN.run(&client, &[&id.0, &organization.0, &now, &filename]).await?;
        Ok(())
    }

    /// Keeps the piece of a file with this number, from 0.
    pub async fn keep_media_piece(&self, id: MediaId, seq: i32, bytes: &[u8]) -> Result<(), Error> {
        let client = self.client().await?;
        PIECE.run(&client, &[&id.0, &seq, &bytes]).await?;
        Ok(())
    }

    /// Says that a file is whole. Returns its id, which is another one where the organization has the same file already, and whether
    /// it is new.
    pub async fn finish_media(
        &self,
        organization: OrganizationId,
        id: MediaId,
        file: Finished<'_>,
    ) -> Result<(MediaId, bool), Error> {
        let client = self.client().await?;
        let size = i64::try_from(file.size).unwrap_or(i64::MAX);
        let mut tries = 0;
        let row = loop {
            let finished = FINISH
                .row(
                    &client,
                    &[
                        &id.0,
                        &organization.0,
                        &file.sha256,
                        &file.mime,
                        &size,
                        &file.kept_until,
                    ],
                )
                .await;
            match finished {
                // The same file was finished at the same moment: now it is there.
                Err(error) if error.is_about_data() && tries < 2 => tries += 1,
                finished => break finished?,
            }
        };
        let (found, new) = row.map_or((id, false), |row| (MediaId(row.get("id")), row.get("new")));
        if !new {
            DISCARD.run(&client, &[&id.0]).await?;
        }
        Ok((found, new))
    }

    /// Throws away a file that is not whole.
    pub async fn discard_media(&self, id: MediaId) -> Result<(), Error> {
        let client = self.client().await?;
        DISCARD.run(&client, &[&id.0]).await?;
        Ok(())
    }

    /// What is known of a file of an organization.
    pub async fn media(&self, organization: OrganizationId, id: MediaId) -> Result<Option<Media>, Error> {
        let client = self.client().await?;
        let row = ONE.row(&client, &[&organization.0, &id.0]).await?;
        Ok(row.as_ref().map(media))
    }

    /// Deletes a file; messages that still name it will fail. Says whether it was there.
    pub async fn delete_media(&self, organization: OrganizationId, id: MediaId) -> Result<bool, Error> {
        let client = self.client().await?;
        Ok(DELETE.run(&client, &[&organization.0, &id.0]).await? > 0)
    }

    /// A piece of a file; `None` after the last.
    pub async fn media_piece(&self, id: MediaId, seq: i32) -> Result<Option<Vec<u8>>, Error> {
        let client = self.client().await?;
        let row = READ_PIECE.row(&client, &[&id.0, &seq]).await?;
        Ok(row.map(|row| row.get("bytes")))
    }

    /// Where files stand with Meta, for numbers.
    pub async fn media_standings(&self, pairs: &[Pair]) -> Result<Vec<(Pair, Standing)>, Error> {
        let client = self.client().await?;
        let (media, numbers): (Vec<Uuid>, Vec<i64>) = pairs.iter().map(|(media, number)| (media.0, number.0)).unzip();
        let rows = UPLOADS.rows(&client, &[&media, &numbers, &renew_before()]).await?;
        Ok(rows.iter().map(standing).collect())
    }

    /// Claims the upload of a file for a number, for so many seconds. `None` when there is nothing to do, or somebody does it.
    pub async fn claim_media_upload(&self, pair: Pair, lease_seconds: f64) -> Result<Option<UploadClaim>, Error> {
        let client = self.client().await?;
        let holder = Uuid::from_u128(rand::random());
        let (media, number) = pair;
        let row = CLAIM_UPLOAD
            .row(
                &client,
                &[&media.0, &number.0, &holder, &lease_seconds, &renew_before()],
            )
            .await?;
        Ok(row.map(|row| UploadClaim {
            pair,
            mime: row.get("mime"),
            size: u64::try_from(row.get::<_, i64>("size")).unwrap_or(0),
            failures: u32::try_from(row.get::<_, i32>("failures")).unwrap_or(0),
            holder,
        }))
    }

    /// Renews a claim. Says whether it still holds.
    pub async fn renew_media_upload(&self, claim: &UploadClaim, lease_seconds: f64) -> Result<bool, Error> {
        let client = self.client().await?;
        let (media, number) = claim.pair;
        let renewed = RENEW_UPLOAD
            .run(&client, &[&media.0, &number.0, &claim.holder, &lease_seconds])
            .await?;
        Ok(renewed > 0)
    }

    /// Records that Meta has the file under this id, and wakes what waited for it. Returns how many messages.
    pub async fn media_uploaded(&self, claim: &UploadClaim, meta_id: &str) -> Result<u64, Error> {
        let client = self.client().await?;
        let (media, number) = claim.pair;
        let keeps = META_KEEPS.num_seconds() as f64;
        UPLOADED
            .run(&client, &[&media.0, &number.0, &claim.holder, &meta_id, &keeps])
            .await?;
        WAKE.run(&client, &[&number.0]).await
    }

    /// Records that an upload failed: again after so many seconds, or, with Meta's code, never. Then those that wait hear of it now.
    pub async fn media_not_uploaded(
        &self,
        claim: &UploadClaim,
        retry_seconds: f64,
        refused: Option<i64>,
    ) -> Result<(), Error> {
        let client = self.client().await?;
        let (media, number) = claim.pair;
        NOT_UPLOADED
            .run(&client, &[&media.0, &number.0, &claim.holder, &retry_seconds, &refused])
            .await?;
        if refused.is_some() {
            WAKE.run(&client, &[&number.0]).await?;
        }
        Ok(())
    }

    /// Gives a claim up: somebody else may upload.
    pub async fn let_media_upload_go(&self, claim: &UploadClaim) -> Result<(), Error> {
        let client = self.client().await?;
        let (media, number) = claim.pair;
        LET_GO.run(&client, &[&media.0, &number.0, &claim.holder]).await?;
        Ok(())
    }

    /// Forgets ids that Meta does not know any more, so that the files are uploaded again.
    pub async fn forget_media_uploads(&self, stale: &[(MediaId, NumberId, String)]) -> Result<u64, Error> {
        let client = self.client().await?;
        let media: Vec<Uuid> = stale.iter().map(|(media, ..)| media.0).collect();
        let numbers: Vec<i64> = stale.iter().map(|(_, number, _)| number.0).collect();
        let ids: Vec<&str> = stale.iter().map(|(.., id)| id.as_str()).collect();
        FORGET.run(&client, &[&media, &numbers, &ids]).await
    }
}

fn renew_before() -> f64 {
    RENEW_BEFORE.num_seconds() as f64
}

fn media(row: &Row) -> Media {
    Media {
        id: MediaId(row.get("id")),
        mime: row.get("mime"),
        size: u64::try_from(row.get::<_, i64>("size")).unwrap_or(0),
        sha256: row.get("sha256"),
        filename: row.get("filename"),
        created_at: row.get("created_at"),
        kept_until: row.get("kept_until"),
    }
}

fn standing(row: &Row) -> (Pair, Standing) {
    let pair = (MediaId(row.get("media_id")), NumberId(row.get("number_id")));
    let meta_id: Option<String> = row.get("meta_id");
    let standing = match (row.get::<_, bool>("exists"), row.get("refused"), meta_id) {
        (false, ..) => Standing::Gone,
        (true, Some(code), _) => Standing::Refused(code),
        (true, None, Some(id)) => Standing::There(id),
        (true, None, None) => Standing::Missing(row.get("retry_at")),
    };
    (pair, standing)
}

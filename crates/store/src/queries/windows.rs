//! Service windows, for the check before a message is written.

use domain::rules::Window;
use domain::{NumberId, OrganizationId, Recipient};

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const NUMBER: Statement = statement!("queries/number", "looking a sender number up");
const WINDOW: Statement = statement!("queries/window", "reading a service window");

/// A sender number by which it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderNumber {
    /// Its row.
    pub id: NumberId,
    /// E.164, with the `+`.
    pub phone: String,
}

impl Store {
    /// An organization's sender number, by its phone number or Meta's id of it.
    pub async fn sender_number(&self, organization: OrganizationId, name: &str) -> Result<Option<SenderNumber>, Error> {
        let client = self.client().await?;
        let row = NUMBER.row(&client, &[&organization.0, &name]).await?;
        Ok(row.map(|row| SenderNumber {
            id: NumberId(row.get("id")),
            phone: row.get("phone"),
        }))
    }

    /// The service window between a person and one number of an organization; without one, the last to any of its numbers.
    pub async fn service_window(
        &self,
        organization: OrganizationId,
        number: Option<NumberId>,
        recipient: &Recipient,
    ) -> Result<Window, Error> {
        let client = self.client().await?;
        let number = number.map(|number| number.0);
        let row = WINDOW
            .row(&client, &[&organization.0, &number, &recipient.as_str()])
            .await?;
        Ok(Window {
            last_inbound_at: row.and_then(|row| row.get("last_inbound_at")),
        })
    }
}

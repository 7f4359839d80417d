//! Lists that come page by page.

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Client, Error};
use crate::lenient;

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    paging: Paging,
}

#[derive(Default, Deserialize)]
struct Paging {
    #[serde(default, deserialize_with = "lenient::or_default")]
    cursors: Cursors,
    /// Its address names the access token; only that it is there matters.
    #[serde(default, deserialize_with = "lenient::or_default")]
    next: Option<String>,
}

#[derive(Default, Deserialize)]
struct Cursors {
    #[serde(default, deserialize_with = "lenient::optional_text")]
    after: Option<String>,
}

impl Client {
    /// Everything on an edge. One that goes on for more than `most` pages goes round in circles.
    pub(crate) async fn pages<T: DeserializeOwned>(
        &self,
        path: &[&str],
        fields: &str,
        limit: &str,
        most: usize,
        token: &SecretString,
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        let mut after = None::<String>;
        for _ in 0..most {
            let mut query = vec![("fields", fields), ("limit", limit)];
            query.extend(after.as_deref().map(|cursor| ("after", cursor)));
            let page: Page<T> = self.get(path, &query, token).await?;
            all.extend(page.data);
            match page.paging {
                Paging {
                    next: Some(_),
                    cursors: Cursors { after: Some(cursor) },
                } => after = Some(cursor),
                Paging { .. } => break,
            }
        }
        Ok(all)
    }
}

//! What is read once and kept for as long as it is the same: templates by revision, access tokens by their sealed bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::template::{ParameterFormat, Shape};
use domain::{TemplateId, WabaId};
use secrecy::SecretString;
use store::Store;
use store::admission::Candidate;

/// Kept templates and tokens. Both are few: some per account.
#[derive(Debug, Default)]
pub(crate) struct Keepsakes {
    shapes: Mutex<HashMap<TemplateId, (i32, Arc<Shape>)>>,
    tokens: Mutex<HashMap<WabaId, Opened>>,
}

#[derive(Debug)]
struct Opened {
    sealed: Vec<u8>,
    token: Arc<SecretString>,
}

impl Keepsakes {
    /// Reads the templates of these rows that are not kept in their present revision.
    pub(crate) async fn learn(&self, store: &Store, rows: &[Candidate]) -> Result<(), store::Error> {
        let mut unknown: Vec<TemplateId> = rows
            .iter()
            .filter(|row| self.shape(row).is_none())
            .filter_map(|row| row.template.as_ref())
            .map(|template| template.id)
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        unknown.sort_unstable();
        unknown.dedup();
        let texts = store.template_texts(&unknown).await?;
        let mut shapes = lock(&self.shapes);
        for text in texts {
            // Meta's own default where the word is new to us; Meta checks the parameters once more.
            let format = ParameterFormat::parse(&text.parameter_format).unwrap_or(ParameterFormat::Positional);
            let shape = Arc::new(Shape::from_components(&text.components, format));
            shapes.insert(text.id, (text.revision, shape));
        }
        Ok(())
    }

    /// The shape of a row's template. One that is newer than the row's look at it is right too: it is what Meta has now.
    pub(crate) fn shape(&self, row: &Candidate) -> Option<Arc<Shape>> {
        let template = row.template.as_ref()?;
        let shapes = lock(&self.shapes);
        let (revision, shape) = shapes.get(&template.id)?;
        (*revision >= template.revision).then(|| Arc::clone(shape))
    }

    /// The access token of a row's WABA, opened when it is new or has changed.
    pub(crate) fn token(&self, store: &Store, row: &Candidate) -> Result<Arc<SecretString>, store::Error> {
        let mut tokens = lock(&self.tokens);
        match tokens.get(&row.waba) {
            Some(opened) if opened.sealed == row.access_token => Ok(Arc::clone(&opened.token)),
            _ => {
                let place = format!("waba:{}", row.waba_meta_id);
                let token = Arc::new(store.vault().open(&place, &row.access_token)?);
                let opened = Opened {
                    sealed: row.access_token.clone(),
                    token: Arc::clone(&token),
                };
                tokens.insert(row.waba, opened);
                Ok(token)
            }
        }
    }
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept is inserted whole, so a panic elsewhere cannot have left half of it.
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

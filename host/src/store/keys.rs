//! Access keys in memory, as they stand in the database: who comes with each request is known without asking it.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::{Error, KeyRow, Refusal};

/// All access keys. Written by the writer after COMMIT, read by everyone.
#[derive(Debug)]
pub(super) struct Keys(RwLock<Option<HashMap<String, KeyRow>>>);

impl Keys {
    pub(super) fn new(rows: Vec<KeyRow>) -> Self {
        Self(RwLock::new(Some(by_id(rows))))
    }

    /// Takes the keys as they stand after a change. Where they could not be read, none is known to hold any more.
    pub(super) fn set(&self, rows: Result<Vec<KeyRow>, Error>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = rows.ok().map(by_id);
    }

    pub(super) fn get(&self, id: &str) -> Result<Option<KeyRow>, Error> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Some(keys) => Ok(keys.get(id).cloned()),
            None => Err(Refusal::Failed("the keys could not be read after the last change: restart the hub".into()).into()),
        }
    }
}

fn by_id(rows: Vec<KeyRow>) -> HashMap<String, KeyRow> {
    rows.into_iter().map(|key| (key.id.clone(), key)).collect()
}

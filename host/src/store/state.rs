//! What transforms keep of each key between their calls. It moves with the group of the call that made it.

use std::collections::BTreeMap;

use sqlx::{QueryBuilder, Row, SqliteConnection};

use super::apply::{Apply, Trouble};
use super::{Error, Store};

/// What becomes of one key's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    /// Whose keys these are, for example a route; equal keys of two owners are different.
    pub owner: String,
    /// The key.
    pub key: String,
    /// Its state from now on; none forgets the key.
    pub state: Option<Vec<u8>>,
}

impl KeyState {
    /// Bytes that it brings into a transaction.
    pub(super) fn weight(&self) -> usize {
        self.owner.len() + self.key.len() + self.state.as_ref().map_or(0, Vec::len)
    }
}

impl Store {
    /// What is kept of these keys, a few hundred at most; those without state are not among them.
    pub async fn states(&self, owner: &str, keys: &[&str]) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut sql = QueryBuilder::new("SELECT key, state FROM state WHERE owner = ");
        sql.push_bind(owner).push(" AND key IN (");
        let mut list = sql.separated(", ");
        for key in keys {
            list.push_bind(*key);
        }
        sql.push(")");
        let rows = sql.build().fetch_all(&mut *self.reader().await?).await?;
        Ok(rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?)
    }

    /// The keys with state behind `after`, in their order, at most so many.
    pub async fn states_after(&self, owner: &str, after: Option<&str>, limit: u32) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let (sql, after) = match after {
            Some(after) => ("SELECT key, state FROM state WHERE owner = $1 AND key > $2 ORDER BY key LIMIT $3", after),
            None => ("SELECT key, state FROM state WHERE owner = $1 AND key >= $2 ORDER BY key LIMIT $3", ""),
        };
        let rows = sqlx::query(sql).bind(owner).bind(after).bind(i64::from(limit)).fetch_all(&mut *self.reader().await?).await?;
        Ok(rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?)
    }
}

impl Apply<'_> {
    pub(super) async fn keep_states(&mut self, states: Vec<KeyState>) -> Result<(), Trouble> {
        for KeyState { owner, key, state } in states {
            keep(self.db, owner, key, state).await?;
        }
        Ok(())
    }
}

async fn keep(db: &mut SqliteConnection, owner: String, key: String, state: Option<Vec<u8>>) -> Result<(), sqlx::Error> {
    let statement = match state {
        Some(state) => sqlx::query(
            "INSERT INTO state (owner, key, state) VALUES ($1, $2, $3) ON CONFLICT (owner, key) DO UPDATE SET state = excluded.state",
        )
        .bind(owner)
        .bind(key)
        .bind(state),
        None => sqlx::query("DELETE FROM state WHERE owner = $1 AND key = $2").bind(owner).bind(key),
    };
    statement.execute(db).await.map(|_| ())
}

//! An object store that speaks S3, and the trial that it keeps its word.
//!
//! Everything the lake promises rests on one thing: of those who put the same new key, one succeeds. A store that takes
//! the condition and ignores it would lose commits in silence, so the hub asks it to prove itself before the first one.

use std::time::Duration;

use lienthong_core::city::Bucket;
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig};

use super::Error;
use super::credentials::Credentials;

/// One request, its body included; larger files go in parts.
const REQUEST: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);
/// Short, because landing has a patience of its own, and its waiting is shown to people.
const RETRIES: usize = 5;
const RETRY_FOR: Duration = Duration::from_secs(20);
/// So many put the same key at once in the trial.
const RIVALS: usize = 4;
/// So many keys are tried until one is surely made by the trial itself.
const KEYS: usize = 8;

/// A client of the bucket. Nothing is sent yet.
///
/// # Errors
/// [`Error::Store`]: the settings make no client.
pub(super) fn client(bucket: &Bucket, credentials: &Credentials) -> Result<impl ObjectStore, Error> {
    let plain = bucket.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(5), ..BackoffConfig::default() };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_access_key_id(&credentials.access_key_id)
        .with_secret_access_key(&credentials.secret_access_key)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(CONNECT).with_allow_http(plain))
        .with_retry(RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY_FOR });
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(token) = &credentials.session_token {
        builder = builder.with_token(token);
    }
    builder.build().map_err(Error::Store)
}

/// Puts a key that must be new, twice, then another from several sides at once, and looks who is believed. The keys go again.
///
/// # Errors
/// [`Error::IgnoresConditions`]: the lake must not lie there. [`Error::Store`]: it could not be tried.
pub(super) async fn prove(store: &dyn ObjectStore, prefix: &Path) -> Result<(), Error> {
    let key = |name: &str| prefix.clone().join(format!("lienthong-trial-{}-{name}", super::token::token()));
    for _ in 0..KEYS {
        let (twice, at_once) = (key("twice"), key("at-once"));
        let kept = keeps_conditions(store, &twice, &at_once).await;
        for key in [&twice, &at_once] {
            if let Err(error) = store.delete(key).await {
                tracing::debug!(%key, %error, "a trial's key stays in the lake's bucket; it may be deleted");
            }
        }
        match kept? {
            Some(true) => return Ok(()),
            Some(false) => return Err(Error::IgnoresConditions { answer: None }),
            None => {}
        }
    }
    let why = format!("of {KEYS} keys that were new it took none: it refused each of them, or lost its answer");
    Err(Error::Store(StoreError::Generic { store: "S3", source: why.into() }))
}

/// None where the first put was not surely the one that made the key: then a second one that succeeds shows nothing.
async fn keeps_conditions(store: &dyn ObjectStore, twice: &Path, at_once: &Path) -> Result<Option<bool>, Error> {
    if !put_new(store, twice, 0).await? {
        return Ok(None);
    }
    let again = put_new(store, twice, 1).await?;
    let rivals = futures::future::try_join_all((0..RIVALS).map(|rival| put_new(store, at_once, rival))).await?;
    let standing = store.get(twice).await.map_err(Error::Store)?.bytes().await.map_err(Error::Store)?;
    Ok(Some(!again && rivals.iter().filter(|won| **won).count() <= 1 && standing == body(0)))
}

/// True where the key was new. A lost answer may make a success look like a refusal, never the other way round.
async fn put_new(store: &dyn ObjectStore, key: &Path, rival: usize) -> Result<bool, Error> {
    let new = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    match store.put_opts(key, body(rival).into(), new).await {
        Ok(_) => Ok(true),
        Err(StoreError::AlreadyExists { .. }) => Ok(false),
        // Some stores do not know the header and say so.
        Err(error) if error.to_string().contains("NotImplemented") || matches!(error, StoreError::NotImplemented { .. }) => {
            Err(Error::IgnoresConditions { answer: Some(error) })
        }
        Err(error) => Err(Error::Store(error)),
    }
}

fn body(rival: usize) -> bytes::Bytes {
    format!("lienthong tries whether this store keeps `If-None-Match: *`; {rival}\n").into()
}

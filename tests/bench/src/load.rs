//! What hubs and peers are loaded with: the corpus in posts, and clients that post them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, ensure};
use bytes::Bytes;
use lienthong_examples::corpus::{Corpus, SCHEMA, SEED};
use lienthong_tests::city::City;
use lienthong_tests::client::{Address, Client, Connection};
use tokio::task::JoinSet;

/// The schema of every channel here.
pub(crate) const SCHEMA_ID: &str = "bench/readings.v1";

/// Clients, each with one connection and one post under way.
pub(crate) const CLIENTS: usize = 4;

/// Records, a post of them after the other. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Posts {
    /// Each ends with a line feed.
    pub(crate) bodies: Arc<[Bytes]>,
    /// All records.
    pub(crate) records: u64,
    /// Those that fit the schema.
    pub(crate) good: u64,
}

impl Posts {
    /// The first records of the corpus; with `mixed`, one in a hundred is invalid.
    pub(crate) fn new(records: usize, a_post: usize, mixed: bool) -> Self {
        let mut corpus = if mixed { Corpus::mixed(SEED) } else { Corpus::valid(SEED) };
        let (mut bodies, mut good, mut left) = (Vec::new(), 0, records);
        while left > 0 {
            let mut body = String::with_capacity(a_post * 400);
            for _ in 0..a_post.min(left) {
                good += u64::from(corpus.write_next(&mut body));
                body.push('\n');
            }
            left = left.saturating_sub(a_post);
            bodies.push(Bytes::from(body));
        }
        Self { bodies: bodies.into(), records: records as u64, good }
    }

    /// The records as one file, for peers that read one, and their schema beside it.
    ///
    /// # Errors
    /// When the folder takes no file.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
        let (corpus, schema) = (folder.join("corpus.ndjson"), folder.join("schema.json"));
        std::fs::write(&corpus, self.bodies.concat())?;
        std::fs::write(&schema, SCHEMA)?;
        Ok((corpus, schema))
    }
}

/// A city of `channels` alike, `bench/c0` and so on, that one agency, `sender`, may write to and read.
pub(crate) fn city(folder: &Path, channels: usize, flush: &str) -> City {
    let mut bench = "channels:\n".to_owned();
    for nth in 0..channels {
        bench += &format!("  {}: {{ schema: {SCHEMA_ID}, key: [/id], time: /observed_at }}\n", channel(nth));
    }
    bench += "grants:\n";
    for nth in 0..channels {
        bench += &format!("  - {{ agency: sender, channel: {}, access: [read, write], purpose: bench }}\n", channel(nth));
    }
    City::within(folder, &[("city.yaml", &city_file(flush)), ("bench.yaml", &bench), (&format!("schemas/{SCHEMA_ID}.json"), SCHEMA)])
}

/// The file of such a city that says when the lake is flushed.
pub(crate) fn city_file(flush: &str) -> String {
    format!("title: Bench\nagencies:\n  sender: {{ title: Sender }}\nlake: {{ flush: {{ {flush} }} }}\n")
}

/// A lake that waits for much longer than a run takes, so that accepting is measured alone.
pub(crate) const NO_FLUSH: &str = "every: 1d, bytes: 1GiB";

/// The id of the nth channel.
pub(crate) fn channel(nth: usize) -> String {
    format!("bench/c{nth}")
}

/// Posts everything once, the nth post to `path(n)`, and adds up what was answered: accepted and quarantined.
///
/// # Errors
/// When a post is refused, or the server is gone.
pub(crate) async fn post_all(
    address: SocketAddr,
    client: &Client,
    posts: &Posts,
    path: impl Fn(usize) -> String + Clone + Send + 'static,
) -> anyhow::Result<(u64, u64)> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, posts, next, path) = (client.clone(), posts.clone(), next.clone(), path.clone());
        clients.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut sums = (0, 0);
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                let Some(body) = posts.bodies.get(nth) else { return anyhow::Ok(sums) };
                let answer = client.post(&path(nth), "application/x-ndjson", body.clone()).over(&mut connection).await?;
                ensure!(answer.status.is_success(), "{}: {}", answer.status, answer.text());
                // Servers of others may answer with nothing; then what they kept is counted.
                if !answer.body.is_empty() {
                    let answer = answer.json();
                    let sum = |name: &str| answer[name].as_u64().with_context(|| format!("no `{name}` in {answer}"));
                    sums = (sums.0 + sum("accepted")?, sums.1 + sum("quarantined")?);
                }
            }
        });
    }
    let mut sums = (0, 0);
    while let Some(done) = clients.join_next().await {
        let (accepted, quarantined) = done??;
        sums = (sums.0 + accepted, sums.1 + quarantined);
    }
    Ok(sums)
}

/// Somebody without a key, for the servers of others.
pub(crate) fn anybody(address: SocketAddr) -> Client {
    Client::new(Address::new(address), None)
}

/// The path of a channel's records.
pub(crate) fn records_of(channel: &str) -> String {
    format!("/v1/channels/{channel}/records")
}

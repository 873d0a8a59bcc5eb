//! A door of the hub that agencies' systems post to; they repeat themselves until they are heard.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header};

use crate::client::{self, Answer};

/// A webhook connector, or a channel that takes records, and the key that opens it.
#[derive(Debug, Clone)]
pub struct Door {
    hub: SocketAddr,
    path: String,
    key: String,
}

/// What is posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// What the sender calls it, for the ledger and for messages to people.
    pub name: String,
    /// Its media type.
    pub content_type: &'static str,
    /// The name is sent as the file's name and as the `Idempotency-Key`. Systems that know of neither are known by their bytes.
    pub named: bool,
    /// Its bytes.
    pub body: Vec<u8>,
}

impl Door {
    /// The door of a webhook connector, `domain/name`, for a key of the agency that owns it.
    pub fn of_connector(hub: SocketAddr, connector: &str, key: &str) -> Self {
        Self { hub, path: format!("/v1/connectors/{connector}/messages"), key: key.to_owned() }
    }

    /// The door of a channel, `domain/name`, for a key of an agency that may write to it.
    pub fn of_channel(hub: SocketAddr, channel: &str, key: &str) -> Self {
        Self { hub, path: format!("/v1/channels/{channel}/records"), key: key.to_owned() }
    }

    /// Posts until the hub took it, and returns its answer.
    ///
    /// # Errors
    /// When the hub refuses it for good, or does not take it within ten tries.
    pub async fn post(&self, post: &Post) -> anyhow::Result<Answer> {
        let mut patience = Duration::from_millis(100);
        for _ in 0..9 {
            match self.send(post).await {
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                Ok(answer) if !for_later(answer.status) => {
                    anyhow::bail!("the hub answered {} to {}: {}", answer.status, post.name, answer.text())
                }
                // A broken connection leaves open whether the hub has it: that it is the same makes asking again harmless.
                Ok(_) | Err(_) => tokio::time::sleep(patience).await,
            }
            patience = (patience * 2).min(Duration::from_secs(5));
        }
        let answer = self.send(post).await.with_context(|| format!("the hub did not take {} in ten tries", post.name))?;
        anyhow::ensure!(answer.status.is_success(), "the hub answered {} to {} ten times: {}", answer.status, post.name, answer.text());
        Ok(answer)
    }

    /// Posts it again, as whoever missed the first answer does: the hub must give the very same one.
    ///
    /// # Errors
    /// As [`Door::post`], or when the answers differ.
    pub async fn post_again(&self, post: &Post, first: &Answer) -> anyhow::Result<()> {
        let again = self.post(post).await?;
        anyhow::ensure!(
            again.body == first.body,
            "the hub answered {} twice, and not alike: {} and {}",
            post.name,
            first.text(),
            again.text()
        );
        Ok(())
    }

    async fn send(&self, post: &Post) -> anyhow::Result<Answer> {
        let mut headers =
            vec![(header::AUTHORIZATION, format!("Bearer {}", self.key)), (header::CONTENT_TYPE, post.content_type.to_owned())];
        if post.named {
            headers.push((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", post.name)));
            headers.push((HeaderName::from_static("idempotency-key"), post.name.clone()));
        }
        client::send(self.hub, Method::POST, &self.path, &headers, Bytes::copy_from_slice(&post.body)).await
    }
}

fn for_later(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

//! A station that posts its files to the hub, and repeats itself until it is heard.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header};

use super::round::{Delivery, Manner};
use crate::client::{self, Answer};

/// Where the stations post to, and as whom.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The hub.
    pub hub: SocketAddr,
    /// The connector, `domain/name`.
    pub connector: String,
    /// A key of the agency that owns the connector.
    pub key: String,
}

impl Webhook {
    /// Posts one file of a station in its manner, and tries again while the hub asks for patience.
    ///
    /// # Errors
    /// When the hub refuses the message for good, or does not take it within ten tries.
    pub async fn deliver(&self, delivery: &Delivery) -> anyhow::Result<()> {
        let times = if delivery.manner == Manner::Twice { 2 } else { 1 };
        for _ in 0..times {
            self.insist(delivery).await?;
        }
        Ok(())
    }

    async fn insist(&self, delivery: &Delivery) -> anyhow::Result<()> {
        let mut patience = Duration::from_millis(100);
        for _ in 0..9 {
            match self.post(delivery).await {
                Ok(answer) if answer.status.is_success() => return Ok(()),
                Ok(answer) if !for_later(answer.status) => {
                    anyhow::bail!("the hub answered {} to {}: {}", answer.status, delivery.name, answer.text())
                }
                // A broken connection leaves open whether the hub has it: the same key makes asking again harmless.
                Ok(_) | Err(_) => tokio::time::sleep(patience).await,
            }
            patience = (patience * 2).min(Duration::from_secs(5));
        }
        let answer = self.post(delivery).await.with_context(|| format!("the hub did not take {} in ten tries", delivery.name))?;
        anyhow::ensure!(answer.status.is_success(), "the hub answered {} to {} ten times: {}", answer.status, delivery.name, answer.text());
        Ok(())
    }

    async fn post(&self, delivery: &Delivery) -> anyhow::Result<Answer> {
        let path = format!("/v1/connectors/{}/messages", self.connector);
        let headers = [
            (header::AUTHORIZATION, format!("Bearer {}", self.key)),
            (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", delivery.name)),
            (HeaderName::from_static("idempotency-key"), delivery.name.clone()),
        ];
        client::send(self.hub, Method::POST, &path, &headers, Bytes::copy_from_slice(&delivery.body)).await
    }
}

fn for_later(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

//! Offices that send each other documents over the axis of official documents: the province's committee, and the wards that answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Method, header};
use sha2::{Digest, Sha256};

use super::document::{Document, RECEIVED, REGISTERED};
use super::{DOCUMENT_STATUS, DOCUMENTS, PROVINCE, WARDS};
use crate::client;
use crate::sim::chance::Chance;
use crate::sim::clock;
use crate::sim::door::{Door, Post};
use crate::sim::ledger::{Entry, Ledger, Sent};
use crate::sim::system::{System, Turn};

/// Of so many documents one breaks on its way.
const SPOILT_EVERY: i64 = 3;

const SUBJECTS: [&str; 4] = [
    "V/v diễn tập ứng phó mưa lũ & sạt lở",
    "V/v báo cáo kết quả giải quyết thủ tục hành chính",
    "V/v rà soát hồ sơ đất đai tồn đọng",
    "V/v tổ chức tiêm chủng vét cho trẻ em",
];

/// All offices, with a key of the one that owns the connector and may read the documents.
#[derive(Debug)]
pub struct Offices {
    /// Fixes what is sent.
    pub seed: u64,
    /// Where messages are posted to.
    pub door: Door,
    /// Where attachments are fetched.
    pub hub: SocketAddr,
    /// The key to fetch with.
    pub key: String,
    /// All that was sent.
    pub ledger: Arc<Ledger>,
}

impl System for Offices {
    /// The province sends a document to two wards; those of the turn before say that they have theirs, and then that it is registered.
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let step = turn.step;
            let document = document(self.seed, step);
            let spoilt = is_spoilt(step);
            let body = if spoilt { document.spoilt_xml() } else { document.xml() };
            let answer = self.send(&document.id(), DOCUMENTS, body, !spoilt).await?;
            if !spoilt {
                self.fetch(&document).await.with_context(|| format!("the attachment of {}", document.id()))?;
            }
            if step.rem_euclid(2) == 0 {
                self.door.post_again(&answer.0, &answer.1).await?;
            }
            if let Some(previous) = turn.previous.filter(|previous| !is_spoilt(*previous)) {
                let before = self::document(self.seed, previous);
                for status in [RECEIVED, REGISTERED] {
                    for ward in &before.to {
                        let name = format!("{} {} {}", before.id(), ward.host, status.code);
                        self.send(&name, DOCUMENT_STATUS, before.status_xml(ward, status, &turn.at()), true).await?;
                    }
                }
            }
            Ok(())
        }
        .boxed()
    }
}

impl Offices {
    async fn send(&self, name: &str, channel: &'static str, xml: String, good: bool) -> anyhow::Result<(Post, client::Answer)> {
        let sent = BTreeMap::from([(channel, Sent { good: good.into(), bad: (!good).into() })]);
        self.ledger.enter(&Entry { way: "webhook", name: name.to_owned(), sent })?;
        let post = Post { name: name.to_owned(), content_type: "application/xml; charset=utf-8", named: false, body: xml.into_bytes() };
        let answer = self.door.post(&post).await?;
        let expected = if good { "\"status\":\"OK\"" } else { "\"status\":\"FAIL\"" };
        anyhow::ensure!(answer.text().contains(expected), "the hub answered {} to {name}, where {expected} is right", answer.text());
        Ok((post, answer))
    }

    /// Whoever may read a document fetches its file by the hash that stands in the record.
    async fn fetch(&self, document: &Document) -> anyhow::Result<()> {
        let hash: String = Sha256::digest(&document.attachment).iter().map(|byte| format!("{byte:02x}")).collect();
        let headers = [(header::AUTHORIZATION, format!("Bearer {}", self.key))];
        let path = format!("/v1/channels/{DOCUMENTS}/attachments/{hash}");
        let answer = client::send(self.hub, Method::GET, &path, &headers, Bytes::new()).await?;
        anyhow::ensure!(answer.status.is_success(), "the hub answered {} to {path}: {}", answer.status, answer.text());
        anyhow::ensure!(answer.body == document.attachment, "the hub has other bytes under {hash} than were sent");
        Ok(())
    }
}

/// The document of a step, with a file of some kilobytes that is none like another.
fn document(seed: u64, step: i64) -> Document {
    let mut chance = Chance::new(seed, &[step as u64, 0xed]);
    let first = chance.below(WARDS.len());
    let length = 2_000 + chance.below(20_000);
    let mut attachment = b"%PDF-1.4\n% not a real document: made up for a demonstration\n".to_vec();
    while attachment.len() < length {
        attachment.extend(chance.draw().to_le_bytes());
    }
    Document {
        from: &PROVINCE,
        to: vec![&WARDS[first], &WARDS[(first + 1) % WARDS.len()]],
        number: (step.rem_euclid(90_000) + 1) as u32,
        at: clock::at_step(step),
        subject: SUBJECTS[chance.below(SUBJECTS.len())],
        attachment,
    }
}

fn is_spoilt(step: i64) -> bool {
    step.rem_euclid(SPOILT_EVERY) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_step_fix_a_document() {
        assert_eq!(document(3, 5_984_673), document(3, 5_984_673));
        assert_ne!(document(3, 5_984_673).attachment, document(3, 5_984_674).attachment);
        assert_ne!(document(3, 5_984_673).attachment, document(4, 5_984_673).attachment);
    }

    #[test]
    fn three_steps_have_one_spoilt_document() {
        assert_eq!((5_984_673..5_984_676).filter(|step| is_spoilt(*step)).count(), 1);
    }
}

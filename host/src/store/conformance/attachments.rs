//! What every store must keep of files that belong to records.

use lienthong_core::hash::ContentHash;
use lienthong_core::ports::Blob;

use super::{adds_up, append, channel, committed, group, keyed, numbered};
use crate::store::{Advance, Attachment, Error, Group, Outcome, Receipt, Refusal, Store};

pub(crate) async fn attachment(store: &Store, of: &str, bytes: &[u8]) -> Attachment {
    let mut draft = store.draft();
    draft.write(bytes).await.unwrap();
    Attachment { channel: channel(of), file: draft.finish().await.unwrap() }
}

/// The bytes of a channel's attachment.
pub(crate) async fn attached(store: &Store, of: &str, hash: &ContentHash) -> Option<Vec<u8>> {
    let file = store.attachment(&channel(of), hash).await.unwrap()?;
    Some(file.read(0, 1 << 20).await.unwrap())
}

pub(crate) async fn attachments_count_with_their_group_or_never(open: impl AsyncFn() -> Store) {
    let store = open().await;
    store.ensure_channels(&[channel("a/one"), channel("a/two")]).await.unwrap();
    let scan = async |of: &str| attachment(&store, of, b"a scan").await;
    let with = |attachments| Group { attachments, ..group(vec![append("a/one", numbered(0..1))]) };
    let hash = scan("a/one").await.file.hash;
    let staged = || store.inner.files.staged();
    assert_eq!((attached(&store, "a/one", &hash).await, staged()), (None, 0), "a file that no group names is forgotten");

    // Twice in one channel, in one group and in two, it is there once; another channel has its own.
    committed(store.commit(with(vec![scan("a/one").await, scan("a/one").await])).await);
    assert_eq!(attached(&store, "a/two", &hash).await, None);
    committed(store.commit(with(vec![scan("a/two").await, attachment(&store, "a/one", b"").await, scan("a/one").await])).await);
    for of in ["a/one", "a/two"] {
        assert_eq!(attached(&store, of, &hash).await.as_deref(), Some(&b"a scan"[..]), "{of}");
    }
    let sums = async || store.sums().await.unwrap().iter().map(|s| (s.attachments, s.attachment_bytes)).collect::<Vec<_>>();
    assert_eq!(sums().await, [(2, 6), (1, 6)]);
    // A group may bring nothing else.
    let alone = attachment(&store, "a/two", b"alone").await;
    let alone_hash = alone.file.hash;
    let receipt = committed(store.commit(Group { attachments: vec![alone], ..group(vec![]) }).await);
    assert_eq!((receipt, sums().await), (Receipt::default(), vec![(2, 6), (2, 11)]));

    // What is refused leaves no row, and a file at most until the next start; one that others have stays.
    let lost = attachment(&store, "a/one", b"lost").await;
    let gone = lost.file.hash;
    let moved = Some(Advance { owner: "weather/stations".into(), expected: Some(9), cursor: vec![] });
    let refused = store.commit(Group { advance: moved, ..with(vec![lost, scan("a/one").await]) }).await;
    assert_eq!(refused, Outcome::Refused(Refusal::CheckpointMoved));
    let nowhere = store.commit(with(vec![attachment(&store, "z/none", b"nowhere").await])).await;
    assert_eq!(nowhere, Outcome::Refused(Refusal::UnknownChannel(channel("z/none"))));
    assert_eq!((attached(&store, "a/one", &gone).await, sums().await), (None, vec![(2, 6), (2, 11)]));
    let path = store.inner.files.path(&gone);
    assert!(path.exists() && staged() == 0);

    // The same key again is the same group: its files are those that are there.
    let keyed = async || Group { remember: Some(keyed("k", 1)), ..with(vec![attachment(&store, "a/one", b"once").await]) };
    let first = committed(store.commit(keyed().await).await);
    assert_eq!(store.commit(keyed().await).await, Outcome::Repeated(first));
    adds_up(&store).await;
    store.clone().close().await.unwrap();

    let store = open().await;
    assert!(!path.exists(), "it was nobody's");
    for (of, hash, found) in [("a/one", &hash, true), ("a/two", &hash, true), ("a/two", &alone_hash, true), ("a/one", &gone, false)] {
        assert_eq!(attached(&store, of, hash).await.is_some(), found, "{of} {hash}");
    }
    // What was lost can be sent again.
    committed(store.commit(with(vec![attachment(&store, "a/one", b"lost").await])).await);
    assert_eq!(attached(&store, "a/one", &gone).await.as_deref(), Some(&b"lost"[..]));
    std::fs::write(store.inner.files.path(&gone), b"los").unwrap();
    let damaged = store.attachment(&channel("a/one"), &gone).await;
    assert!(matches!(damaged, Err(Error::DamagedAttachment { hash, .. }) if hash == gone), "{damaged:?}");
}

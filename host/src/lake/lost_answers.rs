//! A store that does what it was told and then says that it failed, as an object store does whose answer is lost; and
//! one that fails without doing it. In either case each offset is one row in the end.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use futures::stream::BoxStream;
use lienthong_core::ports::Pending;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

use super::tests::{observations, spec};
use super::*;

const SOUND: u8 = 0;
const ANSWER_LOST: u8 = 1;
const NOT_DONE: u8 = 2;
const REFUSED: u8 = 3;

/// Faults of the next conditional put, which is a commit's.
#[derive(Debug)]
struct Faulty {
    inner: InMemory,
    next: AtomicU8,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

fn lost() -> object_store::Error {
    object_store::Error::Generic { store: "faulty", source: "the connection was closed".into() }
}

impl ObjectStore for Faulty {
    fn put_opts<'s, 'l, 'f>(&'s self, location: &'l ObjectPath, payload: PutPayload, opts: PutOptions) -> Pending<'f, Result<PutResult>>
    where
        's: 'f,
        'l: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let fault = if opts.mode == PutMode::Create { self.next.swap(SOUND, Ordering::SeqCst) } else { SOUND };
            if fault == NOT_DONE {
                return Err(lost());
            }
            if fault == REFUSED {
                return Err(object_store::Error::AlreadyExists { path: location.to_string(), source: "precondition failed".into() });
            }
            let done = self.inner.put_opts(location, payload, opts).await?;
            if fault == ANSWER_LOST { Err(lost()) } else { Ok(done) }
        })
    }

    fn put_multipart_opts<'s, 'l, 'f>(
        &'s self,
        location: &'l ObjectPath,
        opts: PutMultipartOptions,
    ) -> Pending<'f, Result<Box<dyn MultipartUpload>>>
    where
        's: 'f,
        'l: 'f,
        Self: 'f,
    {
        self.inner.put_multipart_opts(location, opts)
    }

    fn get_opts<'s, 'l, 'f>(&'s self, location: &'l ObjectPath, options: GetOptions) -> Pending<'f, Result<GetResult>>
    where
        's: 'f,
        'l: 'f,
        Self: 'f,
    {
        self.inner.get_opts(location, options)
    }

    fn get_ranges<'s, 'l, 'r, 'f>(&'s self, location: &'l ObjectPath, ranges: &'r [Range<u64>]) -> Pending<'f, Result<Vec<Bytes>>>
    where
        's: 'f,
        'l: 'f,
        'r: 'f,
        Self: 'f,
    {
        self.inner.get_ranges(location, ranges)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<ObjectPath>>) -> BoxStream<'static, Result<ObjectPath>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_delimiter<'s, 'p, 'f>(&'s self, prefix: Option<&'p ObjectPath>) -> Pending<'f, Result<ListResult>>
    where
        's: 'f,
        'p: 'f,
        Self: 'f,
    {
        self.inner.list_with_delimiter(prefix)
    }

    fn copy_opts<'s, 'a, 'b, 'f>(&'s self, from: &'a ObjectPath, to: &'b ObjectPath, options: CopyOptions) -> Pending<'f, Result<()>>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        self.inner.copy_opts(from, to, options)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_neither_loses_nor_doubles_a_row() {
    let store = Arc::new(Faulty { inner: InMemory::new(), next: AtomicU8::new(SOUND) });
    let lake = Lake::with_store(store.clone(), Url::parse("memory:///lake/").unwrap());
    let mut table = lake.table(spec()).await.unwrap();
    table.land(&[observations(1, 0..10)]).await.unwrap();

    store.next.store(ANSWER_LOST, Ordering::SeqCst);
    let landed = table.land(&[observations(1, 10..20)]).await.unwrap();
    assert_eq!((landed.rows, landed.version), (10, 2), "it found its own commit");

    store.next.store(NOT_DONE, Ordering::SeqCst);
    let failed = table.land(&[observations(1, 20..30)]).await;
    assert!(matches!(failed, Err(Error::Delta { .. })), "{failed:?}");
    assert_eq!(table.resume_at(1).await.unwrap(), 20);
    let landed = table.land(&[observations(1, 10..30)]).await.unwrap();
    assert_eq!((landed.rows, landed.version), (10, 3));

    let mut other = lake.table(spec()).await.unwrap();
    assert_eq!((other.resume_at(1).await.unwrap(), other.version()), (30, 3));
    let snapshot = deltalake_core::kernel::EagerSnapshot::try_new(&lake.log_store(&spec().channel).unwrap(), None).await.unwrap();
    let rows: usize = snapshot.log_data().iter().filter_map(|file| file.num_records()).sum();
    assert_eq!(rows, 30);
}

#[tokio::test]
async fn a_refusal_of_a_key_that_was_new_does_not_condemn_the_store() {
    for fault in [REFUSED, NOT_DONE, ANSWER_LOST, SOUND] {
        let store = Arc::new(Faulty { inner: InMemory::new(), next: AtomicU8::new(fault) });
        let lake = Lake::with_store(store.clone(), Url::parse("memory:///lake/").unwrap());
        match lake.prove().await {
            Ok(()) => assert!(fault == REFUSED || fault == SOUND),
            // No answer: it could not be tried, and is tried again later.
            Err(Error::Store(_)) => assert!(fault == NOT_DONE || fault == ANSWER_LOST),
            Err(other) => panic!("fault {fault}: {other}"),
        }
        lake.prove().await.unwrap();
    }
}

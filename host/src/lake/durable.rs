//! A local disk as an object store that keeps what it said it kept.
//!
//! `object_store`'s own local store links a file into place before its bytes are on the disk, so that after a power loss
//! a Delta commit may stand there empty. Here every write goes through [`Disk`]: staged, synced, put into place in one
//! atomic step, and made to stay. Reading, listing and deleting are the inner store's.
//!
//! Staging files live in one folder beside the tables, so that no listing of a table ever meets one.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use lienthong_core::ports::Pending;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

use crate::disk::{Disk, Privacy, Staged};

/// A staging file this old belongs to no living writer.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The store. Paths are absolute, as Delta's log store wants them; only what lies under `root` may be written.
#[derive(Debug)]
pub(super) struct DurableFs {
    inner: LocalFileSystem,
    disk: Arc<Disk>,
}

impl DurableFs {
    /// Opens `root`, which must be absolute, and makes it if need be.
    ///
    /// # Errors
    /// The folder cannot be made, synced or listed.
    pub(super) fn open(root: &FsPath) -> io::Result<Self> {
        Ok(Self { inner: LocalFileSystem::new(), disk: Arc::new(Disk::open(root, Privacy::Open, ABANDONED)?) })
    }

    /// After a folder could not be synced, nothing is read either: nobody shall take for kept what may not survive.
    fn usable(&self) -> Result<()> {
        self.disk.usable().map_err(failure)
    }

    fn target(&self, location: &Path) -> Result<PathBuf> {
        self.usable()?;
        let path = self.inner.path_to_filesystem(location)?;
        if path.starts_with(self.disk.root()) {
            Ok(path)
        } else {
            Err(failure(io::Error::new(ErrorKind::PermissionDenied, format!("`{}` is outside the lake", path.display()))))
        }
    }
}

/// Fills a new file, and puts it at `target`.
fn write(disk: &Disk, target: &FsPath, must_be_new: bool, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let (mut file, staged) = disk.stage().map_err(failure)?;
    fill(&mut file)?;
    keep(disk, &file, &staged, target, must_be_new)
}

/// Puts a staged file, synced here first, at `target`.
fn keep(disk: &Disk, file: &File, staged: &Staged, target: &FsPath, must_be_new: bool) -> Result<()> {
    file.sync_all().map_err(failure)?;
    match disk.place(staged, target, must_be_new).map_err(failure)? {
        true => Ok(()),
        false => {
            Err(Error::AlreadyExists { path: target.display().to_string(), source: Box::new(io::Error::from(ErrorKind::AlreadyExists)) })
        }
    }
}

fn failure(error: io::Error) -> Error {
    Error::Generic { store: "lake disk", source: Box::new(error) }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}

impl fmt::Display for DurableFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DurableFs({})", self.disk.root().display())
    }
}

impl ObjectStore for DurableFs {
    fn put_opts<'s, 'l, 'f>(&'s self, location: &'l Path, payload: PutPayload, opts: PutOptions) -> Pending<'f, Result<PutResult>>
    where
        's: 'f,
        'l: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let must_be_new = match opts.mode {
                PutMode::Create => true,
                PutMode::Overwrite => false,
                PutMode::Update(_) => return Err(unsupported("a put on condition of a version")),
            };
            let target = self.target(location)?;
            let disk = self.disk.clone();
            blocking(move || {
                write(&disk, &target, must_be_new, |file| payload.iter().try_for_each(|chunk| file.write_all(chunk)).map_err(failure))
            })
            .await?;
            Ok(PutResult { e_tag: None, version: None })
        })
    }

    fn put_multipart_opts<'s, 'l, 'f>(
        &'s self,
        location: &'l Path,
        _opts: PutMultipartOptions,
    ) -> Pending<'f, Result<Box<dyn MultipartUpload>>>
    where
        's: 'f,
        'l: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let target = self.target(location)?;
            let disk = self.disk.clone();
            let (file, staged) = blocking(move || disk.stage().map_err(failure)).await?;
            let upload = Upload { disk: self.disk.clone(), file: Arc::new(file), staged: Some(staged), target, written_bytes: 0 };
            Ok(Box::new(upload) as Box<dyn MultipartUpload>)
        })
    }

    fn get_opts<'s, 'l, 'f>(&'s self, location: &'l Path, options: GetOptions) -> Pending<'f, Result<GetResult>>
    where
        's: 'f,
        'l: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            self.usable()?;
            self.inner.get_opts(location, options).await
        })
    }

    fn get_ranges<'s, 'l, 'r, 'f>(&'s self, location: &'l Path, ranges: &'r [Range<u64>]) -> Pending<'f, Result<Vec<Bytes>>>
    where
        's: 'f,
        'l: 'f,
        'r: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            self.usable()?;
            self.inner.get_ranges(location, ranges).await
        })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        // A deletion that a power loss undoes leaves a file that no commit names: harmless, so nothing is synced.
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.usable() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => Box::pin(futures::stream::once(async move { Err(error) })),
        }
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.usable() {
            Ok(()) => self.inner.list_with_offset(prefix, offset),
            Err(error) => Box::pin(futures::stream::once(async move { Err(error) })),
        }
    }

    fn list_with_delimiter<'s, 'p, 'f>(&'s self, prefix: Option<&'p Path>) -> Pending<'f, Result<ListResult>>
    where
        's: 'f,
        'p: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            self.usable()?;
            self.inner.list_with_delimiter(prefix).await
        })
    }

    fn copy_opts<'s, 'a, 'b, 'f>(&'s self, from: &'a Path, to: &'b Path, options: CopyOptions) -> Pending<'f, Result<()>>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let (source, target) = (self.target(from)?, self.target(to)?);
            let must_be_new = matches!(options.mode, CopyMode::Create);
            let disk = self.disk.clone();
            blocking(move || {
                let mut from = File::open(&source).map_err(|error| missing(&source, error))?;
                write(&disk, &target, must_be_new, |file| io::copy(&mut from, file).map(drop).map_err(failure))
            })
            .await
        })
    }

    fn rename_opts<'s, 'a, 'b, 'f>(&'s self, from: &'a Path, to: &'b Path, options: RenameOptions) -> Pending<'f, Result<()>>
    where
        's: 'f,
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let (source, target) = (self.target(from)?, self.target(to)?);
            let disk = self.disk.clone();
            blocking(move || {
                if let Some(folder) = target.parent() {
                    disk.keep_folder(folder).map_err(failure)?;
                }
                Ok(())
            })
            .await?;
            self.inner.rename_opts(from, to, options).await?;
            let (disk, folders) = (self.disk.clone(), [self.target(to)?, source]);
            blocking(move || folders.iter().filter_map(|path| path.parent()).try_for_each(|folder| disk.settle(folder)).map_err(failure))
                .await
        })
    }
}

fn unsupported(what: &str) -> Error {
    Error::NotSupported { source: format!("{what} is not possible on a local disk").into() }
}

fn missing(path: &FsPath, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::NotFound { path: path.display().to_string(), source: Box::new(error) },
        _ => failure(error),
    }
}

/// A file that arrives in parts; visible and durable when completed, gone when dropped before.
#[derive(Debug)]
struct Upload {
    disk: Arc<Disk>,
    file: Arc<File>,
    staged: Option<Staged>,
    target: PathBuf,
    written_bytes: u64,
}

impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let mut at = self.written_bytes;
        self.written_bytes += data.content_length() as u64;
        let file = self.file.clone();
        Box::pin(blocking(move || {
            for chunk in &data {
                file.write_all_at(chunk, at).map_err(failure)?;
                at += chunk.len() as u64;
            }
            Ok(())
        }))
    }

    fn complete<'s, 'f>(&'s mut self) -> Pending<'f, Result<PutResult>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let staged = self.staged.take().ok_or_else(|| unsupported("to complete an upload twice"))?;
            let (disk, file, target) = (self.disk.clone(), self.file.clone(), self.target.clone());
            blocking(move || keep(&disk, &file, &staged, &target, false)).await?;
            Ok(PutResult { e_tag: None, version: None })
        })
    }

    fn abort<'s, 'f>(&'s mut self) -> Pending<'f, Result<()>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            drop(self.staged.take());
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, TryStreamExt};
    use object_store::ObjectStoreExt;

    use super::*;

    fn store() -> (tempfile::TempDir, Arc<DurableFs>) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("lake");
        let store = Arc::new(DurableFs::open(&root).unwrap());
        (folder, store)
    }

    fn at(store: &DurableFs, name: &str) -> Path {
        Path::from_absolute_path(store.disk.root().join(name)).unwrap()
    }

    fn create() -> PutOptions {
        PutOptions { mode: PutMode::Create, ..PutOptions::default() }
    }

    async fn text(store: &DurableFs, path: &Path) -> String {
        String::from_utf8(store.get(path).await.unwrap().bytes().await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn what_is_put_can_be_read_listed_replaced_and_deleted() {
        let (_folder, store) = store();
        let (a, b) = (at(&store, "t/_delta_log/0.json"), at(&store, "t/_date=2026-01-02/part.parquet"));
        store.put(&a, "one".into()).await.unwrap();
        store.put(&b, "two".into()).await.unwrap();
        store.put(&a, "three".into()).await.unwrap();
        assert_eq!((text(&store, &a).await, text(&store, &b).await), ("three".into(), "two".into()));
        let table = at(&store, "t");
        let mut found: Vec<Path> = store.list(Some(&table)).map_ok(|meta| meta.location).try_collect().await.unwrap();
        found.sort();
        assert_eq!(found, [b.clone(), a.clone()]);
        store.delete(&a).await.unwrap();
        assert!(matches!(store.get(&a).await, Err(Error::NotFound { .. })));
        assert_eq!(store.disk.staged(), 0);
    }

    #[tokio::test]
    async fn a_put_that_must_be_new_refuses_and_leaves_the_old() {
        let (_folder, store) = store();
        let path = at(&store, "t/1.json");
        store.put_opts(&path, "first".into(), create()).await.unwrap();
        let second = store.put_opts(&path, "second".into(), create()).await;
        assert!(matches!(second, Err(Error::AlreadyExists { .. })), "{second:?}");
        assert_eq!(text(&store, &path).await, "first");
        assert_eq!(store.disk.staged(), 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_many_that_create_one_wins_and_is_whole() {
        let (_folder, store) = store();
        for round in 0..20 {
            let path = at(&store, &format!("t/{round}.json"));
            let tries = (0..8_u8).map(|writer| {
                let (store, path) = (store.clone(), path.clone());
                tokio::spawn(async move { (writer, store.put_opts(&path, vec![b'a' + writer; 4096].into(), create()).await.is_ok()) })
            });
            let won: Vec<u8> = futures::stream::iter(tries)
                .buffer_unordered(8)
                .map(|joined| joined.unwrap())
                .filter_map(|(writer, won)| async move { won.then_some(writer) })
                .collect()
                .await;
            assert_eq!(won.len(), 1);
            assert_eq!(text(&store, &path).await, String::from_utf8(vec![b'a' + won[0]; 4096]).unwrap());
        }
    }

    #[tokio::test]
    async fn a_multipart_upload_shows_only_when_completed() {
        let (_folder, store) = store();
        let path = at(&store, "t/big.parquet");
        let mut upload = store.put_multipart(&path).await.unwrap();
        let (one, two) = (upload.put_part("first ".into()), upload.put_part("second".into()));
        two.await.unwrap();
        one.await.unwrap();
        assert!(store.get(&path).await.is_err());
        upload.complete().await.unwrap();
        assert_eq!(text(&store, &path).await, "first second");
        let mut dropped = store.put_multipart(&at(&store, "t/never")).await.unwrap();
        dropped.put_part("x".into()).await.unwrap();
        drop(dropped);
        assert_eq!(store.disk.staged(), 0);
    }

    #[tokio::test]
    async fn copies_and_renames_can_demand_a_new_target() {
        let (_folder, store) = store();
        let (a, b, c) = (at(&store, "a"), at(&store, "x/b"), at(&store, "y/c"));
        store.put(&a, "a".into()).await.unwrap();
        store.copy_if_not_exists(&a, &b).await.unwrap();
        assert!(matches!(store.copy_if_not_exists(&a, &b).await, Err(Error::AlreadyExists { .. })));
        store.rename_if_not_exists(&a, &c).await.unwrap();
        assert!(store.get(&a).await.is_err());
        assert_eq!((text(&store, &b).await, text(&store, &c).await), ("a".into(), "a".into()));
    }

    #[tokio::test]
    async fn nothing_is_written_outside_the_lake() {
        let (folder, store) = store();
        let outside = Path::from_absolute_path(folder.path().canonicalize().unwrap().join("outside")).unwrap();
        assert!(store.put(&outside, "x".into()).await.is_err());
        assert!(!folder.path().join("outside").exists());
    }

    #[tokio::test]
    async fn after_a_folder_that_could_not_be_synced_nothing_is_believed() {
        let (_folder, store) = store();
        let path = at(&store, "t/0");
        store.put(&path, "x".into()).await.unwrap();
        assert!(store.disk.settle(FsPath::new("/nowhere/at/all")).is_err());
        assert!(store.put(&path, "y".into()).await.is_err());
        assert!(store.get(&path).await.is_err());
        assert!(store.list(None).try_collect::<Vec<_>>().await.is_err());
    }
}

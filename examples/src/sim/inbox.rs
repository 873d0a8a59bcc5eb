//! The file server of an agency's system: puts files into a folder that the hub watches.
//!
//! A file grows under a name that ends in `.part` and gets its own name by a rename, as careful FTP servers do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tokio::io::AsyncWriteExt;

/// A folder that files are put into.
#[derive(Debug, Clone)]
pub struct Inbox {
    folder: PathBuf,
    /// How long a halting upload halts, and the longest wait before a file is sent again.
    pause: Duration,
}

impl Inbox {
    /// Makes the folder if it is not there.
    ///
    /// # Errors
    /// When the folder can not be made.
    pub fn open(folder: &Path, pause: Duration) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned(), pause })
    }

    /// An inbox of that name below a hub's data folder, whose uploads halt for half a second.
    ///
    /// # Errors
    /// When the folder can not be made.
    pub fn below(data: &Path, name: &str) -> anyhow::Result<Self> {
        let folder = data.join("inbox").join(name);
        Self::open(&folder, Duration::from_millis(500)).with_context(|| folder.display().to_string())
    }

    /// Puts a whole file there: it appears under its name complete or not at all.
    ///
    /// # Errors
    /// When the folder takes no file.
    pub async fn put(&self, name: &str, body: &[u8]) -> std::io::Result<()> {
        let part = self.part(name);
        tokio::fs::write(&part, body).await?;
        tokio::fs::rename(&part, self.folder.join(name)).await
    }

    /// Puts a file there whose upload halts in the middle, so that whoever reads too early reads nonsense.
    ///
    /// # Errors
    /// When the folder takes no file.
    pub async fn put_halting(&self, name: &str, body: &[u8]) -> std::io::Result<()> {
        let (first, rest) = body.split_at(body.len() / 2);
        let part = self.part(name);
        let mut file = tokio::fs::File::create(&part).await?;
        file.write_all(first).await?;
        file.flush().await?;
        tokio::time::sleep(self.pause).await;
        file.write_all(rest).await?;
        file.flush().await?;
        drop(file);
        tokio::fs::rename(&part, self.folder.join(name)).await
    }

    /// Puts a file there, and the same one again when it was taken.
    ///
    /// # Errors
    /// When the folder takes no file.
    pub async fn put_twice(&self, name: &str, body: &[u8]) -> std::io::Result<()> {
        self.put(name, body).await?;
        self.taken(name).await;
        self.put(name, body).await
    }

    /// Files that nobody took yet, unfinished ones included, in words.
    ///
    /// # Errors
    /// When the folder can not be read.
    pub fn waiting(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            // A file may be taken away between the listing and the look at it.
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                names.push(format!("the file {} was not taken from its inbox", entry.file_name().to_string_lossy()));
            }
        }
        names.sort();
        Ok(names)
    }

    fn part(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.part"))
    }

    /// Waits until a file was taken, but no longer than ten pauses: a file that is still there is simply written over.
    async fn taken(&self, name: &str) {
        for _ in 0..10 {
            tokio::time::sleep(self.pause).await;
            if !self.folder.join(name).exists() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_appear_complete_and_under_their_own_names() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(&folder.path().join("air"), Duration::from_millis(1)).unwrap();
        let body = "Đèo Bảo Lộc\n".repeat(1000);
        inbox.put("a.txt", body.as_bytes()).await.unwrap();
        inbox.put_halting("b.txt", body.as_bytes()).await.unwrap();
        inbox.put_twice("c.txt", body.as_bytes()).await.unwrap();
        let waiting = inbox.waiting().unwrap();
        assert_eq!(waiting.len(), 3);
        assert_eq!(waiting[0], "the file a.txt was not taken from its inbox");
        for name in ["a.txt", "b.txt", "c.txt"] {
            assert_eq!(std::fs::read_to_string(folder.path().join("air").join(name)).unwrap(), body);
        }
    }

    #[tokio::test]
    async fn a_halting_file_has_no_name_of_its_own_before_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(folder.path(), Duration::from_secs(3600)).unwrap();
        let part = folder.path().join("a.txt.part");
        let sending = inbox.put_halting("a.txt", b"first half, other half");
        let seen = async {
            while !std::fs::metadata(&part).is_ok_and(|meta| meta.len() == 11) {
                tokio::task::yield_now().await;
            }
            folder.path().join("a.txt").exists()
        };
        tokio::select! {
            _ = sending => panic!("it did not halt"),
            whole = seen => assert!(!whole),
        }
    }

    #[tokio::test]
    async fn what_was_taken_is_put_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(folder.path(), Duration::from_millis(1)).unwrap();
        let taken = async {
            // The first one is taken as soon as it is there, the second one stays.
            while std::fs::remove_file(folder.path().join("a.txt")).is_err() {
                tokio::task::yield_now().await;
            }
        };
        let (sent, ()) = tokio::join!(inbox.put_twice("a.txt", b"x"), taken);
        sent.unwrap();
        assert_eq!(inbox.waiting().unwrap().len(), 1);
    }
}

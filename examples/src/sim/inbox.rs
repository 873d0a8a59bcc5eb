//! The file server of the stations: puts files into a folder that the hub watches.
//!
//! A file grows under a name that ends in `.part` and gets its own name by a rename, as careful FTP servers do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::round::{Delivery, Manner};

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

    /// Delivers one file of a station in its manner.
    ///
    /// # Errors
    /// When the folder takes no file.
    pub async fn deliver(&self, delivery: &Delivery) -> std::io::Result<()> {
        match delivery.manner {
            Manner::Whole => self.put(&delivery.name, &delivery.body).await,
            Manner::Halting => {
                // In the middle of a line, so that whoever reads too early reads nonsense.
                let (first, rest) = delivery.body.split_at(delivery.body.len() / 2);
                let part = self.folder.join(format!("{}.part", delivery.name));
                let mut file = tokio::fs::File::create(&part).await?;
                file.write_all(first).await?;
                file.flush().await?;
                tokio::time::sleep(self.pause).await;
                file.write_all(rest).await?;
                file.flush().await?;
                drop(file);
                tokio::fs::rename(&part, self.folder.join(&delivery.name)).await
            }
            Manner::Twice => {
                self.put(&delivery.name, &delivery.body).await?;
                self.taken(&delivery.name).await;
                self.put(&delivery.name, &delivery.body).await
            }
        }
    }

    /// Puts a whole file there: it appears under its name complete or not at all.
    ///
    /// # Errors
    /// When the folder takes no file.
    pub async fn put(&self, name: &str, body: &[u8]) -> std::io::Result<()> {
        let part = self.folder.join(format!("{name}.part"));
        tokio::fs::write(&part, body).await?;
        tokio::fs::rename(&part, self.folder.join(name)).await
    }

    /// Names of files that nobody took yet, unfinished ones included.
    ///
    /// # Errors
    /// When the folder can not be read.
    pub fn waiting(&self) -> std::io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            // A file may be taken away between the listing and the look at it.
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
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
    use super::super::round::round;
    use super::*;

    #[tokio::test]
    async fn files_appear_complete_and_under_their_own_names() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(&folder.path().join("air"), Duration::from_millis(1)).unwrap();
        let deliveries = round(3, 5_984_673);
        for delivery in &deliveries {
            inbox.deliver(delivery).await.unwrap();
        }
        let mut expected: Vec<_> = deliveries.iter().map(|delivery| delivery.name.clone()).collect();
        expected.sort();
        assert_eq!(inbox.waiting().unwrap(), expected);
        for delivery in &deliveries {
            assert_eq!(std::fs::read(folder.path().join("air").join(&delivery.name)).unwrap(), delivery.body);
        }
    }

    #[tokio::test]
    async fn a_halting_file_has_no_name_of_its_own_before_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::open(folder.path(), Duration::from_secs(3600)).unwrap();
        let mut delivery = round(3, 5_984_673).remove(0);
        delivery.manner = Manner::Halting;
        let part = folder.path().join(format!("{}.part", delivery.name));
        let half = (delivery.body.len() / 2) as u64;
        let sending = inbox.deliver(&delivery);
        let seen = async {
            while !std::fs::metadata(&part).is_ok_and(|meta| meta.len() == half) {
                tokio::task::yield_now().await;
            }
            folder.path().join(&delivery.name).exists()
        };
        tokio::select! {
            _ = sending => panic!("it did not halt"),
            whole = seen => assert!(!whole),
        }
    }
}

//! The demonstration's data folder: emptied at each start, and only if it is its own.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::Context;

/// Says that a folder was made by the demonstration and may be emptied by it.
const MARK: &str = ".lienthong-demo";

/// What the hub compiled plugins to, by their hashes: it holds nothing of a run, and saves the next one seconds.
const CACHE: &str = "cache";

/// Makes an empty folder for a run, but for the compiled plugins of the one before.
///
/// # Errors
/// When the folder holds what the demonstration did not make, or can not be written.
pub fn prepare(data: &Path) -> anyhow::Result<()> {
    let at = || format!("the data folder {}", data.display());
    let occupied = match std::fs::read_dir(data) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(error).with_context(at),
    };
    if occupied {
        anyhow::ensure!(
            data.join(MARK).exists(),
            "{} is not empty and was not made by the demo; give another folder with --data, or empty it yourself",
            data.display()
        );
        if let Ok(stream) = std::os::unix::net::UnixStream::connect(data.join("hub.sock")) {
            drop(stream);
            anyhow::bail!("a hub is running on {}; stop it first (SIGTERM), or give another folder with --data", data.display());
        }
        for entry in std::fs::read_dir(data).with_context(at)? {
            let entry = entry.with_context(at)?;
            if entry.file_name() == CACHE {
                continue;
            }
            let path = entry.path();
            let removed =
                if entry.file_type().with_context(at)?.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            removed.with_context(|| path.display().to_string())?;
        }
    }
    std::fs::create_dir_all(data).with_context(at)?;
    std::fs::DirBuilder::new().mode(0o700).create(data.join("keys")).with_context(at)?;
    std::fs::write(data.join(MARK), "Made by the demo, and emptied when it starts again.\n").with_context(at)
}

/// Writes the headers that `curl -H @file` sends: a key, and the media types its holder posts and accepts. Readable by the owner alone.
///
/// # Errors
/// When the file can not be written.
pub fn write_key(data: &Path, name: &str, key: &str, accept: &str) -> anyhow::Result<()> {
    let path = data.join("keys").join(name);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| path.display().to_string())?;
    write!(file, "Authorization: Bearer {key}\nContent-Type: application/json\nAccept: {accept}\n")
        .with_context(|| path.display().to_string())
}

/// Copies a city's files, and sets other addresses for some that stand in them: each with what takes its place.
///
/// # Errors
/// When the city can not be read or the copy not written.
pub fn copy_city(from: &Path, to: &Path, moved: &[(SocketAddr, SocketAddr)]) -> anyhow::Result<()> {
    std::fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in std::fs::read_dir(from).with_context(|| format!("the city {}", from.display()))? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "plugins" {
                copy_city(&path, &target, moved)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let text = moved.iter().fold(text, |text, (old, new)| text.replace(&old.to_string(), &new.to_string()));
            std::fs::write(&target, text).with_context(|| target.display().to_string())?;
        } else {
            std::fs::copy(&path, &target).with_context(|| target.display().to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_a_folder_of_its_own_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a/demo");
        prepare(&data).unwrap();
        std::fs::create_dir_all(data.join("cache/plugins")).unwrap();
        std::fs::create_dir_all(data.join("lake/old")).unwrap();
        std::fs::write(data.join("old"), "").unwrap();
        prepare(&data).unwrap();
        assert!(!data.join("old").exists() && !data.join("lake").exists());
        assert!(data.join("cache/plugins").exists() && data.join("keys").exists());

        let foreign = folder.path().join("thesis");
        std::fs::create_dir(&foreign).unwrap();
        std::fs::write(foreign.join("chapter-1"), "").unwrap();
        assert!(prepare(&foreign).unwrap_err().to_string().contains("was not made by the demo"));
        assert!(foreign.join("chapter-1").exists());
    }

    #[test]
    fn a_running_hub_is_not_pulled_away() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("demo");
        prepare(&data).unwrap();
        let _hub = std::os::unix::net::UnixListener::bind(data.join("hub.sock")).unwrap();
        assert!(prepare(&data).unwrap_err().to_string().starts_with("a hub is running on"));
    }

    #[test]
    fn keys_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("demo");
        prepare(&data).unwrap();
        write_key(&data, "operator", "lt_x", "*/*").unwrap();
        let path = data.join("keys/operator");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(std::fs::read_to_string(path).unwrap().starts_with("Authorization: Bearer lt_x\n"));
    }

    #[test]
    fn a_copied_city_has_the_other_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::create_dir_all(from.join("schemas/x")).unwrap();
        std::fs::create_dir_all(from.join("plugins")).unwrap();
        std::fs::write(from.join("transport.yaml"), "url: http://127.0.0.1:8790/gtfs.zip\nlisten: 127.0.0.1:2575\n").unwrap();
        std::fs::write(from.join("schemas/x/y.v1.json"), "{}").unwrap();
        let moved = [("127.0.0.1:8790", "127.0.0.1:4321"), ("127.0.0.1:2575", "127.0.0.1:4322")];
        copy_city(&from, &to, &moved.map(|(old, new)| (old.parse().unwrap(), new.parse().unwrap()))).unwrap();
        let copied = std::fs::read_to_string(to.join("transport.yaml")).unwrap();
        assert_eq!(copied, "url: http://127.0.0.1:4321/gtfs.zip\nlisten: 127.0.0.1:4322\n");
        assert!(to.join("schemas/x/y.v1.json").exists() && !to.join("plugins").exists());
    }
}

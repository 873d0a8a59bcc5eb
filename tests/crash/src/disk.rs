//! A disk as POSIX promises it and no better. What was synced is there; what was written and not synced is there, or is not,
//! or is there in part, sector by sector; and a name is there once its folder was synced. After a sync that failed, what it
//! was to keep may never come to the disk, though the running system still shows it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use lienthong_tests::chance::Chance;

use crate::journal::Event;

/// What a disk writes whole or not at all, bytes.
const SECTOR: u64 = 512;

type FileId = usize;

#[derive(Debug, Clone)]
enum Change {
    Write { place: u64, bytes: Vec<u8> },
    Resize(u64),
}

#[derive(Debug, Default, Clone)]
struct File {
    /// As the running system shows it.
    shown: Vec<u8>,
    /// What is on the disk for sure.
    kept: Vec<u8>,
    /// What came since, each with its number.
    loose: Vec<(u64, Change)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    File(FileId),
    Folder,
}

#[derive(Debug, Clone)]
enum Naming {
    Put(PathBuf, Entry),
    Move { from: PathBuf, to: PathBuf, entry: Entry },
    Drop(PathBuf),
}

/// How much of what was not synced a power cut leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing.
    Nothing,
    /// Everything up to a moment, the last of it torn.
    UpToAMoment,
    /// Any of it, whatever the order.
    Anything,
}

/// The disk, up to some event of the journal.
#[derive(Debug, Default)]
pub struct Disk {
    root: PathBuf,
    files: Vec<File>,
    by_inode: BTreeMap<u64, FileId>,
    shown: BTreeMap<PathBuf, Entry>,
    kept: BTreeMap<PathBuf, Entry>,
    loose: Vec<(u64, Naming)>,
    syncs: BTreeMap<u64, (Target, u64)>,
    events: u64,
}

#[derive(Debug)]
enum Target {
    File(FileId),
    Folder(PathBuf),
    Nothing,
}

impl Disk {
    /// An empty folder.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), ..Self::default() }
    }

    /// What happens next.
    pub fn happens(&mut self, event: &Event<'_>) {
        self.events += 1;
        match event {
            Event::Open { path, inode, emptied } => {
                if let Some(Entry::File(id)) = self.shown.get(path)
                    && self.by_inode.get(inode) == Some(id)
                {
                    if *emptied {
                        self.change(*inode, Change::Resize(0));
                    }
                    return;
                }
                // Inodes are given again; files of old ones may still be on the disk.
                self.files.push(File::default());
                let entry = Entry::File(self.files.len() - 1);
                self.by_inode.insert(*inode, self.files.len() - 1);
                self.name(Naming::Put(path.clone(), entry));
            }
            Event::Write { inode, place, bytes } => self.change(*inode, Change::Write { place: *place, bytes: bytes.to_vec() }),
            Event::Resize { inode, length } => self.change(*inode, Change::Resize(*length)),
            Event::SyncBegins { inode, folder, name } => {
                let target = match folder {
                    Some(folder) => Target::Folder(folder.clone()),
                    None => self.by_inode.get(inode).map_or(Target::Nothing, |id| Target::File(*id)),
                };
                self.syncs.insert(*name, (target, self.events));
            }
            Event::SyncEnds { name, well } => match self.syncs.remove(name) {
                Some((Target::File(id), since)) => self.files[id].synced(since, *well),
                Some((Target::Folder(folder), since)) if *well => self.keep_names(&folder, since),
                _ => {}
            },
            Event::Link { from, to } => {
                if let Some(entry) = self.shown.get(from).cloned() {
                    self.name(Naming::Put(to.clone(), entry));
                }
            }
            Event::Rename { from, to } => {
                if let Some(entry) = self.shown.get(from).cloned() {
                    self.name(Naming::Move { from: from.clone(), to: to.clone(), entry });
                }
            }
            Event::Unlink { path } | Event::RemoveFolder { path } => self.name(Naming::Drop(path.clone())),
            Event::MakeFolder { path } => self.name(Naming::Put(path.clone(), Entry::Folder)),
        }
    }

    fn change(&mut self, inode: u64, change: Change) {
        let Some(id) = self.by_inode.get(&inode) else { return };
        let file = &mut self.files[*id];
        change.apply(&mut file.shown);
        file.loose.push((self.events, change));
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.shown);
        self.loose.push((self.events, naming));
    }

    fn keep_names(&mut self, folder: &Path, since: u64) {
        let (kept, loose) = std::mem::take(&mut self.loose).into_iter().partition(|(event, naming)| *event < since && naming.is_in(folder));
        self.loose = loose;
        let kept: Vec<(u64, Naming)> = kept;
        kept.iter().for_each(|(_, naming)| naming.apply(&mut self.kept));
    }

    /// What the running system shows, without what is nobody's to keep: paths below the root, with their bytes.
    pub fn shown(&self) -> BTreeMap<PathBuf, &[u8]> {
        let files = self.shown.iter().filter_map(|(path, entry)| match entry {
            Entry::File(id) => Some((path.strip_prefix(&self.root).ok()?.to_owned(), &self.files[*id].shown[..])),
            Entry::Folder => None,
        });
        files.filter(|(path, _)| is_kept(path)).collect()
    }

    /// Writes into a folder what a cut at this moment leaves. Answers how many writes were torn.
    pub fn cut(&self, how: Cut, chance: &mut Chance, into: &Path) -> io::Result<u64> {
        let last = match how {
            Cut::Nothing => 0,
            Cut::UpToAMoment => self.first_loose() + chance.below(self.events + 1 - self.first_loose().min(self.events)),
            Cut::Anything => u64::MAX,
        };
        let share = [1, 5, 9][chance.below(3) as usize];
        let survives = |event: u64, chance: &mut Chance| match how {
            Cut::Nothing => false,
            Cut::UpToAMoment => event <= last,
            Cut::Anything => chance.below(10) < share,
        };
        let mut names = self.kept.clone();
        for (event, naming) in &self.loose {
            if survives(*event, chance) {
                naming.apply(&mut names);
            }
        }
        let mut torn = 0;
        std::fs::create_dir_all(into)?;
        // In the order of their names folders come before what is in them.
        for (path, entry) in &names {
            let Ok(below) = path.strip_prefix(&self.root) else { continue };
            let target = into.join(below);
            if !is_kept(below) || !target.parent().is_some_and(Path::is_dir) {
                continue;
            }
            let Entry::File(id) = entry else {
                std::fs::create_dir_all(&target)?;
                continue;
            };
            let file = &self.files[*id];
            let mut content = file.kept.clone();
            for (event, change) in &file.loose {
                if !survives(*event, chance) {
                    continue;
                }
                let tears = how == Cut::UpToAMoment && *event == last || how == Cut::Anything && chance.below(2) == 0;
                torn += u64::from(tears && change.tear(how, &mut content, chance));
                if !tears {
                    change.apply(&mut content);
                }
            }
            std::fs::write(&target, content)?;
        }
        Ok(torn)
    }

    fn first_loose(&self) -> u64 {
        let files = self.files.iter().filter_map(|file| file.loose.first()).map(|(event, _)| *event);
        files.chain(self.loose.first().map(|(event, _)| *event)).min().unwrap_or(self.events)
    }
}

/// Not the index of a WAL, which is memory, nor machine code and ballast, which are made again.
pub fn is_kept(below: &Path) -> bool {
    !["cache", "ballast"].iter().any(|made_again| below.starts_with(made_again))
        && below.extension().is_none_or(|extension| extension != "db-shm")
}

impl File {
    /// A sync ended that saw everything before `since`.
    fn synced(&mut self, since: u64, well: bool) {
        let (seen, loose) = std::mem::take(&mut self.loose).into_iter().partition(|(event, _)| *event < since);
        self.loose = loose;
        let seen: Vec<(u64, Change)> = seen;
        if well {
            seen.iter().for_each(|(_, change)| change.apply(&mut self.kept));
        }
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Resize(length) => content.resize(*length as usize, 0),
            Self::Write { place, bytes } => put(content, *place, bytes),
        }
    }

    /// Only some of its sectors come to the disk. Answers whether any was left out.
    fn tear(&self, how: Cut, content: &mut Vec<u8>, chance: &mut Chance) -> bool {
        let Self::Write { place, bytes } = self else {
            self.apply(content);
            return false;
        };
        let (mut at, end) = (*place, place + bytes.len() as u64);
        let mut left_out = false;
        while at < end {
            let next = (at / SECTOR + 1) * SECTOR;
            let next = next.min(end);
            if left_out && how == Cut::UpToAMoment || chance.below(2) == 0 {
                left_out = true;
            } else {
                put(content, at, &bytes[(at - place) as usize..(next - place) as usize]);
            }
            at = next;
        }
        left_out
    }
}

fn put(content: &mut Vec<u8>, place: u64, bytes: &[u8]) {
    let (place, end) = (place as usize, place as usize + bytes.len());
    if content.len() < end {
        content.resize(end, 0);
    }
    content[place..end].copy_from_slice(bytes);
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Entry>) {
        match self {
            Self::Put(path, entry) => drop(names.insert(path.clone(), entry.clone())),
            Self::Move { from, to, entry } => {
                names.remove(from);
                names.insert(to.clone(), entry.clone());
            }
            Self::Drop(path) => drop(names.remove(path)),
        }
    }

    /// Whether a sync of this folder keeps it.
    fn is_in(&self, folder: &Path) -> bool {
        match self {
            Self::Put(path, _) | Self::Drop(path) | Self::Move { to: path, .. } => path.parent() == Some(folder),
        }
    }
}

//! Where the numbers are, which folder is meant, and which of a process's files lie in it.

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

use crate::control::{self, Number};
use crate::record;

static NUMBERS: AtomicPtr<AtomicI64> = AtomicPtr::new(ptr::null_mut());
static ROOT: OnceLock<Vec<u8>> = OnceLock::new();

#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOADING: extern "C" fn() = begin;

extern "C" fn begin() {
    let (Some(control), Some(root)) = (variable(control::CONTROL), variable(control::ROOT)) else { return };
    // SAFETY: a file that the trial made, of the size that is mapped.
    unsafe {
        let fd = libc::syscall(libc::SYS_openat, libc::AT_FDCWD, control.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) as c_int;
        let page = libc::mmap(ptr::null_mut(), control::SIZE_BYTES as usize, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, fd, 0);
        if fd < 0 || page == libc::MAP_FAILED {
            // A trial without its faults would pass for nothing.
            libc::abort();
        }
        NUMBERS.store(page.cast(), Ordering::Release);
    }
    let _ = ROOT.set(root.to_bytes().to_vec());
    if let Some(journal) = variable(control::JOURNAL) {
        record::begin(journal);
    }
}

fn variable(name: &str) -> Option<&'static CStr> {
    let mut text = [0_u8; 64];
    text[..name.len()].copy_from_slice(name.as_bytes());
    // SAFETY: the name ends with a zero; nobody sets variables while the process is being loaded.
    unsafe {
        let value = libc::getenv(text.as_ptr().cast());
        (!value.is_null()).then(|| CStr::from_ptr(value))
    }
}

/// One of the numbers; none where nothing is to be interfered with.
pub fn number(which: Number) -> Option<&'static AtomicI64> {
    let numbers = NUMBERS.load(Ordering::Acquire);
    // SAFETY: the page is mapped for good and has room for each of them.
    (!numbers.is_null()).then(|| unsafe { &*numbers.add(which as usize) })
}

/// Its value, zero where nothing is to be interfered with.
pub fn value(which: Number) -> i64 {
    number(which).map_or(0, |number| number.load(Ordering::Relaxed))
}

/// Counts one more.
pub fn count(which: Number) {
    if let Some(number) = number(which) {
        number.fetch_add(1, Ordering::Relaxed);
    }
}

/// Fails as a system call does.
pub fn fail(errno: c_int) -> isize {
    // SAFETY: the calling thread's own.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// A file or folder of the root.
pub struct Known {
    /// Its inode.
    pub inode: u64,
    /// Its length.
    pub size: i64,
    /// Where it is.
    pub path: Vec<u8>,
    /// It is a folder.
    pub is_folder: bool,
}

/// What an open file is, if it is of the root. Asks nothing else of files that are none, so that it may be called anywhere.
pub fn known(fd: c_int) -> Option<Known> {
    let root = ROOT.get()?;
    // SAFETY: `fstat` fills what it is given.
    let meta = unsafe {
        let mut meta = std::mem::zeroed::<libc::stat>();
        (libc::fstat(fd, &mut meta) == 0).then_some(meta)
    }?;
    let is_folder = meta.st_mode & libc::S_IFMT == libc::S_IFDIR;
    if !is_folder && meta.st_mode & libc::S_IFMT != libc::S_IFREG {
        return None;
    }
    let path = path_of(fd)?;
    path.starts_with(root).then_some(Known { inode: meta.st_ino, size: meta.st_size, path, is_folder })
}

fn path_of(fd: c_int) -> Option<Vec<u8>> {
    let link = format!("/proc/self/fd/{fd}\0");
    let mut path = vec![0_u8; 4096];
    // SAFETY: the link's name ends with a zero, and no more is written than there is room for.
    let length = unsafe { libc::syscall(libc::SYS_readlinkat, libc::AT_FDCWD, link.as_ptr(), path.as_mut_ptr(), path.len()) };
    path.truncate(usize::try_from(length).ok()?);
    Some(path)
}

/// The absolute path that a call named, if it lies in the root.
///
/// # Safety
/// `path` ends with a zero.
pub unsafe fn named(folder: c_int, path: *const c_char) -> Option<Vec<u8>> {
    let root = ROOT.get()?;
    if path.is_null() {
        return None;
    }
    // SAFETY: by the caller's word.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    let whole = match path.first() {
        Some(b'/') => path.to_vec(),
        _ if folder == libc::AT_FDCWD => return None,
        _ => [&path_of(folder)?[..], b"/", path].concat(),
    };
    OsStr::from_bytes(&whole).as_bytes().starts_with(root).then_some(whole)
}

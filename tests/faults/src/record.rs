//! Keeps the journal. What changes a file holds the turn until it is kept, so that the journal's order is the order of things.

use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::journal::{HEAD_BYTES, Kind};

static JOURNAL: AtomicI32 = AtomicI32::new(-1);
static TURN: Mutex<()> = Mutex::new(());

/// One change at a time.
pub fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens the journal.
pub fn begin(path: &CStr) {
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC;
    // SAFETY: an open of a path that ends with a zero.
    let fd = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) } as c_int;
    if fd < 0 {
        // SAFETY: ends the process. A trial without its journal would pass for nothing.
        unsafe { libc::abort() };
    }
    JOURNAL.store(fd, Ordering::Release);
}

/// Keeps one thing that happened.
pub fn keep(kind: Kind, number: u64, place: u64, path: &[u8], bytes: &[u8]) {
    let fd = JOURNAL.load(Ordering::Acquire);
    if fd < 0 {
        return;
    }
    let mut record = Vec::with_capacity(HEAD_BYTES + path.len() + bytes.len());
    record.push(kind as u8);
    record.extend(number.to_le_bytes());
    record.extend(place.to_le_bytes());
    record.extend((path.len() as u32).to_le_bytes());
    record.extend((bytes.len() as u32).to_le_bytes());
    record.extend(path);
    record.extend(bytes);
    // SAFETY: the record is as long as is said. A file that is only appended to takes all of it at once or is full.
    let written = unsafe { libc::syscall(libc::SYS_write, fd, record.as_ptr(), record.len()) };
    if written != record.len() as i64 {
        // SAFETY: ends the process.
        unsafe { libc::abort() };
    }
}

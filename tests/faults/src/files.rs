//! What is written to files, cut off them, and synced.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use libc::{iovec, off_t, size_t, ssize_t};

use crate::control::Number;
use crate::journal::Kind;
use crate::record::{keep, turn};
use crate::state::{count, fail, known, number, value};

/// Names syncs.
static SYNCS: AtomicU64 = AtomicU64::new(0);

/// By how much a file may grow that wants to grow by so much; none when not at all.
pub fn grant(wanted: i64) -> Option<i64> {
    if wanted <= 0 || value(Number::SpaceEnds) == 0 {
        return Some(wanted);
    }
    let left = value(Number::SpaceLeft);
    if left <= 0 {
        count(Number::RefusedWrites);
        return None;
    }
    let granted = wanted.min(left);
    if let Some(space) = number(Number::SpaceLeft) {
        space.fetch_sub(granted, Ordering::Relaxed);
    }
    Some(granted)
}

/// Writes at a place, or where the file is (`None`).
unsafe fn put(fd: c_int, bytes: *const c_void, length: size_t, place: Option<off_t>) -> ssize_t {
    let write = |length: size_t| {
        // SAFETY: the caller's arguments, or fewer bytes than came.
        let written = unsafe {
            match place {
                Some(place) => libc::syscall(libc::SYS_pwrite64, fd, bytes, length, place),
                None => libc::syscall(libc::SYS_write, fd, bytes, length),
            }
        };
        written as ssize_t
    };
    if known(fd).is_none() {
        return write(length);
    }
    let _turn = turn();
    // Again, now that nobody else changes it.
    let Some(file) = known(fd) else { return write(length) };
    // SAFETY: asks where the file is, and how it was opened.
    let (at, flags) = unsafe { (libc::syscall(libc::SYS_lseek, fd, 0, libc::SEEK_CUR), libc::fcntl(fd, libc::F_GETFL)) };
    let start = place.unwrap_or(if flags & libc::O_APPEND != 0 { file.size } else { at });
    let growth = (start + length as i64 - file.size).max(0);
    let Some(granted) = grant(growth) else { return fail(libc::ENOSPC) };
    let length = length - (growth - granted) as size_t;
    let written = write(length);
    if written > 0 {
        // SAFETY: so many bytes were just read from there.
        let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), written as usize) };
        keep(Kind::Write, file.inode, start as u64, &[], bytes);
    }
    written
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, length: size_t) -> ssize_t {
    unsafe { put(fd, bytes, length, None) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, bytes: *const c_void, length: size_t, place: off_t) -> ssize_t {
    unsafe { put(fd, bytes, length, Some(place)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, bytes: *const c_void, length: size_t, place: off_t) -> ssize_t {
    unsafe { put(fd, bytes, length, Some(place)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, pieces: *const iovec, number: c_int) -> ssize_t {
    if known(fd).is_none() {
        return unsafe { libc::syscall(libc::SYS_writev, fd, pieces, number) } as ssize_t;
    }
    // Its first piece is a write too, a shorter one.
    let pieces = unsafe { std::slice::from_raw_parts(pieces, number as usize) };
    match pieces.iter().find(|piece| piece.iov_len > 0) {
        Some(piece) => unsafe { put(fd, piece.iov_base, piece.iov_len, None) },
        None => 0,
    }
}

/// Copying within the kernel would pass the journal by: whoever asks for it can do without.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_file_range(
    from: c_int,
    from_place: *mut off_t,
    to: c_int,
    to_place: *mut off_t,
    length: size_t,
    flags: u32,
) -> ssize_t {
    if known(to).is_some() {
        return fail(libc::ENOSYS);
    }
    unsafe { libc::syscall(libc::SYS_copy_file_range, from, from_place, to, to_place, length, flags) as ssize_t }
}

unsafe fn resize(fd: c_int, length: off_t) -> c_int {
    let resize = || unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) } as c_int;
    let Some(file) = known(fd) else { return resize() };
    let _turn = turn();
    if length > file.size && value(Number::SpaceEnds) != 0 && value(Number::SpaceLeft) <= 0 {
        count(Number::RefusedWrites);
        return fail(libc::ENOSPC) as c_int;
    }
    let answer = resize();
    if answer == 0 {
        keep(Kind::Resize, file.inode, length as u64, &[], &[]);
    }
    answer
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    unsafe { resize(fd, length) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(fd: c_int, length: off_t) -> c_int {
    unsafe { resize(fd, length) }
}

unsafe fn sync(fd: c_int, call: libc::c_long) -> c_int {
    let sync = || unsafe { libc::syscall(call, fd) } as c_int;
    let Some(file) = known(fd) else { return sync() };
    count(Number::Syncs);
    let name = SYNCS.fetch_add(1, Ordering::Relaxed);
    let path = if file.is_folder { &file.path[..] } else { &[] };
    {
        let _turn = turn();
        keep(Kind::SyncBegins, file.inode, name, path, &[]);
    }
    let longer = value(Number::SyncTakes);
    if longer > 0 {
        std::thread::sleep(Duration::from_micros(longer.unsigned_abs()));
    }
    let fails = number(Number::SyncFailsIn).is_some_and(|left| {
        let step = |left: i64| (left > 0).then(|| left - 1);
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step) == Ok(1)
    });
    let answer = if fails {
        count(Number::FailedSyncs);
        -1
    } else {
        sync()
    };
    {
        let _turn = turn();
        keep(Kind::SyncEnds, u64::from(answer == 0), name, &[], &[]);
    }
    if fails { fail(libc::EIO) as c_int } else { answer }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    unsafe { sync(fd, libc::SYS_fsync) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    unsafe { sync(fd, libc::SYS_fdatasync) }
}

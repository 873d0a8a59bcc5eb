//! What gives names to files and folders, and takes them away.

use std::ffi::{c_char, c_int};

use libc::mode_t;

use crate::control::Number;
use crate::files::grant;
use crate::journal::Kind;
use crate::record::{keep, turn};
use crate::state::{fail, known, named, value};

unsafe fn opened(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let open = || unsafe { libc::syscall(libc::SYS_openat, folder, path, flags, mode) } as c_int;
    if flags & (libc::O_CREAT | libc::O_TRUNC) == 0 || unsafe { named(folder, path) }.is_none() {
        return open();
    }
    let _turn = turn();
    if flags & libc::O_CREAT != 0
        && value(Number::SpaceEnds) != 0
        && unsafe { libc::syscall(libc::SYS_faccessat, folder, path, libc::F_OK) } != 0
        && grant(1).is_none()
    {
        return fail(libc::ENOSPC) as c_int;
    }
    let fd = open();
    if let Some(file) = (fd >= 0).then(|| known(fd)).flatten() {
        keep(Kind::Open, file.inode, u64::from(flags & libc::O_TRUNC != 0), &file.path, &[]);
    }
    fd
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    unsafe { opened(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    unsafe { opened(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    unsafe { opened(folder, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat64(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    unsafe { opened(folder, path, flags, mode) }
}

/// A call about one path or two, kept if it went well. What gives a name takes space.
unsafe fn rename_or_link(
    kind: Kind,
    (from_folder, from): (c_int, *const c_char),
    (to_folder, to): (c_int, *const c_char),
    call: impl FnOnce() -> libc::c_long,
) -> c_int {
    let (from, to) = unsafe { (named(from_folder, from), named(to_folder, to)) };
    let (Some(from), Some(to)) = (from, to) else { return call() as c_int };
    let _turn = turn();
    if kind == Kind::Link && grant(1).is_none() {
        return fail(libc::ENOSPC) as c_int;
    }
    let answer = call() as c_int;
    if answer == 0 {
        keep(kind, 0, 0, &from, &to);
    }
    answer
}

unsafe fn renamed(from_folder: c_int, from: *const c_char, to_folder: c_int, to: *const c_char, flags: u32) -> c_int {
    let call = || unsafe { libc::syscall(libc::SYS_renameat2, from_folder, from, to_folder, to, flags) };
    unsafe { rename_or_link(Kind::Rename, (from_folder, from), (to_folder, to), call) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    unsafe { renamed(libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat(from_folder: c_int, from: *const c_char, to_folder: c_int, to: *const c_char) -> c_int {
    unsafe { renamed(from_folder, from, to_folder, to, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat2(from_folder: c_int, from: *const c_char, to_folder: c_int, to: *const c_char, flags: u32) -> c_int {
    unsafe { renamed(from_folder, from, to_folder, to, flags) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    unsafe { linkat(libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn linkat(from_folder: c_int, from: *const c_char, to_folder: c_int, to: *const c_char, flags: c_int) -> c_int {
    let call = || unsafe { libc::syscall(libc::SYS_linkat, from_folder, from, to_folder, to, flags) };
    unsafe { rename_or_link(Kind::Link, (from_folder, from), (to_folder, to), call) }
}

/// A call about one path, kept if it went well.
unsafe fn one(kind: Kind, folder: c_int, path: *const c_char, call: impl FnOnce() -> libc::c_long) -> c_int {
    let Some(path) = (unsafe { named(folder, path) }) else { return call() as c_int };
    let _turn = turn();
    if kind == Kind::MakeFolder && grant(1).is_none() {
        return fail(libc::ENOSPC) as c_int;
    }
    let answer = call() as c_int;
    if answer == 0 {
        keep(kind, 0, 0, &path, &[]);
    }
    answer
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    unsafe { unlinkat(libc::AT_FDCWD, path, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    unsafe { unlinkat(libc::AT_FDCWD, path, libc::AT_REMOVEDIR) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> c_int {
    let kind = if flags & libc::AT_REMOVEDIR != 0 { Kind::RemoveFolder } else { Kind::Unlink };
    unsafe { one(kind, folder, path, || libc::syscall(libc::SYS_unlinkat, folder, path, flags)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    unsafe { mkdirat(libc::AT_FDCWD, path, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdirat(folder: c_int, path: *const c_char, mode: mode_t) -> c_int {
    unsafe { one(Kind::MakeFolder, folder, path, || libc::syscall(libc::SYS_mkdirat, folder, path, mode)) }
}

//! The clock that people set. Time that only passes is left alone.

use std::ffi::c_int;
use std::ptr;

use libc::{clockid_t, time_t, timespec, timeval};

use crate::control::Number;
use crate::state::value;

const MICROS: i64 = 1_000_000;

/// Now, seconds and nanoseconds, by the machine's clock or the trial's.
fn now() -> timespec {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: fills what it is given.
    unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_REALTIME, ptr::from_mut(&mut now)) };
    ahead(&mut now);
    now
}

fn ahead(now: &mut timespec) {
    let micros = value(Number::ClockAhead);
    let nanos = now.tv_nsec + micros.rem_euclid(MICROS) * 1_000;
    now.tv_sec += micros.div_euclid(MICROS) + nanos.div_euclid(1_000 * MICROS);
    now.tv_nsec = nanos.rem_euclid(1_000 * MICROS);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, into: *mut timespec) -> c_int {
    // SAFETY: the caller's arguments, as they came.
    let answer = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, into) };
    if answer == 0 && matches!(clock, libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE) {
        // SAFETY: the system has just written to it.
        ahead(unsafe { &mut *into });
    }
    answer as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(into: *mut timeval, _zone: *mut libc::c_void) -> c_int {
    let now = now();
    if !into.is_null() {
        // SAFETY: the caller's own.
        unsafe { *into = timeval { tv_sec: now.tv_sec, tv_usec: now.tv_nsec / 1_000 } };
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(into: *mut time_t) -> time_t {
    let now = now().tv_sec;
    if !into.is_null() {
        // SAFETY: the caller's own.
        unsafe { *into = now };
    }
    now
}

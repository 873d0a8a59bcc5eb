//! How the C library shares its memory among threads.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Read by glibc before the first line of a program.
const VARIABLE: &str = "MALLOC_ARENA_MAX";

/// Begins the program again with two heaps for all threads, unless somebody chose a number. glibc gives threads up to eight heaps
/// a core, and what a batch left free in one is of no use to the next batch on another thread: measured under load on two cores,
/// 330 to 370 MiB at the most instead of 150, and a tenth more processor time, which new pages cost.
pub(super) fn few() {
    if cfg!(not(target_env = "gnu")) || std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // Comes back only where it failed, and then the hub runs as it is.
    let _ = again.args(arguments).env(VARIABLE, "2").exec();
}

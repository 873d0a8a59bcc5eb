//! Stands between a hub and libc, loaded with LD_PRELOAD: syncs fail or take long, the disk is full after so many bytes, the
//! clock jumps, all while the hub runs and a trial turns the knobs ([`control`]); and every change to the files of its folder is
//! kept in a journal ([`journal`]), from which a trial makes the folder that a power cut would have left.
//!
//! Each function here has the name, the arguments and the contract of the libc function that it stands before, and does its
//! work by the system call itself. Functions with a variable number of arguments are taken as having all of them, as the
//! calling conventions of Linux on x86-64 and AArch64 allow.

#![allow(unsafe_code, clippy::missing_safety_doc)]

mod clock;
mod control;
mod files;
mod journal;
mod names;
mod record;
mod state;

//! P1 to P5 and P14: a small part of what the crash laboratory does (`make crash`), each kind of trial once.

use std::process::Stdio;

use lienthong_tests::program::beside;
use tokio::process::Command;

/// Runs the laboratory with these arguments; it says by which seed a failure is repeated.
async fn laboratory(arguments: &[&str]) {
    let mut command = Command::new(beside("crash"));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{stdout}");
    assert!(output.status.success(), "{stdout}\n{stderr}");
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_when_the_hub_is_killed_again_and_again() {
    laboratory(&["kills", "--kills", "16"]).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_when_the_power_fails() {
    laboratory(&["power", "--cuts", "60"]).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_while_the_disk_is_full() {
    laboratory(&["space", "--others", "1"]).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_when_the_clock_jumps() {
    laboratory(&["clock", "--others", "1"]).await;
}

#[tokio::test]
async fn a_second_hub_on_the_same_data_is_refused_and_the_first_goes_on() {
    laboratory(&["second"]).await;
}

//! What commands print. Whoever reads may leave early (`lienthong status | head -3`): that is no fault.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::Context;

/// Prints a text and a line end to the standard output.
pub(crate) fn print(text: impl Display) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("the standard output cannot be written"),
    }
}

/// Says something to the person beside the output, if anybody listens.
pub(crate) fn tell(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// An error with its causes, each once: many errors say theirs in their own sentence already.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let disk = io::Error::new(ErrorKind::PermissionDenied, "permission denied");
        let inner = anyhow::Error::new(disk).context("cannot open a: permission denied");
        assert_eq!(told(&inner), "cannot open a: permission denied");
        assert_eq!(told(&inner.context("the hub")), "the hub: cannot open a: permission denied");
        assert_eq!(told(&anyhow::anyhow!("low").context("high")), "high: low");
    }
}

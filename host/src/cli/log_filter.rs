//! Which log lines are written: the variable `LIENTHONG_LOG`, a list of `level` and `target=level`.

use tracing_subscriber::filter::{LevelFilter, Targets};

const VARIABLE: &str = "LIENTHONG_LOG";

/// What a level alone is for. All else belongs to libraries, which tell warnings unless one is named.
const OWN: [&str; 3] = ["lienthong", "lienthong_core", "plugin"];

/// As the variable says; without it the hub tells what it does, and plugins what worries them.
pub(super) fn from_environment() -> Result<Targets, String> {
    match std::env::var(VARIABLE) {
        Ok(text) => parse(&text),
        Err(std::env::VarError::NotPresent) => parse(""),
        Err(error) => Err(format!("{VARIABLE}: {error}")),
    }
}

fn parse(text: &str) -> Result<Targets, String> {
    let mut targets = Targets::new().with_default(LevelFilter::WARN).with_targets(OWN.map(|own| (own, LevelFilter::INFO)));
    targets = targets.with_target("plugin", LevelFilter::WARN);
    for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let (target, level) = directive.split_once('=').map_or((None, directive), |(target, level)| (Some(target), level));
        let wrong = |what: &str| {
            format!(
                "{VARIABLE}: `{}` is no {what}: write error, warn, info, debug, trace or off, or one of them for a part, as in `lienthong::pipeline=debug`",
                directive.escape_debug()
            )
        };
        let level: LevelFilter = level.parse().map_err(|_| wrong("level"))?;
        targets = match target {
            None => targets.with_targets(OWN.map(|own| (own, level))),
            Some(target) if !target.is_empty() && target.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:-.".contains(&b)) => {
                targets.with_target(target, level)
            }
            Some(_) => return Err(wrong("part of the hub with a level")),
        };
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_are_silent_below_a_warning_unless_one_is_named() {
        let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
        for (text, target, least) in [
            ("", "lienthong::app", Some(Level::INFO)),
            ("", "plugin", Some(Level::WARN)),
            ("", "delta_kernel::snapshot", Some(Level::WARN)),
            ("info,lienthong=debug", "lienthong::app", Some(Level::DEBUG)),
            ("info,lienthong=debug", "plugin", Some(Level::INFO)),
            ("info,lienthong=debug", "wasmtime::engine", Some(Level::WARN)),
            ("trace", "hyper", Some(Level::WARN)),
            ("error, lienthong::lake=trace", "lienthong::lake::table", Some(Level::TRACE)),
            ("hyper=debug", "hyper::proto", Some(Level::DEBUG)),
            ("off", "lienthong", None),
        ] {
            let targets = parse(text).unwrap();
            assert_eq!(levels.into_iter().find(|level| targets.would_enable(target, level)), least, "{text}: {target}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["nonsense", "info,lienthong", "lienthong=loud", "=info", "lien thong=info", "lienthong=info=debug", "info;debug"] {
            let refused = parse(bad).unwrap_err();
            assert!(refused.contains("LIENTHONG_LOG") && refused.contains("debug"), "{bad}: {refused}");
        }
    }
}

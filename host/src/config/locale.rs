//! The language that the environment asks for.

use lienthong_core::lang::Lang;

/// From the environment, in the order of POSIX: `LC_ALL`, `LC_MESSAGES`, `LANG`.
pub fn locale() -> Lang {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG")).map_or(Lang::En, |value| Lang::from_locale(&value))
}

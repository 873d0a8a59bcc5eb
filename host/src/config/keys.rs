//! Every key a city's files may have. `schemas/city.schema.json` has the same, for editors; a test compares them.

/// Keys of one kind of map.
#[derive(Debug)]
pub(super) struct Keys {
    /// Its name in `$defs` of the published schema.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the comparison needs it"))]
    pub(super) definition: &'static str,
    pub(super) known: &'static [&'static str],
    /// Words of a later version: said so instead of "unknown".
    pub(super) later: &'static [&'static str],
    /// Keys that people may look for here and that belong elsewhere.
    pub(super) elsewhere: &'static [&'static str],
    /// Where that is.
    pub(super) elsewhere_file: &'static str,
}

const fn keys(definition: &'static str, known: &'static [&'static str], later: &'static [&'static str]) -> Keys {
    Keys { definition, known, later, elsewhere: &[], elsewhere_file: "" }
}

pub(super) const CITY: Keys = Keys {
    definition: "city",
    known: &["title", "agencies", "listen", "lake", "disk", "plugins"],
    later: &["operators", "retention", "secrets", "include"],
    elsewhere: &["connectors", "channels", "grants", "routes", "tests"],
    elsewhere_file: "`<domain>.yaml`",
};
pub(super) const DOMAIN: Keys = Keys {
    definition: "domain",
    known: &["connectors", "channels", "routes", "grants"],
    later: &["tests", "subscriptions", "webhooks", "secrets", "sinks"],
    elsewhere: &["title", "agencies", "listen", "lake", "disk", "plugins"],
    elsewhere_file: "`city.yaml`",
};
pub(super) const AGENCY: Keys = keys("agency", &["title"], &["contacts"]);
pub(super) const LISTEN: Keys = keys("listen", &["address", "tls", "behind_proxy"], &[]);
pub(super) const TLS: Keys = keys("tls", &["certificate", "key"], &["client_ca"]);
pub(super) const LAKE: Keys = Keys {
    definition: "lake",
    known: &["at", "endpoint", "region", "plain", "flush"],
    later: &["store", "retention"],
    elsewhere: &[
        "access_key",
        "access_key_id",
        "aws_access_key_id",
        "secret_key",
        "secret_access_key",
        "aws_secret_access_key",
        "session_token",
        "aws_session_token",
        "credentials",
        "password",
    ],
    elsewhere_file: LAKE_SECRETS,
};
/// Where the keys to the lake's store belong. A line with one of them is never shown.
pub(super) const LAKE_SECRETS: &str = "`DATA/secrets/lake.env`";
pub(super) const FLUSH: Keys = keys("flush", &["every", "bytes"], &[]);
pub(super) const DISK: Keys = keys("disk", &["keep_free", "ballast"], &[]);
pub(super) const PLUGINS: Keys = keys("plugins", &["trust", "unsigned", "recordings"], &[]);
pub(super) const TRUSTED_KEY: Keys = keys("trusted-key", &["vendor", "key"], &["until"]);
pub(super) const RECORDINGS: Keys = keys("recordings", &["keep", "bytes"], &[]);
pub(super) const CONNECTOR: Keys = keys(
    "connector",
    &[
        "plugin",
        "agency",
        "inbox",
        "webhook",
        "poll",
        "mllp",
        "deliver",
        "settings",
        "egress",
        "limits",
        "budget",
        "fresh_within",
        "emits",
        "record",
    ],
    &["mqtt", "sftp", "secrets", "version"],
);
pub(super) const INBOX: Keys = keys("inbox", &["path", "pattern", "settle", "keep"], &[]);
pub(super) const WEBHOOK: Keys = keys("webhook", &[], &["signature"]);
pub(super) const POLL: Keys = keys("poll", &["every"], &["cron", "at"]);
pub(super) const MLLP: Keys = keys("mllp", &["listen", "tls", "plain", "peers", "connections", "idle"], &[]);
pub(super) const MLLP_TLS: Keys = keys("mllp-tls", &["certificate", "key", "clients"], &[]);
pub(super) const LIMITS: Keys = keys(
    "limits",
    &[
        "memory",
        "time_per_call",
        "cpu_per_call",
        "output",
        "attachments",
        "message",
        "log_lines",
        "host_calls",
        "http_requests",
        "http_bytes",
    ],
    &[],
);
pub(super) const DELIVER: Keys = keys("deliver", &["records", "attempts"], &["pause", "within"]);
pub(super) const ROUTE: Keys =
    keys("route", &["from", "agency", "transform", "by", "every", "begin", "limits", "to"], &["where", "map", "settings"]);
pub(super) const BUDGET: Keys = keys("budget", &["calls", "cpu", "egress"], &[]);
pub(super) const CHANNEL: Keys = keys("channel", &["schema", "key", "time", "retention", "on_invalid"], &["title", "personal"]);
pub(super) const GRANT: Keys = keys("grant", &["agency", "channel", "access", "purpose", "until"], &["fields", "basis"]);

/// All of them, for the comparison with the published schema.
#[cfg(test)]
pub(super) const ALL: &[&Keys] = &[
    &CITY,
    &DOMAIN,
    &AGENCY,
    &LISTEN,
    &TLS,
    &LAKE,
    &FLUSH,
    &DISK,
    &PLUGINS,
    &TRUSTED_KEY,
    &RECORDINGS,
    &CONNECTOR,
    &INBOX,
    &WEBHOOK,
    &POLL,
    &MLLP,
    &MLLP_TLS,
    &DELIVER,
    &LIMITS,
    &BUDGET,
    &ROUTE,
    &CHANNEL,
    &GRANT,
];

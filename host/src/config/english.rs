//! Findings in English. Each message has its twin in [`vietnamese`](super::vietnamese).

use lienthong_core::manifest::Interface;

use super::findings::Hint;
use super::node::Shape;
use super::problem::{BucketFault, EgressFault, EndpointFault, Problem, SettingFault, SyntaxKind, Thing, Unit, shown};
use super::quantity;

pub(super) fn count(errors: usize, warnings: usize) -> String {
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, w) => plural(w, "warning"),
        (e, 0) => plural(e, "error"),
        (e, w) => format!("{}, {}", plural(e, "error"), plural(w, "warning")),
    }
}

pub(super) fn hint(hint: &Hint) -> String {
    match hint {
        Hint::Nearest(name) => format!("did you mean `{name}`?"),
        Hint::Known(names) if names.is_empty() => "none is defined yet".into(),
        Hint::Known(names) => format!("there are: {}", list(names)),
    }
}

fn list(names: &[String]) -> String {
    let mut out = names.iter().take(12).map(|name| format!("`{}`", shown(name))).collect::<Vec<_>>().join(", ");
    if names.len() > 12 {
        out.push_str(&format!(" and {} more", names.len() - 12));
    }
    out
}

fn thing(thing: Thing) -> &'static str {
    match thing {
        Thing::Agency => "agency",
        Thing::Channel => "channel",
        Thing::Connector => "connector",
        Thing::Plugin => "plugin",
        Thing::Port => "port",
        Thing::Route => "route",
        Thing::Schema => "schema",
    }
}

fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Null => "nothing",
        Shape::Text => "a text",
        Shape::Boolean => "true or false",
        Shape::List => "a list",
        Shape::Map => "keys with values",
    }
}

pub(super) fn message(problem: &Problem) -> String {
    match problem {
        Problem::Folder { path, why } => format!("the city's folder `{}` cannot be read: {}", shown(path), shown(why)),
        Problem::NoCityFile => "the folder holds no `city.yaml`".into(),
        Problem::Unreadable { why } => format!("the file cannot be read: {}", shown(why)),
        Problem::NotAFile => "this is not a regular file".into(),
        Problem::TooLarge { limit } => format!("the file is larger than {}", quantity(*limit, Unit::Bytes)),
        Problem::TooManyFiles { limit } => format!("the folder holds more than {limit} files of configuration"),
        Problem::NotUtf8 => "the file is not UTF-8 from here on".into(),
        Problem::YmlExtension => "the file would be passed over: its name ends in `.yml`".into(),
        Problem::FileName { stem } => format!("`{}` cannot be a domain, which the file's name says", shown(stem)),
        Problem::Syntax(kind) => format!("YAML cannot be read from here on: {}", shown(&kind.to_string())),
        Problem::SeveralDocuments => "a second YAML document begins here".into(),
        Problem::TooDeep { limit } => format!("lists and keys are nested more than {limit} levels deep"),
        Problem::TooManyNodes { limit } => format!("the file holds more than {limit} values, aliases spread out"),
        Problem::Tag(tag) => format!("the tag `{}` has no meaning here", shown(tag)),
        Problem::KeyNotText => "a key must be a text".into(),
        Problem::UnknownAnchor(name) => format!("no anchor `&{}` stands above this alias", shown(name)),
        Problem::AliasInItself => "this alias stands inside the anchor it names".into(),
        Problem::MergeNotMap => "`<<` merges only keys with values".into(),
        Problem::DuplicateKey { key, first } => format!("`{}` is written twice; the first is on line {first}", shown(key)),
        Problem::UnknownKey { key } => format!("unknown key `{}`", shown(key)),
        Problem::LaterKey { key } => format!("`{key}` is not supported by this version"),
        Problem::KeyOfOtherFile { key, .. } => format!("`{key}` does not belong into this file"),
        Problem::MissingKey { key } => format!("`{key}` is missing"),
        Problem::WrongShape { expected, found } => format!("{} is expected here, not {}", shape(*expected), shape(*found)),
        Problem::BadId { thing: what, given } => format!("`{}` is no {} name", shown(given), thing(*what)),
        Problem::BadDuration { given } => format!("`{}` is no duration", shown(given)),
        Problem::BadSize { given } => format!("`{}` is no size", shown(given)),
        Problem::BadCount { given } => format!("`{}` is no whole number", shown(given)),
        Problem::OutOfRange { given, min, max, unit } => {
            format!("`{}` is out of range: {} to {}", shown(given), quantity(*min, *unit), quantity(*max, *unit))
        }
        Problem::EmptyText => "the text is empty".into(),
        Problem::BadAddress { given } => format!("`{}` is no address to listen on", shown(given)),
        Problem::PlainHttp { address } => {
            format!("{address} is open beyond this machine without TLS: keys and records would travel in the clear")
        }
        Problem::PlainMllp { address } => {
            format!("{address} is open beyond this machine without TLS: messages would travel in the clear")
        }
        Problem::PlainAndTls => "`plain: true` and `tls` contradict each other".into(),
        Problem::AnyoneSends { address } => format!("whoever reaches {address} may send messages in the agency's name"),
        Problem::PeersEmpty => "with no peer at all nobody may connect".into(),
        Problem::BadNetwork { given, .. } => format!("`{}` is neither an IP address nor a network", shown(given)),
        Problem::NoTlsFile { path, why } => format!("`{}` cannot be read: {}", shown(path), shown(why)),
        Problem::NotPem { path, wanted } => format!("`{}` holds no PEM block `{wanted}`", shown(path)),
        Problem::BadUntil { given } => format!("`{}` is neither a day nor a time", shown(given)),
        Problem::BadAccess { given } => format!("`{}` is no kind of access", shown(given)),
        Problem::AccessEmpty => "this grant allows nothing".into(),
        Problem::BadPointer { given } => format!("`{}` is no JSON pointer", shown(given)),
        Problem::BadPattern { given } => format!("`{}` is no pattern for a file's name", shown(given)),
        Problem::BadInbox { given } => format!("`{}` cannot be an inbox", shown(given)),
        Problem::BadEgress { given, fault } => format!("egress `{}`: {}", shown(given), egress(*fault)),
        Problem::BadBucket { given, fault } => format!("the lake's place `{}`: {}", shown(given), bucket(*fault)),
        Problem::BadEndpoint { given, fault } => format!("the lake's endpoint `{}`: {}", shown(given), endpoint(*fault)),
        Problem::BadRegion { given } => format!("`{}` is no region", shown(given)),
        Problem::PlainLake { endpoint } => {
            format!("records would travel to {} in the clear", shown(endpoint))
        }
        Problem::NoBucket { key } => format!("`{key}` says how a bucket is reached, and `at` names none"),
        Problem::NotOneOf { given, .. } => format!("`{}` is no word that is known here", shown(given)),
        Problem::BadPublicKey { given } => format!("`{}` is no public key of a vendor", shown(given)),
        Problem::OnInvalid { given } => format!("`on_invalid: {}` is not supported by this version", shown(given)),
        Problem::WrongDomain { thing: what, id, domain } => {
            format!("{} `{id}` stands in the file of the domain `{domain}`", thing(*what))
        }
        Problem::DuplicateId { thing: what, id, first } => {
            format!("{} `{id}` is defined twice; the first is at {}", thing(*what), shown(first))
        }
        Problem::Unknown { thing: what, id } => match what {
            Thing::Plugin => format!("no plugin called `{id}` is installed"),
            Thing::Schema => format!("there is no schema `{id}`: none is built in, and `schemas/{id}.json` is not in the city's folder"),
            what => format!("no {} is called `{id}`", thing(*what)),
        },
        Problem::NoPlugins { id, .. } => format!("no plugin called `{id}` is installed"),
        Problem::BrokenPlugin { why } => format!("this file holds no plugin that can be used: {}", long(why)),
        Problem::NoTransport => "the connector has no transport".into(),
        Problem::SeveralTransports { keys } => format!("a connector has one transport, and this one has {}", keys.join(" and ")),
        Problem::LacksInterface { plugin, transport, wanted } => {
            format!("plugin `{plugin}` cannot be used with `{transport}`: it is no {}", wanted.as_str())
        }
        Problem::UnknownPort { plugin, port } => format!("plugin `{plugin}` has no port `{port}`"),
        Problem::PortNotEmitted { plugin, port, .. } => format!("port `{port}` of plugin `{plugin}` leads to no channel"),
        Problem::SchemaDiffers { port, wanted, channel, has } => {
            format!("port `{port}` gives records of schema {wanted}, but channel `{channel}` has {has}")
        }
        Problem::Setting { plugin, fault } => format!("settings of plugin `{plugin}`: {}", setting(fault)),
        Problem::SettingsSchema { plugin, why } => format!("plugin `{plugin}` has a settings schema that cannot be used: {}", shown(why)),
        Problem::Distrusted { plugin, why } => format!("plugin `{plugin}` may not run: {why}"),
        Problem::HttpNotDeclared { plugin } => format!("plugin `{plugin}` can send HTTP requests, and its manifest does not say so"),
        Problem::EgressMissing { plugin } => format!("plugin `{plugin}` fetches over HTTP, and no `egress` lets it reach anything"),
        Problem::EgressUnused { plugin } => format!("plugin `{plugin}` sends no HTTP requests, so it needs no `egress`"),
        Problem::InboxTaken { path, other } => format!("inbox `{}` belongs to connector `{other}` already", shown(path)),
        Problem::InboxNested { path, other, other_path } => {
            let (path, other_path) = (shown(path), shown(other_path));
            format!("inbox `{path}` and inbox `{other_path}` of connector `{other}` lie one within the other")
        }
        Problem::UrlNotReached { url } => format!("`{}` is not among the hosts of `egress`, so it cannot be fetched", shown(url)),
        Problem::PortTaken { address, other: Some(other) } => format!("connector `{other}` listens on {address} already"),
        Problem::PortTaken { address, other: None } => format!("the hub itself listens on {address} already"),
        Problem::PointerNotInSchema { pointer, schema } => format!("records of schema {schema} have nothing at `{}`", shown(pointer)),
        Problem::TimeNotDateTime { pointer, schema } => {
            format!("`{}` of schema {schema} is no text with `format: date-time`, so records would have no event time", shown(pointer))
        }
        Problem::GrantExpired { until } => format!("this grant expired on {until} and allows nothing any more"),
        Problem::GrantRepeated { first } => format!("the same agency has a grant for the same channel at {}", shown(first)),
        Problem::NoWriteGrant { agency, channel, .. } => {
            format!("agency `{agency}` has no grant to write to channel `{channel}`, to which its connector emits")
        }
        Problem::WriteGrantExpired { agency, channel } => {
            format!(
                "the grant of agency `{agency}` to write to channel `{channel}` has expired: nothing that its connector brings is taken"
            )
        }
        Problem::NobodyReads { channel } => format!("nobody may read channel `{channel}`"),
        Problem::NobodyWrites { channel } => {
            format!("nothing fills channel `{channel}`: no connector emits to it, no route writes to it and no grant allows writing")
        }
        Problem::BadBegin { given } => format!("`{}` is no place to begin", shown(given)),
        Problem::NameTaken { route, first } => {
            format!("a connector is called `{route}` too, at {}: records would not tell which of them wrote them", shown(first))
        }
        Problem::ToEmpty => "the route leads nowhere".into(),
        Problem::KeyWithout { key, without: "channel" } => format!("`{key}` means nothing where no channel is written"),
        Problem::KeyWithout { key, without } => format!("`{key}` means nothing without `{without}`"),
        Problem::PortsWithoutTransform => "ports are a transform's, and this route has none".into(),
        Problem::PortsNeeded { plugin, ports } => {
            format!(
                "plugin `{plugin}` has the ports {}: which goes where?",
                list(&ports.iter().map(ToString::to_string).collect::<Vec<_>>())
            )
        }
        Problem::NoTarget { id } => format!("neither a channel nor a connector that delivers is called `{id}`"),
        Problem::TargetAmbiguous { id } => format!("a channel and a connector that delivers are both called `{id}`"),
        Problem::SinkOfTransform { id } => format!("what a transform makes goes to a channel first, and not straight to `{id}`"),
        Problem::TargetNoSink { connector, transport } => format!("connector `{connector}` has `{transport}` and delivers nothing"),
        Problem::RouteNeedsGrant { agency, channel, write, .. } => {
            let access = if *write { "write to" } else { "read" };
            format!("agency `{agency}` has no grant to {access} channel `{channel}`, which the route does in its name")
        }
        Problem::RouteGrantExpired { agency, channel, write } => {
            let access = if *write { "write to" } else { "read" };
            format!("the grant of agency `{agency}` to {access} channel `{channel}` has expired: the route will wait")
        }
        Problem::RouteLoop { path } => {
            let path: Vec<String> = path.iter().map(ToString::to_string).collect();
            format!("records would go round for ever: {}", path.join(" → "))
        }
        Problem::SinkUnfed { connector } => format!("no route leads to connector `{connector}`, so it delivers nothing"),
        Problem::SchemaFileName { path } => format!("`{}` is no name for a schema's file", shown(path)),
        Problem::SchemaJson { why } => format!("the schema is not JSON: {}", shown(why)),
        Problem::SchemaBuiltIn { id } => format!("schema {id} is built in and cannot be replaced"),
        Problem::SchemaKeyword { word } => format!("`{}` is no keyword of JSON Schema and would mean nothing", shown(word)),
        Problem::SchemaUnusable { id, pointer, why } => {
            let at = if pointer.is_empty() { String::new() } else { format!(" at `{}`", shown(pointer)) };
            format!("schema {id} cannot be used{at}: {}", long(why))
        }
        Problem::Incomplete => "the city could not be put together though nothing was found wrong; this is a defect of the program".into(),
    }
}

/// Longer texts of other parts of the program, made safe for a terminal.
pub(super) fn long(text: &str) -> String {
    text.chars().take(400).map(super::problem::visible).collect()
}

fn egress(fault: EgressFault) -> &'static str {
    match fault {
        EgressFault::Form => "not a scheme, a host and perhaps a port",
        EgressFault::Extra => "a path, query or fragment cannot be granted, only a whole host",
        EgressFault::UserInfo => "a user name or password has no place here",
        EgressFault::Wildcard => "wildcards are not allowed; name each host",
        EgressFault::Host => "the host's name is not valid; write it in lower case, names with other letters as `xn--…`",
        EgressFault::Port => "the port is not a number from 1 to 65535",
        EgressFault::PlainName => "plain HTTP is allowed only to the exact address of a private machine",
        EgressFault::PlainPublic => "plain HTTP is not allowed to a public address",
        EgressFault::PlainNeedsPort => "the port of a private machine must be written",
    }
}

fn bucket(fault: BucketFault) -> &'static str {
    match fault {
        BucketFault::Form => "not `s3://`, a bucket's name, and perhaps a prefix",
        BucketFault::Extra => "a user name, password, query or fragment has no place here",
        BucketFault::Name => "a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at either end",
        BucketFault::Prefix => "each part of the prefix has letters, digits, and `.`, `-` or `_` between them",
    }
}

fn endpoint(fault: EndpointFault) -> &'static str {
    match fault {
        EndpointFault::Form => "not a scheme, a host and perhaps a port",
        EndpointFault::Extra => "a path, query or fragment has no place here; the prefix belongs into `at`",
        EndpointFault::UserInfo => "a user name or password has no place here",
    }
}

fn setting(fault: &SettingFault) -> String {
    match fault {
        SettingFault::Missing(key) => format!("`{}` is missing", shown(key)),
        SettingFault::Unknown(key) => format!("unknown key `{}`", shown(key)),
        SettingFault::Type(wanted) => format!("the value must be of type {}", shown(wanted)),
        SettingFault::NotOneOf(allowed) => format!("the value must be one of {}", list(allowed)),
        SettingFault::Pattern(pattern) => format!("the value must match the pattern `{}`", shown(pattern)),
        SettingFault::Format(format) => format!("the value must have the format `{}`", shown(format)),
        SettingFault::TooSmall(limit) => format!("the value is too small or too short; the least is {limit}"),
        SettingFault::TooLarge(limit) => format!("the value is too large or too long; the most is {limit}"),
        SettingFault::Other(keyword) => format!("the value breaks the schema's `{}`", shown(keyword)),
    }
}

/// What to do, where the problem alone says it.
pub(super) fn help(problem: &Problem) -> Option<String> {
    Some(match problem {
        Problem::NoCityFile => "a city begins with a `city.yaml` that has `title:` and `agencies:`".into(),
        Problem::TooLarge { .. } => "put domains into files of their own".into(),
        Problem::NotAFile => "replace it by a file".into(),
        Problem::NotUtf8 => "save the file as UTF-8".into(),
        Problem::YmlExtension => "rename it so that it ends in `.yaml`".into(),
        Problem::FileName { .. } => {
            "name the file `<domain>.yaml`, the domain in lower-case letters, digits and single hyphens, a letter first".into()
        }
        Problem::Syntax(kind) => match kind {
            SyntaxKind::TabInIndentation | SyntaxKind::TabInBlockIndentation | SyntaxKind::TabNotAllowed => {
                "indent with spaces; YAML does not allow tabs".into()
            }
            SyntaxKind::InvalidIndentation | SyntaxKind::ExpectedBlockMappingKey => "keys of one level begin in the same column".into(),
            SyntaxKind::MappingValueNotAllowed => "put a value that contains `: ` between quotes".into(),
            SyntaxKind::UnclosedQuotedScalar => "close the quotes".into(),
            SyntaxKind::UnclosedFlowCollection { open: '{' } => "close it with `}`".into(),
            SyntaxKind::UnclosedFlowCollection { .. } => "close it with `]`".into(),
            SyntaxKind::UnexpectedCharacter { .. } => "put the value between quotes".into(),
            _ => return None,
        },
        Problem::SeveralDocuments => "keep one document a file: remove `---`, or put the rest into another file".into(),
        Problem::Tag(_) => "remove the tag".into(),
        Problem::LaterKey { .. } => "remove it for now, or keep it as a comment".into(),
        Problem::KeyOfOtherFile { file, .. } => format!("move it into {file}"),
        Problem::BadId { thing: what, .. } => match what {
            Thing::Channel | Thing::Connector | Thing::Route => {
                "write it as `domain/name`, each of 1 to 63 lower-case letters, digits and single hyphens, a letter first".into()
            }
            Thing::Schema => "write it as `domain/name.vN`, for example `transport/stops.v1`".into(),
            _ => "use 1 to 63 lower-case letters, digits and single hyphens, a letter first".into(),
        },
        Problem::BadDuration { .. } => "write a whole number and its unit: `250ms`, `30s`, `5m`, `1h`, `7d` or `5y`".into(),
        Problem::BadSize { .. } => "write a whole number and its unit: `64KiB`, `64MiB` or `2GiB`".into(),
        Problem::BadCount { .. } => "write a whole number without a unit, for example `1000`".into(),
        Problem::BadAddress { .. } => "write the IP address and the port, for example `127.0.0.1:8700`, or `[::1]:8700`".into(),
        Problem::PlainHttp { .. } => {
            "add `tls: { certificate: …, key: … }`, or `behind_proxy: true` where a proxy before the hub ends TLS".into()
        }
        Problem::PlainMllp { .. } => {
            "add `tls: { certificate: …, key: … }`, or `plain: true` where the network between is trusted; `peers: […]` says who may connect".into()
        }
        Problem::PlainAndTls => "remove `plain`: with `tls` the port speaks TLS alone".into(),
        Problem::AnyoneSends { .. } => {
            "name the sender's network with `peers: [\"10.1.2.0/24\"]`, or ask for its certificate with `tls: { clients: … }`".into()
        }
        Problem::PeersEmpty => "name who may connect, for example `peers: [\"10.1.2.0/24\"]`, or remove `peers`".into(),
        Problem::BadNetwork { meant: Some(meant), .. } => format!("did you mean `{meant}`?"),
        Problem::BadNetwork { .. } => "write an address such as `10.1.2.3`, or a network such as `10.1.2.0/24`".into(),
        Problem::PortTaken { .. } => "give each connector a port of its own".into(),
        Problem::NoTlsFile { .. } => "paths are relative to the city's folder; the hub must be allowed to read the file".into(),
        Problem::BadUntil { .. } => "write the last day on which it holds, for example `2027-12-31`, or an RFC 3339 time".into(),
        Problem::BadAccess { .. } => "`access` is a list of `read` and `write`".into(),
        Problem::AccessEmpty => "write `access: [read]`, or remove the grant".into(),
        Problem::BadPointer { .. } => "begin with a slash and name the property: `/station`".into(),
        Problem::BadPattern { .. } => {
            "use letters, `*` for any number of characters and `?` for one; a pattern has no slash and no brackets".into()
        }
        Problem::BadInbox { .. } => {
            "name a folder of its own, absolute or below the hub's data folder: `inbox/air`; not `lake`, not `plugins`, no `..`".into()
        }
        Problem::BadEgress { fault: EgressFault::PlainName | EgressFault::PlainPublic, .. } => {
            "write `https://host`, or for a machine in your own network `http://10.0.0.5:8080`".into()
        }
        Problem::BadEgress { .. } => "write `https://host`, `https://host:port` or `http://<private ip>:<port>`".into(),
        Problem::BadBucket { .. } => "write `s3://bucket` or `s3://bucket/prefix`".into(),
        Problem::BadEndpoint { .. } => "write `https://host`, `https://host:port`, or `http://127.0.0.1:8333` on this machine".into(),
        Problem::BadRegion { .. } => "write it as your store does, for example `ap-southeast-1`".into(),
        Problem::PlainLake { .. } => "use `https://`, or add `plain: true` where the network between is trusted".into(),
        Problem::NoBucket { .. } => "add `at: s3://bucket/prefix`, or remove this key: without `at` the lake lies in the data folder".into(),
        Problem::NotOneOf { words, .. } => format!("write {}", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")),
        Problem::BadPublicKey { .. } => "it is one word that begins with `ltpub_`; the vendor sees it with `lienthong plugin key show`".into(),
        Problem::Distrusted { .. } => "ask the vendor for a signed file and put its `.sig` beside it, list the key under `plugins: { trust: … }` in city.yaml, or say `unsigned: allow` there".into(),
        Problem::OnInvalid { .. } => "remove it: refused records are always kept in quarantine".into(),
        Problem::WrongDomain { id, domain, .. } => match id.split_once('/') {
            Some((own, name)) => format!("move it into `{own}.yaml`, or call it `{domain}/{name}`"),
            None => return None,
        },
        Problem::NoPlugins { folder, exists: true, .. } => format!("looked in `{}`, which holds none: give `--plugins`", shown(folder)),
        Problem::NoPlugins { folder, .. } => format!("looked in `{}`, which does not exist: give `--plugins`", shown(folder)),
        Problem::BrokenPlugin { .. } => {
            "build it again with `lienthong plugin build`, ask its vendor for a whole one, or move the file away".into()
        }
        Problem::NoTransport => "add one of `inbox: { path: …, pattern: … }`, `webhook: {}`, `mllp: { listen: … }`, `poll: { every: … }`, or `deliver: {}` for a sink".into(),
        Problem::SeveralTransports { .. } => "keep one of them; another way of delivery is another connector".into(),
        Problem::LacksInterface { wanted, .. } => match wanted {
            Interface::Source => "use `inbox`, `webhook` or `mllp`, or another plugin".into(),
            Interface::Transform | Interface::Sink => "use another plugin".into(),
            Interface::Receiver => "use `poll`, or another plugin".into(),
        },
        Problem::PortNotEmitted { port, schema, .. } => format!("add `{port}: <a channel of schema {schema}>`"),
        Problem::SchemaDiffers { wanted, .. } => format!("emit to a channel that has `schema: {wanted}`"),
        Problem::Setting { fault: SettingFault::Type(wanted), .. } if wanted == "string" => "put the value between quotes".into(),
        Problem::SettingsSchema { .. } => "ask the plugin's vendor for a mended version".into(),
        Problem::HttpNotDeclared { .. } => {
            "ask the plugin's vendor why; `[egress]` in plugin.toml should say `http = true` and the reason".into()
        }
        Problem::EgressMissing { .. } => "add `egress: [\"https://…\"]` with the host of the agency's system".into(),
        Problem::EgressUnused { .. } => "remove `egress`".into(),
        Problem::InboxTaken { .. } => "give each connector a folder of its own".into(),
        Problem::InboxNested { .. } => "give each connector a folder beside the other's, not within it".into(),
        Problem::UrlNotReached { .. } => "list the host of the address in `egress`, or mend the address".into(),
        Problem::TimeNotDateTime { .. } => "point `time` to when it happened, or leave it out".into(),
        Problem::GrantExpired { .. } => "remove it, or renew the agreement and set a later `until`".into(),
        Problem::GrantRepeated { .. } => "keep one of them and put all that is agreed into it".into(),
        Problem::NoWriteGrant { reading: Some(place), .. } => format!("add `write` to the `access` of its grant at {}", shown(place)),
        Problem::NoWriteGrant { agency, channel, reading: None } => {
            let domain = channel.domain();
            format!("add `- {{ agency: {agency}, channel: {channel}, access: [write], purpose: \"…\" }}` to the `grants` of {domain}.yaml")
        }
        Problem::WriteGrantExpired { .. } => "renew the agreement and set a later `until`, or remove the connector".into(),
        Problem::NobodyReads { .. } => "add a grant, or nobody will see its records".into(),
        Problem::NobodyWrites { .. } => "add a connector that emits to it, or a grant with `access: [write]`".into(),
        Problem::BadBegin { .. } => "write `first`, or `now` for what comes from now on".into(),
        Problem::NameTaken { .. } => "give the route another name".into(),
        Problem::ToEmpty => "name a channel, or a connector with `deliver`".into(),
        Problem::KeyWithout { key, .. } => format!("remove `{key}`"),
        Problem::PortsWithoutTransform => "write a list: `to: [domain/channel]`".into(),
        Problem::PortsNeeded { ports, .. } => {
            let each: Vec<String> = ports.iter().map(|port| format!("{port}: <a channel>")).collect();
            format!("write `to: {{ {} }}`", each.join(", "))
        }
        Problem::TargetAmbiguous { .. } => "give the connector another name".into(),
        Problem::SinkOfTransform { id } => format!("write to a channel, and add a route from it with `to: [{id}]`"),
        Problem::TargetNoSink { .. } => "name a connector with `deliver`, whose plugin is a sink".into(),
        Problem::RouteNeedsGrant { other: Some(place), write, .. } => {
            format!("add `{}` to the `access` of its grant at {}", if *write { "write" } else { "read" }, shown(place))
        }
        Problem::RouteNeedsGrant { agency, channel, write, other: None } => {
            let (domain, access) = (channel.domain(), if *write { "write" } else { "read" });
            format!("add `- {{ agency: {agency}, channel: {channel}, access: [{access}], purpose: \"…\" }}` to the `grants` of {domain}.yaml")
        }
        Problem::RouteGrantExpired { .. } => "renew the agreement and set a later `until`, or remove the route".into(),
        Problem::RouteLoop { .. } => "let one of these routes lead elsewhere".into(),
        Problem::SinkUnfed { connector } => format!("add a route with `to: [{connector}]`, or remove it"),
        Problem::SchemaFileName { .. } => "name it `schemas/<domain>/<name>.v<N>.json`".into(),
        Problem::SchemaKeyword { .. } => "remove it, or let the name of an annotation of your own begin with `x-`".into(),
        Problem::SchemaBuiltIn { .. } => "give your schema another name or version, and remove this file".into(),
        _ => return None,
    })
}

//! What this hub has of `lienthong:connector`, read from the contract itself, and how a plugin is held against it before it
//! is compiled or linked: what it wants, what this hub has, and what to do are said in these words and not the linker's.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::LazyLock;

use lienthong_core::manifest::Interface;
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentEntityType, ComponentItem, ComponentValType, ResourceId,
};
use wasmparser::types::TypesRef;
use wasmparser::{Validator, WasmFeatures};
use wit_parser::WorldKey;

use super::component::LoadError;

/// The interface package.
const PACKAGE: &str = "lienthong:connector";
const CONTRACT: &str = include_str!("../../../wit/connector.wit");

/// What this hub offers of WASI 0.2, with an empty context: there is no file, no argument and no socket behind it.
const WASI: [&str; 29] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// A function's name, and its type as WIT writes it.
pub(super) type Function = (String, String);

/// What is told of the contract where a plugin does not fit it.
static OFFER: LazyLock<Result<Offer, String>> = LazyLock::new(Offer::read);

/// The hub's side.
struct Offer {
    version: Version,
    /// By the interface's name, without package and version.
    interfaces: BTreeMap<String, Vec<Function>>,
    /// Those that a plugin may import; it exports the others.
    imported: BTreeSet<String>,
}

/// Major and minor; within a major, patches mean nothing to a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u64, u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Offer {
    fn read() -> Result<Self, String> {
        let mut resolve = wit_parser::Resolve::default();
        let package = resolve.push_str("connector.wit", CONTRACT).map_err(|error| format!("{error:?}"))?;
        let bytes = wit_component::encode(&resolve, package).map_err(|error| format!("{error:#}"))?;
        let types = Validator::new_with_features(WasmFeatures::all()).validate_all(&bytes).map_err(|error| error.to_string())?;
        let types = types.as_ref();
        let package = &resolve.packages[package];
        let version = package.name.version.as_ref().map(|version| Version(version.major, version.minor));
        let mut interfaces = BTreeMap::new();
        for name in package.interfaces.keys() {
            // A contract in binary form gives each interface as the type of a component that exports it.
            let Some(ComponentEntityType::Type { created: ComponentAnyTypeId::Component(outer), .. }) =
                types.component_item_for_export(name).map(|item| item.ty)
            else {
                return Err(format!("the interface {name} is not where it should be"));
            };
            let (imports, exports) = (&types[outer].imports, &types[outer].exports);
            let shapes = Shapes::new(types, imports.values().chain(exports.values()));
            let found = exports.iter().flat_map(|(name, item)| shapes.functions(name, item)).collect();
            interfaces.insert(name.clone(), found);
        }
        let keys = package.worlds.values().flat_map(|world| resolve.worlds[*world].imports.keys());
        let imported = keys.filter_map(|key| match key {
            WorldKey::Interface(id) => resolve.interfaces[*id].name.clone(),
            WorldKey::Name(_) => None,
        });
        Ok(Self { version: version.ok_or("it has no version")?, imported: imported.collect(), interfaces })
    }

    fn have(&self) -> String {
        let own: Vec<_> = self.imported.iter().map(String::as_str).collect();
        format!("this hub has {PACKAGE}@{} ({}) and WASI 0.2", self.version, own.join(", "))
    }

    /// What to do about something that a plugin of this version wants and this hub does not have.
    fn remedy(&self, wanted: Version) -> String {
        match wanted > self.version {
            true => format!("ask its vendor for a build for {}, or run it on a hub that has {wanted} or later", self.version),
            false if wanted.0 < self.version.0 => format!("ask its vendor for a build for {}", self.version),
            false => format!("{} has none: ask its vendor for a build with the contract as it was released", self.version),
        }
    }
}

/// Names what a component's functions take and give.
pub(super) struct Shapes<'a> {
    types: TypesRef<'a>,
    resources: HashMap<ResourceId, String>,
}

impl<'a> Shapes<'a> {
    /// With the names of the resources that these interfaces bring.
    pub(super) fn new(types: TypesRef<'a>, interfaces: impl Iterator<Item = &'a ComponentItem>) -> Self {
        let mut resources = HashMap::new();
        for item in interfaces {
            let ComponentEntityType::Instance(id) = item.ty else { continue };
            for (name, item) in &types[id].exports {
                if let ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(id), .. } = item.ty {
                    resources.entry(id.resource()).or_insert_with(|| name.clone());
                }
            }
        }
        Self { types, resources }
    }

    /// Everything callable behind an import or export. What is neither an interface nor a type counts as callable.
    pub(super) fn functions(&self, name: &str, item: &ComponentItem) -> Vec<Function> {
        match item.ty {
            ComponentEntityType::Type { .. } => Vec::new(),
            ComponentEntityType::Instance(id) => {
                self.types[id].exports.iter().flat_map(|(name, item)| self.functions(name, item)).collect()
            }
            ComponentEntityType::Func(id) => {
                let function = &self.types[id];
                let takes: Vec<_> = function.params.iter().map(|(name, ty)| format!("{name}: {}", self.shape(ty))).collect();
                let gives = function.result.as_ref().map_or_else(String::new, |ty| format!(" -> {}", self.shape(ty)));
                let kind = if function.async_ { "async func" } else { "func" };
                vec![(name.to_owned(), format!("{kind}({}){gives}", takes.join(", ")))]
            }
            _ => vec![(name.to_owned(), "no function".to_owned())],
        }
    }

    fn shape(&self, ty: &ComponentValType) -> String {
        let ComponentValType::Type(id) = ty else {
            return match ty {
                ComponentValType::Primitive(primitive) => primitive.to_string(),
                ComponentValType::Type(_) => String::new(),
            };
        };
        let of = |ty: &Option<ComponentValType>| ty.as_ref().map_or_else(|| "_".to_owned(), |ty| self.shape(ty));
        let resource = |id: ResourceId| self.resources.get(&id).map_or("resource", String::as_str);
        match &self.types[*id] {
            ComponentDefinedType::Primitive(primitive) => primitive.to_string(),
            ComponentDefinedType::Record(record) => {
                let fields: Vec<_> = record.fields.iter().map(|(name, ty)| format!("{name}: {}", self.shape(ty))).collect();
                format!("record {{ {} }}", fields.join(", "))
            }
            ComponentDefinedType::Variant(variant) => {
                let case = |(name, case): (&_, &wasmparser::component_types::VariantCase)| match &case.ty {
                    Some(ty) => format!("{name}({})", self.shape(ty)),
                    None => format!("{name}"),
                };
                format!("variant {{ {} }}", variant.cases.iter().map(case).collect::<Vec<_>>().join(", "))
            }
            ComponentDefinedType::List { element, .. } => format!("list<{}>", self.shape(element)),
            ComponentDefinedType::FixedLengthList { element, length, .. } => format!("list<{}, {length}>", self.shape(element)),
            ComponentDefinedType::Map { key, value, .. } => format!("map<{}, {}>", self.shape(key), self.shape(value)),
            ComponentDefinedType::Tuple(tuple) => {
                format!("tuple<{}>", tuple.types.iter().map(|ty| self.shape(ty)).collect::<Vec<_>>().join(", "))
            }
            ComponentDefinedType::Flags(names) => {
                format!("flags {{ {} }}", names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
            ComponentDefinedType::Enum(names) => {
                format!("enum {{ {} }}", names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
            ComponentDefinedType::Option { ty, .. } => format!("option<{}>", self.shape(ty)),
            ComponentDefinedType::Result { ok, err, .. } => format!("result<{}, {}>", of(ok), of(err)),
            ComponentDefinedType::Own(id) => resource(id.resource()).to_owned(),
            ComponentDefinedType::Borrow(id) => format!("borrow<{}>", resource(id.resource())),
            ComponentDefinedType::Future { ty, .. } => format!("future<{}>", of(ty)),
            ComponentDefinedType::Stream { ty, .. } => format!("stream<{}>", of(ty)),
        }
    }
}

/// `package/interface` and the version's major and minor; none of a pre-release, which matches nothing but itself.
fn split_name(name: &str) -> Option<(&str, Version)> {
    let (path, version) = name.split_once('@')?;
    let mut parts = version.split('.');
    let mut next = || parts.next()?.parse().ok();
    let (major, minor, _patch): (u64, u64, u64) = (next()?, next()?, next()?);
    parts.next().is_none().then_some((path, Version(major, minor)))
}

fn own(path: &str) -> Option<&str> {
    path.strip_prefix(PACKAGE)?.strip_prefix('/')
}

fn offer() -> Result<&'static Offer, LoadError> {
    OFFER.as_ref().map_err(|why| LoadError::Host(format!("the hub's own contract cannot be read: {why}; this is a defect of the hub")))
}

/// Whether this hub has what a plugin imports.
pub(super) fn check_import(name: &str, functions: &[Function]) -> Result<(), LoadError> {
    let offer = offer()?;
    let refused = |wanted: String, remedy: String| Err(LoadError::Mismatch { wanted, have: offer.have(), remedy });
    let Some((path, version)) = split_name(name) else {
        return refused(format!("imports `{name}`"), "import only these interfaces, with a released version".into());
    };
    let Some(interface) = own(path) else {
        return match version {
            Version(0, 2) if WASI.contains(&path) => Ok(()),
            _ => refused(format!("imports `{name}`"), "build the plugin for WASI 0.2, or without what needs this".into()),
        };
    };
    let offered = offer.interfaces.get(interface).filter(|_| version.0 == offer.version.0 && offer.imported.contains(interface));
    let Some(offered) = offered else { return refused(format!("imports `{name}`"), offer.remedy(version)) };
    for (function, shape) in functions {
        match offered.iter().find(|(known, _)| known == function) {
            None => return refused(format!("imports `{function}` of `{name}`"), offer.remedy(version)),
            Some((_, known)) if known != shape => return Err(shaped(&format!("imports `{function}` of `{name}`"), shape, known, offer)),
            Some(_) => {}
        }
    }
    Ok(())
}

/// Which of the four interfaces an export is, if it is one as this hub calls it.
pub(super) fn check_export(name: &str, functions: &[Function]) -> Result<Option<Interface>, LoadError> {
    const ALL: [Interface; 4] = [Interface::Source, Interface::Receiver, Interface::Transform, Interface::Sink];
    let offer = offer()?;
    let Some((path, version)) = split_name(name) else { return Ok(None) };
    let Some(found) = own(path) else { return Ok(None) };
    if version.0 != offer.version.0 {
        let (wanted, have) = (format!("exports `{name}`"), offer.have());
        return Err(LoadError::Mismatch { wanted, have, remedy: offer.remedy(version) });
    }
    let Some(interface) = ALL.into_iter().find(|known| known.as_str() == found) else { return Ok(None) };
    for (function, known) in offer.interfaces.get(found).into_iter().flatten() {
        match functions.iter().find(|(name, _)| name == function) {
            Some((_, shape)) if shape == known => {}
            Some((_, shape)) => return Err(shaped(&format!("exports `{function}` of `{name}`"), shape, known, offer)),
            None => {
                let wanted = format!("exports `{name}` without `{function}`");
                let remedy = "ask its vendor for a build with the contract as it was released".to_owned();
                return Err(LoadError::Mismatch { wanted, have: offer.have(), remedy });
            }
        }
    }
    Ok(Some(interface))
}

/// Within a major no shape ever changes, so this one was not built from a released contract.
fn shaped(what: &str, theirs: &str, ours: &str, offer: &Offer) -> LoadError {
    LoadError::Mismatch {
        wanted: format!("{what} as `{theirs}`"),
        have: format!("this hub has it as `{ours}`, as every hub of {PACKAGE}@{}", offer.version.0),
        remedy: "ask its vendor for a build with the contract as it was released".into(),
    }
}

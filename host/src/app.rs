//! The composition root: a city's files become a running hub.

mod installing;
mod plugin_folder;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use lienthong_core::city::{self, City, LakePlace, Transport, Way};
use lienthong_core::hash::ContentHash;
use lienthong_core::id::{ConnectorId, RouteId, SchemaId};
use lienthong_core::manifest::Manifest;
use lienthong_core::schema::ChannelSchema;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::http::{self, Api, Parts};
use crate::lake::{self, Credentials, Lake};
use crate::net::{self, Door};
use crate::ops::keys::Pepper;
use crate::ops::log_name::log_name;
use crate::ops::plugins::versions::{Choices, Versions};
use crate::ops::plugins::{self, Plugins};
use crate::ops::roster::Roster;
use crate::ops::status::Sources;
use crate::pipeline::call::{Caller, Connector};
use crate::pipeline::channels::{Channel, Channels};
use crate::pipeline::gate::{Gate, Past};
use crate::pipeline::landing::{self, Landing, Progress};
use crate::pipeline::messages::Messages;
use crate::pipeline::recordings::Recordings;
use crate::pipeline::routes::{Conditions, RouteCondition, Routes, Surroundings};
use crate::pipeline::supervision::{Condition, Supervision};
use crate::pipeline::supervisor::Supervisor;
use crate::pipeline::version::{Slot, Version};
use crate::store::{self, Reserve, Store};
use crate::transport::body::Spool;
use crate::transport::mllp::Listener;
use crate::wasm::{Engine, EngineOptions, Plugin};
use crate::{clock, config};

pub use installing::{Installation, install, roll_back};
pub use plugin_folder::PluginFolder;

/// The hub's own socket, below its data folder.
pub const SOCKET: &str = "hub.sock";
/// The file that tells the address the hub listens on.
pub const ADDRESS: &str = "hub.addr";

/// The program that runs, also after its file was replaced by a newer one.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// What `serve` is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// The city's folder.
    pub city: PathBuf,
    /// The hub's data folder.
    pub data: PathBuf,
    /// Where plugins lie; `<city>/plugins` unless given.
    pub plugins: Option<PathBuf>,
    /// Overrides the city's `listen.address`.
    pub listen: Option<SocketAddr>,
}

/// Reads and checks a city with its plugins, in the versions that were chosen for its connectors. The error is the whole report, rendered.
fn check(options: &Options, versions: &Versions, choices: &Choices) -> anyhow::Result<(config::Loaded, PluginFolder)> {
    let folder = options.plugins.clone().unwrap_or_else(|| options.city.join("plugins"));
    let plugins = PluginFolder::read(&folder)?.with_choices(versions, choices);
    let loaded = config::load(&options.city, &plugins).map_err(|report| anyhow::anyhow!("{}", report.render(config::locale())))?;
    Ok((loaded, plugins))
}

/// Lets this process open as many files and connections as the system allows it; at first it is often far fewer.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!(%error, "the limit of open files stays as it is: `ulimit -n` shows it");
    }
}

/// Runs the hub until SIGTERM, SIGINT or SIGHUP (its terminal closed), then drains and stops.
pub async fn serve(options: Options) -> anyhow::Result<()> {
    raise_descriptors();
    let versions = Versions::of(&options.data)?;
    let choices = versions.choices()?;
    let (loaded, plugins) = check(&options, &versions, &choices)?;
    if !loaded.warnings.is_empty() {
        eprint!("{}", config::render(&loaded.warnings, config::locale()));
    }
    let city = Arc::new(loaded.city);
    let address = options.listen.unwrap_or(city.listen.address);
    if !address.ip().is_loopback() && city.listen.tls.is_none() && !city.listen.behind_proxy {
        bail!(
            "{address} is not loopback and the city has no `listen: {{ tls: … }}`: give it a certificate, or set `behind_proxy: true` if a proxy ends TLS"
        );
    }
    let behind_proxy = city.listen.behind_proxy;
    let protocols: &[&[u8]] = &[b"h2", b"http/1.1"];
    let tls = city.listen.tls.as_ref().map(|files| net::server_tls(&files.certificate, &files.key, None, protocols)).transpose()?;

    let log_begins = !options.data.join(store::DATABASE).exists();
    let reserve = Reserve::for_disk(&options.data, city.disk.keep_free_bytes, city.disk.ballast_bytes);
    let store = Store::open(store::Options { reserve, ..store::Options::new(&options.data) }).await?;
    let mode = std::fs::metadata(&options.data)?.permissions().mode();
    if mode & 0o077 != 0 {
        let (folder, mode) = (options.data.display(), format!("{:o}", mode & 0o777));
        tracing::warn!(%folder, mode, "others on this machine may look into the data folder: `chmod 700` it, and give inboxes that others fill a place outside of it");
    }
    let channels = channels(&city, &loaded.schemas);
    store.ensure_channels(&city.channels.keys().cloned().collect::<Vec<_>>()).await?;
    if let Err(error) = Roster::of(&city).write(&options.data) {
        tracing::warn!(%error, "keys that are made while the hub is down are checked against an older city");
    }
    let pepper = Pepper::open(&options.data)?;
    let log = log_name(&options.data, log_begins)?;
    let lake = Arc::new(lake(&city.lake.at, &options.data, &log).await?);
    let compiler = Some(PathBuf::from(OWN_PROGRAM));
    let engine = Arc::new(Engine::new(EngineOptions { compiler, ..EngineOptions::new(options.data.join("cache/plugins")) })?);
    let gates = gates(&city, &store).await?;
    let ready = make_ready(&city, &plugins, &engine).await?;
    let (connectors, broken) = connectors(&city, &plugins, &choices, &ready, &gates)?;
    let mut listeners = listeners(&city).await?;

    // Connectors stop first, so that what they still store can land.
    let (stop, stop_landing) = (CancellationToken::new(), CancellationToken::new());
    let progress = Progress::default();
    let running = connectors.values().map(|connector| (connector, connector.version.running()));
    let conditions = running
        .clone()
        .map(|(connector, version)| condition(&connector.id, &connector.config, &version.plugin.facts().manifest, connector.gate.clone()));
    let supervision = Supervision::new(conditions.chain(broken.iter().map(|broken| broken.condition.clone())));
    running.for_each(|(connector, version)| supervision.runs(&connector.id, &version));
    for Broken { condition, why } in broken {
        tracing::error!(connector = %condition.connector, plugin = %condition.plugin, "the connector does not run: {why}");
        supervision.failed(&condition.connector, why, clock::now());
    }
    landing::left_behind(&store, &lake, &channels, &progress).await?;
    let lake_place = lake.place().to_owned();
    let landing = Landing::start(&store, &lake, &channels, city.lake.flush, &progress, &stop_landing);
    let recordings = Recordings::open(&options.data, city.plugins.recordings).context("the recordings of runs")?;
    let caller = Caller::new(store.clone(), channels.clone(), city.clone(), recordings.clone());
    let largest = connectors.values().map(|connector| connector.config.limits.message_bytes).max().unwrap_or(0);
    let spool = Spool::new(options.data.join("spool"), largest);
    let running_connectors = connectors.len();
    let mut supervisor = Supervisor::new(spool.clone(), &options.data, stop.clone());
    let mut webhooks = BTreeMap::new();
    for (id, connector) in &connectors {
        let messages = Messages::new(caller.clone(), supervision.clone(), connector.clone());
        match (&connector.config.transport, listeners.remove(id)) {
            (Transport::Webhook, _) => drop(webhooks.insert(id.clone(), messages)),
            (Transport::Mllp(settings), Some(listener)) => supervisor.listen(messages, settings.clone(), listener),
            _ => supervisor.start(messages),
        }
    }
    // Nobody shall wait at the port of a connector that does not run.
    drop(listeners);
    let around = Surroundings {
        store: store.clone(),
        channels: channels.clone(),
        city: city.clone(),
        conditions: Conditions::new(city.routes.iter().flat_map(|(id, route)| RouteCondition::of(id, route))),
        supervision: supervision.clone(),
        log: log.into(),
        stop: stop.clone(),
    };
    let conditions = around.conditions.clone();
    let routes = start_routes(around, &ready, &plugins, &connectors);
    let plugins = Plugins::new(plugins::Parts {
        city: city.clone(),
        channels: channels.clone(),
        versions,
        engine: Arc::downgrade(&engine),
        connectors,
        supervision: supervision.clone(),
        caller,
        recordings: recordings.clone(),
        folder: plugins.into_components(),
    })?;
    let status = Sources {
        city: city.title.clone(),
        started_at: clock::now(),
        store: store.clone(),
        channels: channels.clone(),
        lake: lake_place,
        progress,
        supervision,
        routes: conditions,
    };
    let routes_in_city = city.routes.len();
    let api =
        Api::new(Parts { city, store: store.clone(), pepper, channels, messages: webhooks, plugins, status, spool, stop: stop.clone() });
    let router = http::router(api);

    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; another program may hold it: give `--listen`"))?;
    let local_address = listener.local_addr()?;
    let socket = options.data.join(SOCKET);
    let local = http::serve::local_listener(&socket).with_context(|| format!("cannot open {}", socket.display()))?;
    // Before anybody can know that the hub is there, so that whoever does can stop it in order.
    let stopped = stop_signals()?;
    let tcp = http::serve::Tcp { listener, tls, behind_proxy };
    let serving = tokio::spawn(http::serve::tcp(tcp, router.clone(), stop.clone()));
    let serving_local = tokio::spawn(http::serve::local(local, router, stop.clone()));
    std::fs::write(options.data.join(ADDRESS), local_address.to_string())?;
    let sweeping = tokio::spawn(sweep(store.clone(), recordings, stop.clone()));
    tracing::info!(address = %local_address, connectors = running_connectors, routes = routes_in_city, "the hub is ready");

    stopped.await;
    tracing::info!("stopping: requests under way are answered, then everything comes to rest");
    stop.cancel();
    serving.await?;
    serving_local.await?;
    supervisor.stopped().await;
    routes.stopped().await;
    sweeping.await?;
    stop_landing.cancel();
    landing.stopped().await;
    // Nobody is left who could still be installing.
    drop(engine);
    let _ = std::fs::remove_file(&socket);
    let _ = std::fs::remove_file(options.data.join(ADDRESS));
    store.close().await?;
    tracing::info!("stopped");
    Ok(())
}

fn channels(city: &City, schemas: &BTreeMap<SchemaId, Arc<ChannelSchema>>) -> Channels {
    Channels::new(city.channels.iter().filter_map(|(id, config)| {
        let schema = schemas.get(&config.schema)?.clone();
        Some(Channel { id: id.clone(), config: config.clone(), schema })
    }))
}

/// How long the start waits for the lake's object store.
const LAKE_PATIENCE: Duration = Duration::from_secs(10);

/// The lake where the city wants it. A store that cannot be reached holds nothing up: the log keeps what is to land there.
async fn lake(place: &LakePlace, data: &Path, log: &str) -> anyhow::Result<Lake> {
    let bucket = match place {
        LakePlace::DataFolder => return Ok(Lake::open(&data.join("lake"))?),
        LakePlace::Bucket(bucket) => bucket,
    };
    let lake = Lake::in_bucket(bucket, &Credentials::find(data)?, log)?;
    let why = match tokio::time::timeout(LAKE_PATIENCE, lake.prove()).await {
        Ok(Ok(())) => return Ok(lake),
        Ok(Err(error @ lake::Error::IgnoresConditions { .. })) => return Err(error.into()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", LAKE_PATIENCE.as_secs()),
    };
    tracing::warn!(place = %lake.place(), why, "the lake cannot be reached: data is taken all the same, and lands when it can");
    Ok(lake)
}

/// A connector whose plugin cannot be made ready. The others run.
struct Broken {
    condition: Condition,
    why: String,
}

/// The plugins that a city uses, or why one cannot be used.
type Ready = BTreeMap<ContentHash, Result<Plugin, String>>;

/// Makes every plugin ready that a connector runs or a route names, one after the other.
async fn make_ready(city: &City, plugins: &PluginFolder, engine: &Engine) -> anyhow::Result<Ready> {
    let of_connectors = city.connectors.iter().map(|(id, connector)| (&connector.plugin, plugins.component(id, &connector.plugin)));
    let of_routes = city.routes.values().filter_map(|route| match &route.writing.as_ref()?.how {
        Way::Fold(fold) => Some((&fold.plugin, plugins.of_folder(&fold.plugin).map(Ok))),
        Way::Copy(_) => None,
    });
    let mut ready = Ready::new();
    for (name, component) in of_connectors.chain(of_routes) {
        // What was chosen and is gone breaks its connector alone.
        let Ok(component) = component.with_context(|| format!("the plugin {name} is missing"))? else { continue };
        if ready.contains_key(&component.hash()) {
            continue;
        }
        let version = &component.facts.manifest.plugin.version;
        tracing::info!(plugin = %name, version, "making the plugin ready");
        let plugin = engine.load(component.bytes.clone()).await.map_err(|error| error.to_string());
        ready.insert(component.hash(), plugin);
    }
    Ok(ready)
}

/// Starts every route, as far as its plugins are ready; what is not says so in its condition.
fn start_routes(around: Surroundings, ready: &Ready, plugins: &PluginFolder, connectors: &BTreeMap<ConnectorId, Arc<Connector>>) -> Routes {
    let (city, conditions) = (around.city.clone(), around.conditions.clone());
    let mut routes = Routes::new(around);
    let broken = |id: &RouteId, sink: Option<&ConnectorId>, why: String| {
        tracing::error!(route = %id, "the route does not run: {why}");
        conditions.failed(&(id.clone(), sink.cloned()), why, clock::now());
    };
    for (id, route) in &city.routes {
        match route.writing.as_ref().map(|writing| &writing.how) {
            None => {}
            Some(Way::Copy(_)) => routes.write(id, route, None),
            Some(Way::Fold(fold)) => match plugins.of_folder(&fold.plugin).and_then(|component| ready.get(&component.hash())) {
                Some(Ok(plugin)) => routes.write(id, route, Some(plugin.clone())),
                Some(Err(why)) => broken(id, None, format!("the plugin {}: {why}", fold.plugin)),
                None => {}
            },
        }
        for sink in &route.sinks {
            match connectors.get(sink).map(|connector| (connector, &connector.config.transport)) {
                Some((connector, Transport::Deliver(how))) => routes.deliver(id, route, connector.clone(), *how),
                _ => broken(id, Some(sink), format!("the connector {sink} does not run")),
            }
        }
    }
    routes
}

type Connectors = (BTreeMap<ConnectorId, Arc<Connector>>, Vec<Broken>);

/// Every connector's gate, with what is known of it from the lives before.
async fn gates(city: &City, store: &Store) -> anyhow::Result<BTreeMap<ConnectorId, Gate>> {
    let (mut hours, mut paused) = (store.hours().await?, store.paused().await?);
    let gate = |(id, config): (&ConnectorId, &city::Connector)| {
        let past = Past { hours: hours.remove(id).unwrap_or_default(), paused: paused.remove(id) };
        (id.clone(), Gate::new(id.clone(), config.budget, config.fresh_within, past))
    };
    Ok(city.connectors.iter().map(gate).collect())
}

fn connectors(
    city: &City,
    plugins: &PluginFolder,
    choices: &Choices,
    ready: &Ready,
    gates: &BTreeMap<ConnectorId, Gate>,
) -> anyhow::Result<Connectors> {
    let (mut connectors, mut broken) = (BTreeMap::new(), Vec::new());
    for (id, config) in &city.connectors {
        let gate = gates.get(id).cloned().with_context(|| format!("{id} has no gate"))?;
        let component = match plugins.component(id, &config.plugin) {
            Some(Ok(component)) => component,
            Some(Err(why)) => {
                let about = plugins.of_folder(&config.plugin).with_context(|| format!("the plugin {} of {id}: {why}", config.plugin))?;
                broken.push(Broken { condition: condition(id, config, &about.facts.manifest, gate), why: why.clone() });
                continue;
            }
            None => bail!("the plugin {} of {id} is missing", config.plugin),
        };
        let plugin = match ready.get(&component.hash()) {
            Some(Ok(plugin)) => plugin.clone(),
            Some(Err(why)) => {
                let condition = condition(id, config, &component.facts.manifest, gate);
                broken.push(Broken { condition, why: format!("the plugin {}: {why}", config.plugin) });
                continue;
            }
            None => continue,
        };
        let signed_by = component.signed_by();
        let version = Slot::new(Version { plugin, signed_by, since: choices.of(id, &config.plugin).and_then(|choice| choice.since) });
        let door = if config.egress.is_empty() { None } else { Some(Door::new(&config.egress)?) };
        connectors.insert(id.clone(), Arc::new(Connector { id: id.clone(), config: config.clone(), version, door, gate }));
    }
    Ok((connectors, broken))
}

/// Opens every port before anything runs, so that one that is taken stops the start.
async fn listeners(city: &City) -> anyhow::Result<BTreeMap<ConnectorId, Listener>> {
    let mut listeners = BTreeMap::new();
    for (id, connector) in &city.connectors {
        if let Transport::Mllp(settings) = &connector.transport {
            let listener = Listener::open(settings).await.with_context(|| format!("the port of the connector {id}"))?;
            listeners.insert(id.clone(), listener);
        }
    }
    Ok(listeners)
}

fn condition(id: &ConnectorId, config: &city::Connector, manifest: &Manifest, gate: Gate) -> Condition {
    Condition::new(id.clone(), &manifest.plugin, config.agency.clone(), config.transport.as_str(), gate)
}

/// Forgets idempotency keys past their seven days, and recordings that were kept long enough, every hour.
async fn sweep(store: Store, recordings: Recordings, stop: CancellationToken) {
    loop {
        if let Err(error) = store.sweep().await {
            tracing::warn!(%error, "old idempotency keys were not forgotten");
        }
        let old = recordings.clone();
        match tokio::task::spawn_blocking(move || old.sweep(clock::now())).await {
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) => tracing::warn!(%error, "old recordings of runs were not removed"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(3600)) => {}
        }
    }
}

/// Takes the signals that stop the hub from here on; the future ends at the first of them.
fn stop_signals() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Started under `nohup`, it is to outlive its terminal.
    let mut hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
    Ok(async move {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hung_up => {}
        }
    })
}

/// Whether whoever started this process had it ignore SIGHUP (signal 1, the lowest bit of the mask).
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

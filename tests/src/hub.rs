//! A hub as a child process: started, killed and started again.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::city::City;
use crate::client::{Address, Client};
use crate::program::{argument, lienthong, run};
use crate::wait::{PATIENCE, until, until_within};

/// A first start with plugins in JavaScript or Python, on a slow machine with much to do.
const FIRST_COMPILATION: Duration = Duration::from_secs(1200);

/// A running hub, and all that belongs to it. It dies when this is dropped.
#[derive(Debug)]
pub struct Hub {
    city: City,
    plugins: Option<std::path::PathBuf>,
    environment: Environment,
    child: Child,
    address: Address,
}

/// Variables of the hub's process beside those of the trial's own.
pub type Environment = BTreeMap<&'static str, OsString>;

impl Hub {
    /// Starts a hub without plugins on a city, and waits until it is ready.
    pub async fn start(city: City) -> Self {
        Self::begin(city, None, Environment::new()).await
    }

    /// The same, with variables in its environment.
    pub async fn start_in(city: City, environment: Environment) -> Self {
        Self::begin(city, None, environment).await
    }

    /// Starts a hub with the compiled plugins, and waits until it is ready.
    pub async fn start_with_plugins(city: City) -> Self {
        let plugins = crate::program::plugins();
        Self::begin(city, Some(plugins), Environment::new()).await
    }

    /// As [`Hub::start_with_plugins`], for plugins that take minutes to become machine code: it is kept for the next time.
    pub async fn start_with_kept_machine_code(city: City) -> Self {
        crate::program::keep_machine_code(&city.data());
        // Trials run side by side, and each would compile the same.
        let lock = tokio::task::spawn_blocking(crate::program::lock_machine_code).await;
        let _lock = lock.unwrap_or_else(|error| panic!("{error}"));
        let mut hub = Self::spawned(city, Some(crate::program::plugins()), Environment::new());
        hub.ready_within(FIRST_COMPILATION).await;
        hub
    }

    async fn begin(city: City, plugins: Option<std::path::PathBuf>, environment: Environment) -> Self {
        let mut hub = Self::spawned(city, plugins, environment);
        hub.ready().await;
        hub
    }

    fn spawned(city: City, plugins: Option<std::path::PathBuf>, environment: Environment) -> Self {
        std::fs::create_dir_all(city.data()).unwrap_or_else(|error| panic!("{}: {error}", city.data().display()));
        let child = spawn(&city, plugins.as_deref(), &environment);
        Self { city, plugins, environment, child, address: Address::new(([127, 0, 0, 1], 0).into()) }
    }

    /// Starts it again after it ended, and waits until it is ready. Clients made before go on.
    pub async fn start_again(&mut self) {
        self.spawn_again();
        self.ready().await;
    }

    /// Starts it again and does not wait.
    pub fn spawn_again(&mut self) {
        self.child = spawn(&self.city, self.plugins.as_deref(), &self.environment);
    }

    /// What its process finds in its environment from the next start on.
    pub fn environment(&mut self) -> &mut Environment {
        &mut self.environment
    }

    /// Waits until it takes data.
    pub async fn ready(&mut self) {
        self.ready_within(PATIENCE).await;
    }

    async fn ready_within(&mut self, patience: Duration) {
        if let Some(status) = self.ready_or_ended_within(patience).await {
            panic!("the hub ended with {status} before it was ready:\n{}", self.log());
        }
    }

    /// Waits until it takes data, or has ended: then, how.
    pub async fn ready_or_ended(&mut self) -> Option<ExitStatus> {
        self.ready_or_ended_within(PATIENCE).await
    }

    async fn ready_or_ended_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let file = self.city.data().join("hub.addr");
        let (child, address) = (&mut self.child, &self.address);
        let nobody = Client::new(address.clone(), None);
        // A future cannot borrow what the next one borrows too: the child is looked at between.
        let child = Mutex::new(child);
        until_within(patience, "the hub is ready", || {
            let ended = child.lock().unwrap_or_else(PoisonError::into_inner).try_wait().ok().flatten();
            let known = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
            let ask = known.map(|known| {
                address.set(known);
                nobody.get("/readyz")
            });
            async move {
                if ended.is_some() {
                    return Some(ended);
                }
                ask?.attempt().await.ok().filter(|answer| answer.status.is_success()).map(|_| None)
            }
        })
        .await
    }

    /// The city and its folders.
    pub fn city(&self) -> &City {
        &self.city
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        let id = self.child.id().unwrap_or_else(|| panic!("the hub has ended:\n{}", self.log()));
        Pid::from_raw(id.cast_signed()).unwrap_or_else(|| panic!("{id} is no process id"))
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Ends it as a power cut would end a process: SIGKILL.
    pub async fn kill(&mut self) {
        self.end(Signal::KILL).await;
    }

    /// Asks it to end, and waits until it did.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.end(Signal::TERM).await
    }

    /// Closes its terminal, so to speak, and waits until it ended.
    pub async fn hang_up(&mut self) -> ExitStatus {
        self.end(Signal::HUP).await
    }

    async fn end(&mut self, signal: Signal) -> ExitStatus {
        kill_process(self.pid(), signal).unwrap_or_else(|error| panic!("the hub took no signal: {error}"));
        self.ended().await
    }

    /// Waits until it ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(Duration::from_secs(120), self.child.wait()).await;
        let Ok(ended) = ended else { panic!("the hub did not end:\n{}", self.log()) };
        ended.unwrap_or_else(|error| panic!("the hub's end was not seen: {error}"))
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        log_of(&self.city)
    }

    /// Somebody without a key.
    pub fn nobody(&self) -> Client {
        self.with_key(None)
    }

    /// Somebody with any text as a key.
    pub fn with_key(&self, key: Option<&str>) -> Client {
        Client::new(self.address.clone(), key.map(str::to_owned))
    }

    /// A new key through the command line; `options` as `key create` takes them.
    pub async fn client(&self, options: &[&str]) -> Client {
        let data = self.city.data();
        let said = run(&[&["key", "create", "--data", argument(&data)], options].concat()).await;
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let key = said.stdout.strip_suffix('\n').unwrap_or_else(|| panic!("no line end behind the key"));
        assert!(!key.contains(char::is_whitespace), "the key alone belongs on the standard output: {}", said.stdout);
        self.with_key(Some(key))
    }

    /// An agency with all its rights.
    pub async fn agency(&self, id: &str) -> Client {
        self.client(&["--agency", id]).await
    }

    /// An operator.
    pub async fn operator(&self) -> Client {
        self.client(&["--operator"]).await
    }
}

/// One channel's sums in a status, once `/v1/status` was asked.
pub async fn channel_status(operator: &Client, channel: &str) -> Value {
    let status = operator.get("/v1/status").send().await.expect(200).json();
    find(&status["channels"], "channel", channel)
}

/// One connector's condition.
pub async fn connector_status(operator: &Client, connector: &str) -> Value {
    let status = operator.get("/v1/status").send().await.expect(200).json();
    find(&status["connectors"], "connector", connector)
}

/// Waits until a channel has stored so many records and all of them are in the lake; fails unless its sums hold.
pub async fn landed(operator: &Client, channel: &str, records: u64) -> Value {
    until(&format!("{records} records of {channel} are in the lake"), || async {
        let status = channel_status(operator, channel).await;
        assert_eq!(status["sums_hold"], true, "{status}");
        (status["stored"] == records && status["landed"] == records && status["pending"] == 0).then_some(status)
    })
    .await
}

fn find(list: &Value, name: &str, wanted: &str) -> Value {
    let found = list.as_array().and_then(|list| list.iter().find(|one| one[name] == wanted));
    found.unwrap_or_else(|| panic!("no {name} {wanted} in {list}")).clone()
}

fn spawn(city: &City, plugins: Option<&std::path::Path>, environment: &Environment) -> Child {
    let address = city.data().join("hub.addr");
    match std::fs::remove_file(&address) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{}: {error}", address.display()),
        _ => {}
    }
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(city.log())
        .unwrap_or_else(|error| panic!("{}: {error}", city.log().display()));
    let mut command = Command::new(lienthong());
    command.arg("serve").arg("--city").arg(city.path()).arg("--data").arg(city.data()).args(["--listen", "127.0.0.1:0"]);
    if let Some(plugins) = plugins {
        command.arg("--plugins").arg(plugins);
    }
    command.env("LC_ALL", "C.UTF-8").envs(environment).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
    command.spawn().unwrap_or_else(|error| panic!("{} can not be started: {error}", lienthong().display()))
}

fn log_of(city: &City) -> String {
    let log = std::fs::read_to_string(city.log()).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

impl Drop for Hub {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the end of the hub's log:\n{}", self.log());
        }
    }
}

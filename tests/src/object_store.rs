//! A real object store that speaks S3: SeaweedFS, on this machine, for one trial.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::program::no_keys_of_ours;
use crate::wait::until;

/// The one bucket.
pub const BUCKET: &str = "lake";
/// Who may do everything in it.
pub const KEY_ID: &str = "trial";
/// What KEY_ID signs with.
pub const SECRET: &str = "trial-secret";

/// The server; it dies when this is dropped.
#[derive(Debug)]
pub struct ObjectStore {
    address: SocketAddr,
    _child: Child,
    folder: TempDir,
}

/// The folder of programs that `tests/lake_tools` finds or makes.
pub fn tools() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("lake_tools");
    let output = std::process::Command::new(&script).stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success() && !folder.is_empty(), "{} found no Python: {}", script.display(), output.status);
    folder.into()
}

impl ObjectStore {
    /// Starts a server that checks signatures.
    pub async fn start() -> Self {
        Self::start_with(&[("AWS_ACCESS_KEY_ID", KEY_ID), ("AWS_SECRET_ACCESS_KEY", SECRET)]).await
    }

    /// Starts a server that takes anything from anyone, so that what passes it on may change it.
    pub async fn start_open() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(credentials: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let ports: [u16; 8] = free_ports();
        let names = [
            "s3.port",
            "s3.port.grpc",
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
        ];
        let log = std::fs::File::create(folder.path().join("log")).unwrap_or_else(|error| panic!("no log for the object store: {error}"));
        let mut command = Command::new(tools().join("weed"));
        no_keys_of_ours(&mut command);
        command.envs(credentials.iter().copied()).arg("-logtostderr=true").arg("mini");
        command.arg(format!("-dir={}", folder.path().display())).arg(format!("-bucket={BUCKET}"));
        command.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-admin.ui=false", "-webdav=false", "-master.telemetry=false"]);
        command.args(["-s3.port.iceberg=0", "-s3.port.lance=0"]);
        command.args(names.iter().zip(ports).map(|(name, port)| format!("-{name}={port}")));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true).current_dir(folder.path());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("the object store can not be started: {error}"));
        let address = SocketAddr::from(([127, 0, 0, 1], ports[0]));
        let store = folder.path().join("log");
        let ended = std::cell::RefCell::new(&mut child);
        until("the object store answers", || {
            if let Ok(Some(status)) = ended.borrow_mut().try_wait() {
                panic!("the object store ended with {status}:\n{}", std::fs::read_to_string(&store).unwrap_or_default());
            }
            async { bucket_is_there(address).await.then_some(()) }
        })
        .await;
        Self { address, _child: child, folder }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// Whether the bucket is there: forbidden to nobody in particular, or open; until it is made it is absent.
async fn bucket_is_there(address: SocketAddr) -> bool {
    use hyper_util::rt::TokioIo;
    let Ok(stream) = TcpStream::connect(address).await else { return false };
    let Ok((mut sender, connection)) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await else { return false };
    let driving = tokio::spawn(connection);
    let request = http::Request::get(format!("/{BUCKET}/")).header("host", address.to_string());
    let Ok(request) = request.body(http_body_util::Empty::<bytes::Bytes>::new()) else { return false };
    let answered = sender.send_request(request).await;
    driving.abort();
    answered.is_ok_and(|answer| matches!(answer.status().as_u16(), 200 | 403))
}

/// Ports that were free a moment ago.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap_or_else(|error| panic!("no free port: {error}")));
    listeners.map(|listener| listener.local_addr().map_or(0, |address| address.port()))
}

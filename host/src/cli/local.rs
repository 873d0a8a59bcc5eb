//! The way from the command line to a hub's data: through the hub's own socket while it runs, else the folder itself.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use lienthong::app::SOCKET;
use lienthong::store::{Options, Store};
use serde_json::Value;
use tokio::net::UnixStream;

/// The folder itself, where no hub runs on it.
pub(crate) async fn open(data: &Path) -> anyhow::Result<Store> {
    Ok(Store::open(Options::new(data)).await?)
}

/// Refuses a folder that is no hub's, before it becomes one.
pub(crate) fn existing(data: &Path) -> anyhow::Result<()> {
    match data.join("hub.db").try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => bail!("{} is no hub's folder yet: `lienthong serve` makes it", data.display()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be looked into: be the user that runs the hub", data.display())),
    }
}

/// Asks the running hub; none if no hub runs on this folder.
pub(crate) async fn ask(data: &Path, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Option<Value>> {
    let socket = data.join(SOCKET);
    let stream = match UnixStream::connect(&socket).await {
        Ok(stream) => stream,
        // No socket, or one that a killed hub left behind.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => bail!(
            "this user may not open {}: it belongs to the user that runs the hub; be that user (`sudo -u …`), or use the API with an operator's key",
            socket.display()
        ),
        Err(error) => return Err(error).with_context(|| format!("the hub at {}", socket.display())),
    };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.with_context(|| format!("the hub at {}", socket.display()))?;
    let connection = tokio::spawn(connection);
    let bytes = body.map(Value::to_string).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(bytes::Bytes::from(bytes)))?;
    let response = sender.send_request(request).await.context("the hub did not answer")?;
    let status = response.status();
    let bytes = response.into_body().collect().await.context("the hub broke off")?.to_bytes();
    drop(sender);
    connection.abort();
    let value: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if !status.is_success() {
        bail!("{}", value.get("detail").and_then(Value::as_str).unwrap_or("the hub refused"));
    }
    Ok(Some(value))
}

//! A small HTTP/1.1 client: one request a connection, on the loopback, with a time limit and a size limit.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// No request may take longer, answer included.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// No answer may be longer, bytes.
const SIZE_LIMIT: usize = 64 << 20;

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    /// Its status code.
    pub status: StatusCode,
    /// Its headers.
    pub headers: http::HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text, for messages to people.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}

/// Sends one request and reads the answer.
///
/// # Errors
/// When nothing listens, the connection breaks, or a limit is passed. An answer of any status is no error.
pub async fn send(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(HeaderName, String)],
    body: Bytes,
) -> anyhow::Result<Answer> {
    let what = format!("{method} http://{address}{path}");
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, address.to_string());
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(value).with_context(|| format!("the value of header {name} can not be sent"))?;
        value.set_sensitive(*name == header::AUTHORIZATION);
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body)).with_context(|| what.clone())?;
    tokio::time::timeout(TIME_LIMIT, exchange(address, request))
        .await
        .map_err(|_| anyhow::anyhow!("no answer within {} s", TIME_LIMIT.as_secs()))
        .and_then(|answer| answer)
        .with_context(|| what)
}

async fn exchange(address: SocketAddr, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let ask = async move {
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, SIZE_LIMIT).collect().await.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes();
        anyhow::Ok(Answer { status: head.status, headers: head.headers, body })
    };
    // The connection does its work in this very task, so nothing is left behind when the caller gives up.
    tokio::pin!(ask);
    tokio::pin!(connection);
    tokio::select! {
        answer = &mut ask => answer,
        ended = &mut connection => {
            ended?;
            ask.await
        }
    }
}

//! A small web server of an agency's system: HTTP/1.1 on one address, answered from memory.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// What is answered.
pub type Answer = Response<Full<Bytes>>;

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    /// Binds `listen` and answers every request.
    ///
    /// # Errors
    /// When the address is taken; `whose` names the server.
    pub async fn start<F>(whose: &str, listen: SocketAddr, answer: F) -> anyhow::Result<Self>
    where
        F: Fn(&Request<Incoming>) -> Answer + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(listen).await.with_context(|| format!("{whose} can not listen at {listen}"))?;
        let address = listener.local_addr()?;
        let task = AbortOnDropHandle::new(tokio::spawn(serve(listener, Arc::new(answer))));
        Ok(Self { address, _task: task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// An answer without a body.
pub fn plain(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// Goes on until it is aborted; the connections are then, too.
async fn serve<F>(listener: TcpListener, answer: Arc<F>)
where
    F: Fn(&Request<Incoming>) -> Answer + Send + Sync + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => {
                // A connection that was given up before it was taken is nobody's loss.
                let Ok((stream, _)) = accepted else { continue };
                let answer = Arc::clone(&answer);
                connections.spawn(async move {
                    let service = hyper::service::service_fn(move |request| {
                        let response = answer(&request);
                        async move { Ok::<_, Infallible>(response) }
                    });
                    // A client that hangs up in the middle is its own affair.
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }
    }
}

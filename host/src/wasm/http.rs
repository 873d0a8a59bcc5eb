//! `wasi:http` for guests: every request goes through the call's door, and is counted.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Frame;
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error as HttpError, RequestOptions, WasiBody, WasiHttpHooks};

use super::call::{Cause, Subject};
use super::meter::{Breach, HttpMeter, Meter};
use super::stdio::Tail;
use crate::net::{self, Caps, Door};

/// What `wasi:http` asks for a request that is on its way.
type Sent = Box<dyn Future<Output = Result<(Response<WasiBody>, Done), HttpError>> + Send>;
type Done = Box<dyn Future<Output = Result<(), HttpError>> + Send>;

#[derive(Clone)]
pub(super) struct Hooks {
    door: Door,
    subject: Subject,
    meter: Arc<HttpMeter>,
    breach: Breach,
    tail: Tail,
    max_requests: u64,
    max_bytes: u64,
    total: Duration,
}

impl Hooks {
    pub(super) fn new(door: Option<Door>, subject: Subject, meter: &Meter, tail: Tail) -> Self {
        Self {
            door: door.unwrap_or_else(Door::closed),
            subject,
            meter: Arc::clone(&meter.http),
            breach: meter.breach.clone(),
            tail,
            max_requests: u64::from(meter.limits.http_requests),
            max_bytes: meter.limits.http_bytes,
            // Behind the end of the call, which tells the limit and its key.
            total: meter.limits.time_per_call + Duration::from_secs(1),
        }
    }

    /// Tells the operator, and the guest's own story.
    fn warn(&self, line: &str) {
        let Subject { connector, message } = &self.subject;
        tracing::warn!(target: "plugin", %connector, message_name = %message, "{line}");
        self.tail.push(format!("{line}\n").as_bytes());
    }
}

impl Hooks {
    /// A denial is the operator's to know, with the line that would allow it; other trouble is the guest's.
    fn tell(&self, error: &net::Error) {
        let line = chain(error);
        if matches!(error, net::Error::Denied(_)) {
            return self.warn(&line);
        }
        let Subject { connector, message } = &self.subject;
        tracing::debug!(target: "plugin", %connector, message_name = %message, "{line}");
        self.tail.push(format!("{line}\n").as_bytes());
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(&mut self, mut request: Request<WasiBody>, options: Option<RequestOptions>, _: Done) -> Sent {
        let sent = self.meter.requests.fetch_add(1, Relaxed) + 1;
        if sent > self.max_requests {
            self.breach.note(Cause::HttpRequests(self.max_requests));
            return Box::new(async { Err(HttpError::HttpRequestDenied) });
        }
        if request.headers_mut().remove(header::AUTHORIZATION).is_some() {
            self.warn("an Authorization header of the plugin was removed: credentials are the hub's to add, never the plugin's");
        }
        // Before the request's task begins: a denied host costs nothing.
        if let Err(error) = self.door.check(&request.uri().to_string()) {
            self.warn(&error.to_string());
            return Box::new(async move { Err(answer(&error)) });
        }
        let heads = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
        self.meter.sent_bytes.fetch_add((request.uri().to_string().len() + heads) as u64, Relaxed);
        let sent = Arc::clone(&self.meter);
        let request = request.map(|body| Counted { body, meter: sent }.boxed_unsync());
        let door = self.door.clone();
        let defaults = Caps::default();
        let options = options.unwrap_or_default();
        let caps = Caps {
            connect: options.connect_timeout.map_or(defaults.connect, |wanted| wanted.min(defaults.connect)),
            first_byte: options.first_byte_timeout.map_or(defaults.first_byte, |wanted| wanted.min(defaults.first_byte)),
            total: self.total,
            response_bytes: self.max_bytes,
        };
        let (meter, breach, max_bytes) = (Arc::clone(&self.meter), self.breach.clone(), self.max_bytes);
        let hooks = self.clone();
        Box::new(async move {
            match door.send(request, caps).await {
                Ok(response) => {
                    let metered = response.map(|body| Metered { body, meter, breach, max_bytes }.boxed_unsync());
                    Ok((metered, Box::new(async { Ok(()) }) as Done))
                }
                Err(error) => {
                    hooks.tell(&error);
                    Err(answer(&error))
                }
            }
        })
    }
}

/// An error with its sources.
fn chain(error: &net::Error) -> String {
    let mut line = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        line = format!("{line}: {error}");
        source = error.source();
    }
    line
}

/// What the guest is told.
fn answer(error: &net::Error) -> HttpError {
    match error {
        net::Error::Denied(_) => HttpError::HttpRequestDenied,
        net::Error::Url(_) => HttpError::HttpRequestUriInvalid,
        net::Error::Resolve { .. } => HttpError::DnsError { rcode: None, info_code: None },
        net::Error::Connect { .. } => HttpError::ConnectionRefused,
        net::Error::Tls { .. } => HttpError::TlsCertificateError,
        net::Error::Timeout { what: "connecting", .. } => HttpError::ConnectionTimeout,
        net::Error::Timeout { .. } => HttpError::HttpResponseTimeout,
        net::Error::TooLarge { limit } => HttpError::HttpResponseBodySize(Some(*limit)),
        net::Error::Http(_) => HttpError::HttpProtocolError,
        net::Error::Hub(_) => HttpError::InternalError(None),
    }
}

/// A request's body, counted as it leaves.
struct Counted {
    body: WasiBody,
    meter: Arc<HttpMeter>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        let frame = std::task::ready!(Pin::new(&mut this.body).poll_frame(cx));
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref) {
            this.meter.sent_bytes.fetch_add(data.len() as u64, Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// A response's body that counts against the whole call.
struct Metered {
    body: net::Body,
    meter: Arc<HttpMeter>,
    breach: Breach,
    max_bytes: u64,
}

impl http_body::Body for Metered {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        let too_much = |this: &Self| {
            this.breach.note(Cause::HttpBytes(this.max_bytes));
            Poll::Ready(Some(Err(HttpError::HttpResponseBodySize(Some(this.max_bytes)))))
        };
        match std::task::ready!(Pin::new(&mut this.body).poll_frame(cx)) {
            None => Poll::Ready(None),
            Some(Err(net::Error::TooLarge { .. })) => too_much(this),
            Some(Err(error)) => Poll::Ready(Some(Err(answer(&error)))),
            Some(Ok(frame)) => {
                let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                let total = this.meter.bytes.fetch_add(size, Relaxed) + size;
                if total > this.max_bytes { too_much(this) } else { Poll::Ready(Some(Ok(frame))) }
            }
        }
    }
}

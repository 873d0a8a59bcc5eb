//! `wasi:http` for guests: every request goes through the call's door, and is counted.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, Limited};
use wasmtime_wasi_http::{Error as HttpError, RequestOptions, WasiBody, WasiHttpHooks};

use super::call::{Cause, Subject};
use super::meter::{Breach, HttpMeter, Meter};
use super::recording::{Exchange, NoAnswer, Recorder, Replay, Tape};
use super::stdio::Tail;
use crate::net::{self, Caps, Door};

/// What `wasi:http` asks for a request that is on its way.
type Sent = Box<dyn Future<Output = Result<(Response<WasiBody>, Done), HttpError>> + Send>;
type Done = Box<dyn Future<Output = Result<(), HttpError>> + Send>;

pub(super) struct Hooks {
    door: Door,
    tape: Option<Tape>,
    subject: Subject,
    meter: Arc<HttpMeter>,
    breach: Breach,
    tail: Tail,
    max_requests: u64,
    max_bytes: u64,
    total: std::time::Duration,
}

impl Hooks {
    pub(super) fn new(door: Option<Door>, tape: Option<Tape>, subject: Subject, meter: &Meter, tail: Tail) -> Self {
        Self {
            door: door.unwrap_or_else(Door::closed),
            tape,
            subject,
            meter: Arc::clone(&meter.http),
            breach: meter.breach.clone(),
            tail,
            max_requests: u64::from(meter.limits.http_requests),
            max_bytes: meter.limits.http_bytes,
            total: meter.limits.time_per_call,
        }
    }

    /// Tells the operator, and the guest's own story.
    fn warn(&self, line: &str) {
        let Subject { connector, message } = &self.subject;
        tracing::warn!(target: "plugin", %connector, message_name = %message, "{line}");
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
        let (meter, breach, max_bytes) = (Arc::clone(&self.meter), self.breach.clone(), self.max_bytes);
        let tail = self.tail.clone();
        if let Some(Tape::Replaying(replay)) = &self.tape {
            let replay = replay.clone();
            return Box::new(async move {
                let response = replayed(&replay, request, max_bytes, &tail).await?;
                let metered = response
                    .map(|body| Metered { body: Full::new(body).map_err(|never| match never {}), meter, breach, max_bytes }.boxed_unsync());
                Ok((metered, Box::new(async { Ok(()) }) as Done))
            });
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
        if let Some(Tape::Recording(recorder)) = &self.tape {
            let recorder = recorder.clone();
            return Box::new(async move {
                let response = recorded(&recorder, &door, request, caps, &tail).await?;
                let metered = response
                    .map(|body| Metered { body: Full::new(body).map_err(|never| match never {}), meter, breach, max_bytes }.boxed_unsync());
                Ok((metered, Box::new(async { Ok(()) }) as Done))
            });
        }
        let subject = self.subject.clone();
        Box::new(async move {
            match door.send(request, caps).await {
                Ok(response) => {
                    let metered = response.map(|body| Metered { body, meter, breach, max_bytes }.boxed_unsync());
                    Ok((metered, Box::new(async { Ok(()) }) as Done))
                }
                Err(error) => {
                    let (line, Subject { connector, message }) = (chain(&error), subject);
                    tracing::debug!(target: "plugin", %connector, message_name = %message, "{line}");
                    tail.push(format!("{line}\n").as_bytes());
                    Err(answer(&error))
                }
            }
        })
    }
}

/// What a recording has for the request.
async fn replayed(replay: &Replay, request: Request<WasiBody>, max_bytes: u64, tail: &Tail) -> Result<Response<Bytes>, HttpError> {
    let (parts, body) = request.into_parts();
    let sent = Limited::new(body, usize::try_from(max_bytes).unwrap_or(usize::MAX)).collect().await;
    let sent = sent.map_err(|_| HttpError::HttpRequestBodySize(Some(max_bytes)))?.to_bytes();
    let Some(exchange) = replay.answer(&parts.method, &parts.uri, &sent) else {
        tail.push(format!("no exchange is left that answers {} {}\n", parts.method, parts.uri).as_bytes());
        return Err(HttpError::HttpRequestDenied);
    };
    match exchange.fails {
        Some(NoAnswer::Refused) => Err(HttpError::ConnectionRefused),
        Some(NoAnswer::Timeout) => Err(HttpError::HttpResponseTimeout),
        Some(NoAnswer::Silence) => {
            replay.stall().await;
            Err(HttpError::HttpResponseTimeout)
        }
        None => exchange.response().map_err(|_| HttpError::HttpProtocolError),
    }
}

/// Sends the request and keeps what came of it; its body is whole before the guest sees any of it.
async fn recorded(
    recorder: &Recorder,
    door: &Door,
    request: Request<WasiBody>,
    caps: Caps,
    tail: &Tail,
) -> Result<Response<Bytes>, HttpError> {
    let (parts, body) = request.into_parts();
    let sent = body.collect().await?.to_bytes();
    let request = Request::from_parts(parts, ());
    let outgoing = request.clone().map(|()| Full::new(sent.clone()));
    let answered = async {
        let (head, body) = door.send(outgoing, caps).await?.into_parts();
        Ok::<_, net::Error>((Response::from_parts(head, ()), body.collect().await?.to_bytes()))
    };
    match answered.await {
        Ok((head, body)) => {
            recorder.keep(Exchange::answered(&request, &sent, &head, &body));
            Ok(head.map(|()| body))
        }
        Err(error) => {
            tail.push(format!("{}\n", chain(&error)).as_bytes());
            let fails = if matches!(error, net::Error::Timeout { .. }) { NoAnswer::Timeout } else { NoAnswer::Refused };
            recorder.keep(Exchange::failed(&request, &sent, fails));
            Err(answer(&error))
        }
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
struct Metered<B> {
    body: B,
    meter: Arc<HttpMeter>,
    breach: Breach,
    max_bytes: u64,
}

impl<B: http_body::Body<Data = Bytes, Error = net::Error> + Unpin> http_body::Body for Metered<B> {
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

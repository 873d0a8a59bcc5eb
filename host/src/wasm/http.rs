//! `wasi:http` for guests: every request goes through the call's door, and is counted.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, Limited};
use wasmtime_wasi_http::{Error as HttpError, RequestOptions, WasiBody, WasiHttpHooks};

use super::call::{Cause, Subject};
use super::meter::{Breach, HttpMeter, Meter};
use super::recording::{Keeping, NoAnswer, Replay, Tape};
use super::stdio::Tail;
use crate::net::{self, Caps, Door};

/// What `wasi:http` asks for a request that is on its way.
type Sent = Box<dyn Future<Output = Result<(Response<WasiBody>, Done), HttpError>> + Send>;
type Done = Box<dyn Future<Output = Result<(), HttpError>> + Send>;

#[derive(Clone)]
pub(super) struct Hooks {
    door: Door,
    tape: Option<Tape>,
    subject: Subject,
    meter: Arc<HttpMeter>,
    breach: Breach,
    tail: Tail,
    max_requests: u64,
    max_bytes: u64,
    total: Duration,
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
        let (meter, breach, max_bytes) = (Arc::clone(&self.meter), self.breach.clone(), self.max_bytes);
        if let Some(Tape::Replaying(replay)) = &self.tape {
            let (replay, tail) = (replay.clone(), self.tail.clone());
            return Box::new(async move {
                let response = replayed(&replay, request, max_bytes, &tail).await?;
                let metered = response.map(|body| Metered { body, meter, breach, max_bytes }.boxed_unsync());
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
        let (recorder, hooks) = (self.tape.as_ref().and_then(Tape::recorder), self.clone());
        Box::new(async move {
            let keeping = recorder.map(|recorder| recorder.asked(request.method(), request.uri()));
            let request = request.map(|body| Sending { body, keeping: keeping.clone() });
            match door.send(request, caps).await {
                Ok(response) => {
                    keeping.iter().for_each(|keeping| keeping.answered(&response));
                    let metered =
                        response.map(|body| Metered { body: Receiving { body, keeping }, meter, breach, max_bytes }.boxed_unsync());
                    Ok((metered, Box::new(async { Ok(()) }) as Done))
                }
                Err(error) => {
                    hooks.tell(&error);
                    keeping.iter().for_each(|keeping| keeping.failed(no_answer(&error)));
                    Err(answer(&error))
                }
            }
        })
    }
}

/// What a recording has for the request.
async fn replayed(replay: &Replay, request: Request<WasiBody>, max_bytes: u64, tail: &Tail) -> Result<Response<Again>, HttpError> {
    let (parts, body) = request.into_parts();
    let sent = Limited::new(body, usize::try_from(max_bytes).unwrap_or(usize::MAX)).collect().await;
    let sent = sent.map_err(|_| HttpError::HttpRequestBodySize(Some(max_bytes)))?.to_bytes();
    let Some(exchange) = replay.answer(&parts.method, &parts.uri, &sent) else {
        tail.push(format!("no exchange is left that answers {} {}\n", parts.method, parts.uri).as_bytes());
        return Err(HttpError::HttpRequestDenied);
    };
    let fails = match exchange.fails {
        None => None,
        Some(NoAnswer::Silence) => {
            replay.stall().await;
            Some(HttpError::HttpResponseTimeout)
        }
        Some(NoAnswer::Denied) => Some(HttpError::HttpRequestDenied),
        Some(NoAnswer::Refused) => Some(HttpError::ConnectionRefused),
        Some(NoAnswer::Timeout) => Some(HttpError::HttpResponseTimeout),
        Some(NoAnswer::Unresolved) => Some(HttpError::DnsError { rcode: None, info_code: None }),
        Some(NoAnswer::Tls) => Some(HttpError::TlsCertificateError),
        Some(NoAnswer::Broken) => Some(HttpError::HttpProtocolError),
    };
    match fails {
        Some(error) if !exchange.cut => Err(error),
        fails => {
            let head = exchange.head().map_err(|_| HttpError::HttpProtocolError)?;
            Ok(head.map(|()| Again { pieces: exchange.pieces().into(), fails }))
        }
    }
}

/// How a recording tells that nothing came back.
fn no_answer(error: &net::Error) -> NoAnswer {
    match error {
        net::Error::Denied(_) => NoAnswer::Denied,
        net::Error::Resolve { .. } => NoAnswer::Unresolved,
        net::Error::Tls { .. } => NoAnswer::Tls,
        net::Error::Connect { .. } => NoAnswer::Refused,
        net::Error::Timeout { .. } => NoAnswer::Timeout,
        net::Error::Url(_) | net::Error::TooLarge { .. } | net::Error::Http(_) | net::Error::Hub(_) => NoAnswer::Broken,
    }
}

/// A request's body on its way out, kept by whoever records.
struct Sending {
    body: WasiBody,
    keeping: Option<Keeping>,
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        let frame = std::task::ready!(Pin::new(&mut this.body).poll_frame(cx));
        if let (Some(keeping), Some(Ok(frame))) = (&this.keeping, &frame) {
            frame.data_ref().into_iter().for_each(|data| keeping.sent(data));
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

/// A response's body on its way in, kept by whoever records.
struct Receiving {
    body: net::Body,
    keeping: Option<Keeping>,
}

/// Why a response's body ends early.
enum BrokeOff {
    TooLarge,
    Told(HttpError),
}

impl http_body::Body for Receiving {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let this = self.get_mut();
        let frame = std::task::ready!(Pin::new(&mut this.body).poll_frame(cx));
        if let Some(keeping) = &this.keeping {
            match &frame {
                Some(Ok(frame)) => frame.data_ref().into_iter().for_each(|data| keeping.received(data)),
                Some(Err(error)) => keeping.failed(no_answer(error)),
                None => {}
            }
        }
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|error| match error {
                net::Error::TooLarge { .. } => BrokeOff::TooLarge,
                error => BrokeOff::Told(answer(&error)),
            })
        }))
    }
}

/// The body of a recorded response, in the pieces in which it came.
struct Again {
    pieces: VecDeque<Bytes>,
    fails: Option<HttpError>,
}

impl http_body::Body for Again {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let this = self.get_mut();
        Poll::Ready(match this.pieces.pop_front() {
            Some(piece) => Some(Ok(Frame::data(piece))),
            None => this.fails.take().map(|error| Err(BrokeOff::Told(error))),
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
struct Metered<B> {
    body: B,
    meter: Arc<HttpMeter>,
    breach: Breach,
    max_bytes: u64,
}

impl<B: http_body::Body<Data = Bytes, Error = BrokeOff> + Unpin> http_body::Body for Metered<B> {
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
            Some(Err(BrokeOff::TooLarge)) => too_much(this),
            Some(Err(BrokeOff::Told(error))) => Poll::Ready(Some(Err(error))),
            Some(Ok(frame)) => {
                let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                let total = this.meter.bytes.fetch_add(size, Relaxed) + size;
                if total > this.max_bytes { too_much(this) } else { Poll::Ready(Some(Ok(frame))) }
            }
        }
    }
}

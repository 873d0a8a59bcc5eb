//! `wasi:http`, blocking.

use std::io::{self, Read};

use wasip2::http::outgoing_handler;
use wasip2::http::types::{ErrorCode, Fields, IncomingBody, IncomingResponse, Method as WasiMethod, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::{InputStream, StreamError};

use super::{Error, Method, Request, Response, split_url};

/// `blocking-write-and-flush` takes at most this much.
const WRITE_BYTES: usize = 4096;
const READ_BYTES: u64 = 64 << 10;

pub(crate) fn send(request: Request) -> Result<Response, Error> {
    let (secure, authority, path) = split_url(&request.url)?;
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let headers: Vec<(String, Vec<u8>)> = request.headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    let fields = Fields::from_list(&headers).map_err(|e| Error::Network(format!("a header of the request is not allowed: {e}")))?;
    let outgoing = OutgoingRequest::new(fields);
    let method = match request.method {
        Method::Get => WasiMethod::Get,
        Method::Post => WasiMethod::Post,
        Method::Put => WasiMethod::Put,
        Method::Patch => WasiMethod::Patch,
        Method::Delete => WasiMethod::Delete,
    };
    let scheme = if secure { Scheme::Https } else { Scheme::Http };
    let set = outgoing.set_method(&method).is_ok()
        && outgoing.set_scheme(Some(&scheme)).is_ok()
        && outgoing.set_authority(Some(authority)).is_ok()
        && outgoing.set_path_with_query(Some(&path)).is_ok();
    if !set {
        return Err(Error::Url("its host or path holds a character that does not belong there".to_owned()));
    }
    let body = outgoing.body().map_err(|()| Error::Network("the request has no body to write".to_owned()))?;
    let pending = outgoing_handler::handle(outgoing, None).map_err(|e| refused(authority, &e))?;
    write_body(body, &request.body)?;
    pending.subscribe().block();
    let response = match pending.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(e))) => return Err(refused(authority, &e)),
        Some(Err(())) | None => return Err(Error::Network("the answer was lost".to_owned())),
    };
    let status = response.status();
    let headers = response.headers().entries();
    let body = response.consume().map_err(|()| Error::Network("the answer has no body".to_owned()))?;
    let stream = body.stream().map_err(|()| Error::Network("the answer has no body".to_owned()))?;
    Ok(Response::new(status, headers, Body { stream, _body: body, _response: response }))
}

fn write_body(body: OutgoingBody, bytes: &[u8]) -> Result<(), Error> {
    if !bytes.is_empty() {
        let stream = body.write().map_err(|()| Error::Network("the request's body cannot be written".to_owned()))?;
        for piece in bytes.chunks(WRITE_BYTES) {
            stream.blocking_write_and_flush(piece).map_err(|e| Error::Network(format!("sending the request broke off: {e}")))?;
        }
    }
    OutgoingBody::finish(body, None).map_err(|e| Error::Network(format!("sending the request broke off: {e}")))
}

fn refused(authority: &str, error: &ErrorCode) -> Error {
    match error {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Error::Denied(authority.to_owned()),
        other => Error::Network(format!("{authority}: {other}")),
    }
}

/// Dropped from the inside out, as the resources demand: the stream, its body, its response.
struct Body {
    stream: InputStream,
    _body: IncomingBody,
    _response: IncomingResponse,
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let max = READ_BYTES.min(out.len() as u64);
        match self.stream.blocking_read(max) {
            Ok(bytes) if bytes.is_empty() => Err(io::ErrorKind::Interrupted.into()),
            Ok(bytes) => {
                out[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
            Err(StreamError::Closed) => Ok(0),
            Err(StreamError::LastOperationFailed(e)) => Err(io::Error::other(e.to_debug_string())),
        }
    }
}

//! What a guest may call of the hub: `io`, `config` and `log`.

use std::sync::Arc;

use lienthong_core::ports::{self, Blob, Stopped};
use wasmtime::component::Resource;

use super::bindings::lienthong::connector::io::{self, Attached, IoError, Refusal, Verdict};
use super::bindings::lienthong::connector::{config, log, types};
use super::call::{Cause, Subject};
use super::state::State;

/// The most one read of a blob returns, bytes.
const READ_BYTES: u32 = 1 << 20;
/// The most of one log line that is kept, bytes.
const LINE_BYTES: usize = 2 << 10;

/// Attachments that one guest may have open at a time: each holds a file and a buffer.
const OPEN_ATTACHMENTS: u32 = 16;
/// What an attachment counts at least, bytes: a file takes a block of the disk however short it is.
const ATTACHMENT_BYTES: u64 = 4 << 10;

/// A message's body as the guest holds it.
#[allow(unreachable_pub)] // The generated bindings name it as public.
pub struct Body(pub(super) Arc<dyn Blob>);

/// A file that the guest is writing.
#[allow(unreachable_pub)] // The generated bindings name it as public.
pub struct Attachment {
    to: Box<dyn ports::Attachment>,
    /// Bytes that it may still take without being counted: a short one was counted as a longer one.
    counted: u64,
}

impl types::Host for State {}

impl io::HostBlob for State {
    fn size(&mut self, blob: Resource<Body>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&blob)?.0.size())
    }

    async fn read(&mut self, blob: Resource<Body>, offset: u64, max: u32) -> wasmtime::Result<Result<Vec<u8>, IoError>> {
        let body = Arc::clone(&self.table.get(&blob)?.0);
        if offset > body.size() {
            return Ok(Err(IoError::OutOfRange));
        }
        let max = max.min(READ_BYTES) as usize;
        let read = body.read(offset, max).await;
        Ok(read.map_err(|error| IoError::Unavailable(error.to_string())).map(|mut bytes| {
            bytes.truncate(max);
            bytes
        }))
    }

    async fn drop(&mut self, blob: Resource<Body>) -> wasmtime::Result<()> {
        self.table.delete(blob)?;
        Ok(())
    }
}

impl io::HostAttachment for State {
    async fn write(&mut self, attachment: Resource<Attachment>, bytes: Vec<u8>) -> wasmtime::Result<Result<(), io::Stopped>> {
        let attachment = self.table.get_mut(&attachment)?;
        let size = bytes.len() as u64;
        let uncounted = size.saturating_sub(attachment.counted);
        attachment.counted = attachment.counted.saturating_sub(size);
        if !self.meter.attach(uncounted) {
            return Ok(Err(self.attached_too_much()));
        }
        let taken = attachment.to.write(bytes).await;
        Ok(taken.map_err(|why| self.stopped(why)))
    }

    async fn drop(&mut self, attachment: Resource<Attachment>) -> wasmtime::Result<()> {
        self.table.delete(attachment)?;
        self.open_attachments -= 1;
        Ok(())
    }
}

impl io::Host for State {
    async fn emit(&mut self, port: String, records: Vec<u8>) -> wasmtime::Result<Result<Verdict, io::Stopped>> {
        if !self.meter.put_out(records.len()) {
            return Ok(Err(self.too_much()));
        }
        let taken = self.emit.emit(&port, records).await;
        Ok(taken.map(verdict).map_err(|why| self.stopped(why)))
    }

    async fn reject(
        &mut self,
        port: String,
        bytes: Vec<u8>,
        reason: String,
        at: Option<String>,
    ) -> wasmtime::Result<Result<(), io::Stopped>> {
        let size = bytes.len() + reason.len() + at.as_ref().map_or(0, String::len);
        if !self.meter.put_out(size) {
            return Ok(Err(self.too_much()));
        }
        let taken = self.emit.reject(&port, bytes, reason, at).await;
        Ok(taken.map_err(|why| self.stopped(why)))
    }

    async fn attach(&mut self, port: String) -> wasmtime::Result<Result<Resource<Attachment>, io::Stopped>> {
        if self.open_attachments == OPEN_ATTACHMENTS {
            let cause = Cause::Contract(format!("it opened more than {OPEN_ATTACHMENTS} attachments at a time"));
            self.meter.breach.note(cause.clone());
            return Ok(Err(io::Stopped::Limit(cause.to_string())));
        }
        if !self.meter.attach(ATTACHMENT_BYTES) {
            return Ok(Err(self.attached_too_much()));
        }
        let to = match self.emit.attach(&port).await {
            Ok(to) => to,
            Err(why) => return Ok(Err(self.stopped(why))),
        };
        self.open_attachments += 1;
        Ok(Ok(self.table.push(Attachment { to, counted: ATTACHMENT_BYTES })?))
    }

    async fn finish(&mut self, attachment: Resource<Attachment>) -> wasmtime::Result<Result<Attached, io::Stopped>> {
        let attachment = self.table.delete(attachment)?;
        self.open_attachments -= 1;
        let finished = attachment.to.finish().await;
        Ok(finished
            .map(|attached| Attached { sha256: attached.hash.to_string(), size: attached.size_bytes })
            .map_err(|why| self.stopped(why)))
    }
}

impl State {
    /// What was refused is lost, so the call fails, whether or not the guest heeds the answer.
    fn stopped(&mut self, why: Stopped) -> io::Stopped {
        self.meter.breach.note(Cause::Stopped(why.clone()));
        match why {
            Stopped::UnknownPort(port) => io::Stopped::UnknownPort(port),
            Stopped::Limit(which) => io::Stopped::Limit(which),
            Stopped::Cancelled(why) => io::Stopped::Cancelled(why),
        }
    }

    fn too_much(&self) -> io::Stopped {
        io::Stopped::Limit(Cause::Output(self.meter.limits.output_bytes).to_string())
    }

    fn attached_too_much(&self) -> io::Stopped {
        io::Stopped::Limit(Cause::Attachments(self.meter.limits.attachment_bytes).to_string())
    }
}

fn verdict(verdict: lienthong_core::ports::Verdict) -> Verdict {
    let refusal = |(index, v): (u32, lienthong_core::record::Violation)| Refusal {
        index,
        pointer: v.pointer,
        keyword: v.keyword,
        message: v.message,
    };
    Verdict { accepted: verdict.accepted, refused: verdict.refused, first: verdict.first.into_iter().take(16).map(refusal).collect() }
}

impl config::Host for State {
    fn settings(&mut self) -> wasmtime::Result<String> {
        Ok(self.settings.clone())
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, mut message: String) -> wasmtime::Result<()> {
        self.meter.log_lines += 1;
        let most = u64::from(self.meter.limits.log_lines);
        if self.meter.log_lines > most {
            if self.meter.log_lines == most + 1 {
                let Subject { connector, message } = &self.subject;
                let line = format!(
                    "the call logged too much: the limit is {most} lines; if it is worth reading, raise `limits.log_lines` of the connector"
                );
                tracing::warn!(target: "plugin", %connector, message_name = %message, "{line}");
            }
            return Ok(());
        }
        let mut end = message.len().min(LINE_BYTES);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        let line: String = message.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
        self.tail.push(line.as_bytes());
        self.tail.push(b"\n");
        let Subject { connector, message } = &self.subject;
        match level {
            log::Level::Error => tracing::error!(target: "plugin", %connector, message_name = %message, "{line}"),
            log::Level::Warn => tracing::warn!(target: "plugin", %connector, message_name = %message, "{line}"),
            log::Level::Info => tracing::info!(target: "plugin", %connector, message_name = %message, "{line}"),
            log::Level::Debug => tracing::debug!(target: "plugin", %connector, message_name = %message, "{line}"),
        }
        Ok(())
    }
}

//! The sandbox's side: between the generated bindings and the SDK's own types.

use std::io;
use std::marker::PhantomData;
use std::sync::Once;

use crate::bindings::imports::lienthong::connector as wit;
use crate::bindings::{receiver, sink, source, transform};
use crate::{
    Attached, Attachment, AttachmentWriter, Batch, Blob, Call, Context, Environment, Failure, Folded, ItemStatus, Keyed, Level, Message,
    Output, Poll, ReadAt, Receiver, Refusal, Rejected, Sink, Source, Stopped, Transform, Verdict,
};

use receiver::exports::lienthong::connector::receiver as receiver_wit;
use sink::exports::lienthong::connector::sink as sink_wit;
use source::exports::lienthong::connector::source as source_wit;
use transform::exports::lienthong::connector::transform as transform_wit;

macro_rules! guest {
    ($name:ident, $plugin:ident) => {
        pub struct $name<T>(PhantomData<T>);

        impl<T: $plugin + Default> $name<T> {
            pub fn fits() {}
        }
    };
}
guest!(SourceGuest, Source);
guest!(ReceiverGuest, Receiver);
guest!(TransformGuest, Transform);
guest!(SinkGuest, Sink);

impl<T: Source + Default> source_wit::Guest for SourceGuest<T> {
    fn poll(now: u64, since: Option<Vec<u8>>, max_records: u32) -> Result<source_wit::Progress, wit::types::Failure> {
        let progress = call(|call| T::default().poll(call, Poll { now_ms: now, since: since.as_deref(), max_records }))?;
        Ok(source_wit::Progress { next: progress.next, more: progress.more })
    }
}

impl<T: Receiver + Default> receiver_wit::Guest for ReceiverGuest<T> {
    fn receive(message: receiver_wit::Message) -> Result<Option<receiver_wit::Reply>, wit::types::Failure> {
        let message = Message {
            body: Blob::new(HubBlob(message.body)),
            name: message.name,
            content_type: message.content_type,
            received_at_ms: message.received_at,
        };
        let reply = call(|call| T::default().receive(call, message))?;
        Ok(reply.map(|r| receiver_wit::Reply { content_type: r.content_type, body: r.body }))
    }
}

impl<T: Transform + Default> transform_wit::Guest for TransformGuest<T> {
    fn apply(now: u64, groups: Vec<transform_wit::Keyed>) -> Result<Vec<transform_wit::Folded>, wit::types::Failure> {
        let groups = groups.into_iter().map(|g| Keyed { key: g.key, state: g.state, records: g.records }).collect();
        let folded = T::default().apply(now, groups).map_err(failure)?;
        Ok(folded.into_iter().map(fold).collect())
    }
}

impl<T: Sink + Default> sink_wit::Guest for SinkGuest<T> {
    fn deliver(batch: sink_wit::Batch, idempotency_key: String) -> Result<Vec<sink_wit::ItemStatus>, wit::types::Failure> {
        report_panics();
        let batch = Batch { channel: batch.channel, ids: batch.ids, records: batch.records };
        let statuses = T::default().deliver(&Context::new(&HubEnvironment), batch, &idempotency_key).map_err(failure)?;
        Ok(statuses
            .into_iter()
            .map(|status| match status {
                ItemStatus::Delivered => sink_wit::ItemStatus::Delivered,
                ItemStatus::Retry(why) => sink_wit::ItemStatus::Retry(why),
                ItemStatus::Refused(why) => sink_wit::ItemStatus::Refused(why),
            })
            .collect())
    }
}

/// Runs a source's or receiver's call and flushes what it left.
fn call<R>(run: impl FnOnce(&mut Call<'_>) -> Result<R, Failure>) -> Result<R, wit::types::Failure> {
    report_panics();
    let mut output = HubOutput;
    let mut call = Call::new(Context::new(&HubEnvironment), &mut output);
    let result = run(&mut call).map_err(failure)?;
    call.flush().map_err(|stopped| failure(stopped.into()))?;
    Ok(result)
}

/// A panic ends in a bare trap: its message goes to the log first. A transform has no log, so it does without.
fn report_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| wit::log::write(wit::log::Level::Error, &panic.to_string()))));
}

struct HubEnvironment;

impl Environment for HubEnvironment {
    fn settings(&self) -> String {
        wit::config::settings()
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Error => wit::log::Level::Error,
            Level::Warn => wit::log::Level::Warn,
            Level::Info => wit::log::Level::Info,
            Level::Debug => wit::log::Level::Debug,
        };
        wit::log::write(level, message);
    }

    #[cfg(feature = "http")]
    fn fetch(&self, request: crate::http::Request) -> Result<crate::http::Response, crate::http::Error> {
        crate::http::wasi::send(request)
    }
}

struct HubOutput;

impl Output for HubOutput {
    fn emit(&mut self, port: &str, records: &[u8]) -> Result<Verdict, Stopped> {
        let verdict = wit::io::emit(port, records).map_err(stopped)?;
        let refusal = |r: wit::io::Refusal| Refusal { pointer: r.pointer, keyword: r.keyword, message: r.message };
        let first = verdict.first.into_iter().map(refusal).collect();
        Ok(Verdict { accepted: verdict.accepted.into(), refused: verdict.refused.into(), first })
    }

    fn reject(&mut self, port: &str, bytes: &[u8], reason: &str, at: Option<&str>) -> Result<(), Stopped> {
        wit::io::reject(port, bytes, reason, at).map_err(stopped)
    }

    fn attach(&mut self, port: &str) -> Result<Attachment, Stopped> {
        wit::io::attach(port).map(|attachment| Attachment::new(HubAttachment(attachment))).map_err(stopped)
    }
}

struct HubAttachment(wit::io::Attachment);

impl AttachmentWriter for HubAttachment {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        self.0.write(bytes).map_err(stopped)
    }

    fn finish(self: Box<Self>) -> Result<Attached, Stopped> {
        let attached = wit::io::finish(self.0).map_err(stopped)?;
        Ok(Attached { sha256: attached.sha256, size_bytes: attached.size })
    }
}

struct HubBlob(wit::io::Blob);

impl ReadAt for HubBlob {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, max: u32) -> io::Result<Vec<u8>> {
        self.0.read(offset, max).map_err(|e| match e {
            wit::io::IoError::OutOfRange => io::Error::new(io::ErrorKind::UnexpectedEof, "read past the end of the body"),
            wit::io::IoError::Unavailable(why) => io::Error::new(io::ErrorKind::ResourceBusy, why),
        })
    }
}

fn stopped(stopped: wit::io::Stopped) -> Stopped {
    match stopped {
        wit::io::Stopped::UnknownPort(port) => Stopped::UnknownPort(port),
        wit::io::Stopped::Limit(what) => Stopped::Limit(what),
        wit::io::Stopped::Cancelled(why) => Stopped::Cancelled(why),
    }
}

fn failure(failure: Failure) -> wit::types::Failure {
    match failure {
        Failure::InvalidInput(why) => wit::types::Failure::InvalidInput(why),
        Failure::Unauthorized(why) => wit::types::Failure::Unauthorized(why),
        Failure::RateLimited(seconds) => wit::types::Failure::RateLimited(seconds),
        Failure::Upstream(why) => wit::types::Failure::Upstream(why),
        Failure::Config(why) => wit::types::Failure::Config(why),
        Failure::Internal(why) => wit::types::Failure::Internal(why),
    }
}

fn fold(folded: Folded) -> transform_wit::Folded {
    transform_wit::Folded {
        key: folded.key,
        outputs: folded.outputs.into_iter().map(|(port, records)| transform_wit::Output { port, records }).collect(),
        rejects: folded.rejects.into_iter().map(reject).collect(),
        state: folded.state,
    }
}

fn reject(rejected: Rejected) -> wit::types::Rejected {
    wit::types::Rejected { bytes: rejected.bytes, reason: rejected.reason, at: rejected.at }
}

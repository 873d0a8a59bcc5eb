//! What a call has used so far, and the first limit it broke. Shared with the tasks that carry its HTTP responses.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lienthong_core::city::Limits;
use wasmtime::{CallHook, ResourceLimiter};

use super::call::{Cause, Usage};
use super::engine::TICK;

/// The first limit that was broken. It decides how the call is reported, whatever the guest made of it.
#[derive(Clone, Default)]
pub(super) struct Breach(Arc<Mutex<Option<Cause>>>);

impl Breach {
    /// Notes a cause, unless there is one already.
    pub(super) fn note(&self, cause: Cause) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(cause);
    }

    /// The first cause.
    pub(super) fn get(&self) -> Option<Cause> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// HTTP traffic of one call.
#[derive(Default)]
pub(super) struct HttpMeter {
    pub(super) requests: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) sent_bytes: AtomicU64,
}

/// Counts one call against its limits.
pub(super) struct Meter {
    pub(super) limits: Limits,
    pub(super) breach: Breach,
    pub(super) http: Arc<HttpMeter>,
    pub(super) output_bytes: u64,
    pub(super) attachment_bytes: u64,
    pub(super) host_calls: u64,
    pub(super) log_lines: u64,
    cpu: Duration,
    /// Since when the guest's own code runs.
    entered: Option<Instant>,
    memory: u64,
    memory_peak: u64,
    /// A growth that was denied. The guest may live with that; if it then breaks, this is why.
    pub(super) memory_denied: bool,
}

impl Meter {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            breach: Breach::default(),
            http: Arc::default(),
            output_bytes: 0,
            attachment_bytes: 0,
            host_calls: 0,
            log_lines: 0,
            cpu: Duration::ZERO,
            entered: None,
            memory: 0,
            memory_peak: 0,
            memory_denied: false,
        }
    }

    pub(super) fn usage(&self, wall: Duration) -> Usage {
        Usage {
            cpu: self.cpu + self.entered.map_or(Duration::ZERO, |since| since.elapsed().min(2 * TICK)),
            wall,
            memory_peak: self.memory_peak,
            output_bytes: self.output_bytes,
            attachment_bytes: self.attachment_bytes,
            host_calls: self.host_calls,
            log_lines: self.log_lines,
            http_requests: self.http.requests.load(Relaxed),
            http_bytes: self.http.bytes.load(Relaxed),
            http_sent_bytes: self.http.sent_bytes.load(Relaxed),
        }
    }

    /// Called at each crossing between guest and hub.
    pub(super) fn crossed(&mut self, hook: CallHook) -> wasmtime::Result<()> {
        if hook.exiting_host() {
            self.entered = Some(Instant::now());
            return Ok(());
        }
        self.count();
        self.entered = None;
        if matches!(hook, CallHook::CallingHost) {
            self.host_calls += 1;
            if self.host_calls > self.limits.host_calls {
                self.breach.note(Cause::HostCalls(self.limits.host_calls));
                wasmtime::bail!("too many calls into the hub");
            }
        }
        Ok(())
    }

    /// Adds what the guest's own code took since it was last looked at. It runs for a tick at a time, and gives way to others:
    /// what is beyond two ticks is their time.
    fn count(&mut self) {
        if let Some(since) = self.entered.replace(Instant::now()) {
            self.cpu += since.elapsed().min(2 * TICK);
        }
    }

    /// Whether the guest has processor time left. Called at each tick.
    pub(super) fn has_cpu_left(&mut self) -> bool {
        if self.entered.is_some() {
            self.count();
        }
        if self.cpu > self.limits.cpu_per_call {
            self.breach.note(Cause::Cpu(self.limits.cpu_per_call));
            return false;
        }
        true
    }

    /// Counts output; false when it is too much.
    pub(super) fn put_out(&mut self, bytes: usize) -> bool {
        self.output_bytes = self.output_bytes.saturating_add(bytes as u64);
        if self.output_bytes > self.limits.output_bytes {
            self.breach.note(Cause::Output(self.limits.output_bytes));
            return false;
        }
        true
    }

    /// Counts what becomes of an attachment; false when it is too much.
    pub(super) fn attach(&mut self, bytes: u64) -> bool {
        self.attachment_bytes = self.attachment_bytes.saturating_add(bytes);
        if self.attachment_bytes > self.limits.attachment_bytes {
            self.breach.note(Cause::Attachments(self.limits.attachment_bytes));
            return false;
        }
        true
    }

    fn grow(&mut self, by: usize) -> bool {
        let wanted = self.memory.saturating_add(by as u64);
        if wanted > self.limits.memory_bytes {
            self.memory_denied = true;
            return false;
        }
        self.memory = wanted;
        self.memory_peak = self.memory_peak.max(wanted);
        true
    }
}

/// Bytes of one table element on the host.
const ELEMENT_BYTES: usize = 16;

/// All memories and tables of a store count together. What the memory's own maximum forbids anyway is not counted.
impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|most| desired <= most) && self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|most| desired <= most) && self.grow(desired.saturating_sub(current).saturating_mul(ELEMENT_BYTES)))
    }

    fn instances(&self) -> usize {
        super::engine::CORE_INSTANCES as usize
    }

    fn memories(&self) -> usize {
        super::engine::MEMORIES as usize
    }

    fn tables(&self) -> usize {
        super::engine::TABLES as usize
    }
}

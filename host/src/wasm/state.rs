//! The data of one call's store: what its imports reach.

use std::time::Duration;

use lienthong_core::ports::Emit;
use lienthong_core::time::Timestamp;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{Deterministic, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::call::{Call, Subject};
use super::http::Hooks;
use super::meter::Meter;
use super::plugin::HANDLES;
use super::recording::Tape;
use super::stdio::Tail;

/// Random bytes a guest may ask for at a time.
const RANDOM_BYTES: u64 = 1 << 20;
/// Bytes of all headers of one HTTP message, as they lie in memory.
const HEADER_BYTES: usize = 64 << 10;

/// Random numbers of a replay, over and over.
const SAME_NUMBERS: [u8; 16] = [0x5d, 0x0e, 0xa1, 0x72, 0x3b, 0xc4, 0x96, 0x2f, 0xe8, 0x17, 0x4c, 0xd9, 0x60, 0xb5, 0x8a, 0xf3];

pub(super) struct State {
    pub(super) subject: Subject,
    pub(super) settings: String,
    pub(super) emit: Box<dyn Emit>,
    pub(super) meter: Meter,
    pub(super) tail: Tail,
    pub(super) table: ResourceTable,
    pub(super) open_attachments: u32,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
}

impl State {
    /// Nothing of the machine: no files, environment, arguments, input or sockets. Clocks and random numbers are harmless.
    pub(super) fn new(call: Call) -> Self {
        let meter = Meter::new(call.limits);
        let tail = Tail::default();
        let subject = Subject { connector: call.connector, message: call.message_name };
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(tail.clone())
            .stderr(tail.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(RANDOM_BYTES);
        match &call.tape {
            Some(Tape::Recording(recorder)) => recorder.watch(&mut wasi),
            Some(Tape::Replaying(replay)) => match replay.senses() {
                Some(senses) => senses.again(&mut wasi),
                None => {
                    let same = || Deterministic::new(SAME_NUMBERS.to_vec());
                    wasi.wall_clock(Still(replay.now())).secure_random(same()).insecure_random(same()).insecure_random_seed(1);
                }
            },
            None => {}
        }
        let wasi = wasi.build();
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADER_BYTES);
        let hooks = Hooks::new(call.door, call.tape, subject.clone(), &meter, tail.clone());
        Self { subject, settings: call.settings, emit: call.emit, meter, tail, table, open_attachments: 0, wasi, http, hooks }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// A calendar that stands still.
struct Still(Timestamp);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.micros()).unwrap_or(0))
    }
}

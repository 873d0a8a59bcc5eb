//! Reads public-service dossiers of one-stop shops (một cửa), as they are exchanged with the national public-service portal: pushed by
//! `DongBoHoSoMC` and `CapNhatTienDoHoSoMC`, or looked up page by page.

mod answer;
mod envelope;
mod fields;
mod json;
mod lookup;
mod object;
mod record;
mod window;

use lienthong_sdk::{Call, Failure, Level, Message, Poll, Progress, Receiver, Reply, Source};
use serde::Deserialize;

use crate::answer::{Answer, Refusal};
use crate::envelope::{Envelope, Item, Service};
use crate::record::Reading;

/// The port that dossiers go to.
pub const DOSSIERS: &str = "dossiers";
/// The port that steps of their processing go to.
pub const STEPS: &str = "dossier-steps";

/// So many bad items without a good one: this is no exchange of dossiers, and quarantine is not the place to pour it into.
const HOPELESS_AFTER_ITEMS: u64 = 1_000;

/// The connector's settings; `plugin.toml` has their schema.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    service: Option<Service>,
    url: Option<String>,
    from: Option<String>,
    page_size: Option<u32>,
    window_days: Option<u32>,
    overlap_minutes: Option<u32>,
}

/// The connector.
#[derive(Debug, Default)]
pub struct Dossiers;

lienthong_sdk::export_receiver!(Dossiers);
lienthong_sdk::export_source!(Dossiers);

impl Receiver for Dossiers {
    fn receive(&self, call: &mut Call<'_>, mut message: Message) -> Result<Option<Reply>, Failure> {
        let settings: Settings = call.settings()?;
        let envelope = Envelope::read(&mut message.body)?;
        let service = envelope.service.or(settings.service);
        let mut answer = Answer::default();
        envelope.each_item(&mut message.body, |item| {
            let reading = record::read(&item, service, envelope.updating);
            let refusal = keep(call, &item, &reading)?;
            answer.add(reading.code.as_deref(), refusal.as_ref())?;
            if let Some(Refusal { reason, at }) = refusal
                && answer.taken == 0
                && answer.refused >= HOPELESS_AFTER_ITEMS
            {
                let count = answer.refused;
                return Err(Failure::InvalidInput(format!("the first {count} items are all bad, the last at {at}: {reason}")));
            }
            Ok(())
        })?;
        if answer.taken + answer.refused == 0 {
            call.log(Level::Warn, "the message holds no items");
        }
        call.flush()?;
        answer.reply(call.verdict().refused).map(Some)
    }
}

impl Source for Dossiers {
    fn poll(&self, call: &mut Call<'_>, poll: Poll<'_>) -> Result<Progress, Failure> {
        let settings: Settings = call.settings()?;
        lookup::poll(call, poll, settings)
    }
}

/// Emits what an item is, or rejects it whole; returns why.
fn keep(call: &mut Call<'_>, item: &Item<'_>, reading: &Reading) -> Result<Option<Refusal>, Failure> {
    let port = reading.service.port();
    match &reading.record {
        Ok(record) => {
            call.emit(port, record)?;
            Ok(None)
        }
        Err(fault) => {
            let refusal = Refusal { reason: fault.reason.clone(), at: format!("{}{}", item.pointer, fault.pointer) };
            call.reject(port, item.bytes, &refusal.reason, Some(&refusal.at))?;
            Ok(Some(refusal))
        }
    }
}

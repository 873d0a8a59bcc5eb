//! Where a message's records and its faults go; and what its acknowledgement has to say of them.

use lienthong_sdk::{Call, Stopped};

use crate::record::{Code, Fault, Record};

/// So many faults of a message are named to its sender.
const MAX_NAMED: usize = 20;

/// A fault as the acknowledgement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) segment: String,
    /// Its number among those of its name.
    pub(crate) number: u32,
    /// Zero where no field of it is at fault alone.
    pub(crate) field: usize,
    pub(crate) code: Code,
    pub(crate) reason: String,
}

/// One message's output.
pub(crate) struct Sink<'c, 'h> {
    call: &'c mut Call<'h>,
    /// The first faults.
    pub(crate) named: Vec<Named>,
    /// How many there were.
    pub(crate) faults: u64,
}

impl<'c, 'h> Sink<'c, 'h> {
    pub(crate) fn new(call: &'c mut Call<'h>) -> Self {
        Self { call, named: Vec::new(), faults: 0 }
    }

    pub(crate) fn call(&mut self) -> &mut Call<'h> {
        self.call
    }

    /// A record, and the quarantine for those of its fields that are not in it.
    pub(crate) fn put(&mut self, port: &str, record: Record<'_>) -> Result<(), Stopped> {
        let (properties, faults) = record.finish();
        self.call.emit(port, &properties)?;
        self.reject(port, &faults)
    }

    /// What can be no record: only its faults.
    pub(crate) fn refuse(&mut self, port: &str, record: Record<'_>) -> Result<(), Stopped> {
        let (_, faults) = record.finish();
        self.reject(port, &faults)
    }

    /// Each segment once, whole, whatever number of its fields is at fault.
    pub(crate) fn reject(&mut self, port: &str, faults: &[Fault<'_>]) -> Result<(), Stopped> {
        let mut in_order: Vec<&Fault<'_>> = faults.iter().collect();
        // Segments lie in memory as in the message.
        in_order.sort_by_key(|fault| std::ptr::from_ref(fault.at.segment).addr());
        for of_segment in in_order.chunk_by(|one, other| std::ptr::eq(one.at.segment, other.at.segment)) {
            for fault in of_segment {
                self.name(Named {
                    segment: fault.at.segment.name().to_owned(),
                    number: fault.at.segment.number,
                    field: fault.at.field,
                    code: fault.code,
                    reason: fault.reason.clone(),
                });
            }
            let first = of_segment[0];
            let reason = match of_segment {
                [one] => one.reason.clone(),
                several => several.iter().take(MAX_NAMED).map(|f| format!("{}: {}", f.at.place(), f.reason)).collect::<Vec<_>>().join("; "),
            };
            self.call.reject(port, first.at.segment.raw, &reason, Some(&first.at.place()))?;
        }
        Ok(())
    }

    /// Something for the acknowledgement alone.
    pub(crate) fn name(&mut self, fault: Named) {
        self.faults += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(fault);
        }
    }

    /// Hands over what is collected, and names what the channels' schemas refused: it is in quarantine already.
    pub(crate) fn settle(&mut self) -> Result<(), Stopped> {
        self.call.flush()?;
        let verdict = self.call.take_verdict();
        for refusal in &verdict.first {
            self.name(Named {
                segment: "MSH".to_owned(),
                number: 1,
                field: 0,
                code: Code::Internal,
                reason: format!("the channel's schema refused a record at {}: {}", refusal.pointer, refusal.message),
            });
        }
        self.faults += verdict.refused.saturating_sub(verdict.first.len() as u64);
        Ok(())
    }
}

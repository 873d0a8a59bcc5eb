//! What a message is: its type and trigger event (MSH-9, tables 0076 and 0003), and what an event makes of a visit or a patient.

/// Messages that become records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// ADT: patient administration.
    Administration,
    /// ORU: results.
    Results,
    /// ORM, OML, OMG, OMI: orders.
    Order,
    /// SIU: scheduling.
    Scheduling,
    /// VXU: vaccinations.
    Vaccination,
}

impl Kind {
    /// By the message code; none where it is not supported.
    pub(crate) fn of(code: &str) -> Option<Self> {
        match code {
            "ADT" => Some(Self::Administration),
            "ORU" => Some(Self::Results),
            "ORM" | "OML" | "OMG" | "OMI" => Some(Self::Order),
            "SIU" => Some(Self::Scheduling),
            "VXU" => Some(Self::Vaccination),
            _ => None,
        }
    }

    /// Whether the event is one of this type. ADT and ORU have many, and new ones with each version.
    pub(crate) fn has_event(self, event: &str) -> bool {
        let number = |letter: char| {
            let digits = event.strip_prefix(letter)?;
            (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse::<u8>().ok())?
        };
        match self {
            // The status of a bed is about nobody; the answer to a query is no event.
            Self::Administration => number('A').is_some_and(|n| !matches!(n, 0 | 19 | 20)),
            Self::Results => number('R').is_some(),
            Self::Order => number('O').is_some(),
            Self::Scheduling => number('S').is_some_and(|n| (12..=27).contains(&n) && n != 25),
            Self::Vaccination => event == "V04",
        }
    }

    /// The event, where only one is usual and the sender left it out.
    pub(crate) const fn usual_event(self) -> &'static str {
        match self {
            Self::Results => "R01",
            Self::Order => "O01",
            Self::Vaccination => "V04",
            Self::Administration | Self::Scheduling => "",
        }
    }

    /// The port that what cannot be read at all goes to.
    pub(crate) const fn port(self) -> &'static str {
        match self {
            Self::Administration => crate::PATIENTS,
            Self::Results | Self::Order => crate::OBSERVATIONS,
            Self::Scheduling => crate::APPOINTMENTS,
            Self::Vaccination => crate::IMMUNIZATIONS,
        }
    }
}

/// The status of a visit after an event (FHIR's EncounterStatus), where the event says it.
pub(crate) fn visit_status(event: &str) -> Option<&'static str> {
    Some(match event {
        "A05" | "A14" => "planned",
        "A04" => "arrived",
        "A01" | "A02" | "A06" | "A07" | "A09" | "A10" | "A12" | "A13" | "A15" | "A16" | "A22" | "A25" | "A26" | "A32" | "A33" | "A52"
        | "A54" | "A55" => "in-progress",
        "A21" | "A53" => "onleave",
        "A03" => "finished",
        "A11" | "A27" | "A38" => "cancelled",
        "A23" => "entered-in-error",
        _ => return None,
    })
}

/// The event that an event takes back. (A11 also takes back A04.)
pub(crate) fn cancelled_event(event: &str) -> Option<&'static str> {
    Some(match event {
        "A11" => "ADT^A01",
        "A12" => "ADT^A02",
        "A13" => "ADT^A03",
        "A25" => "ADT^A16",
        "A26" => "ADT^A15",
        "A27" => "ADT^A14",
        "A32" => "ADT^A10",
        "A33" => "ADT^A09",
        "A37" => "ADT^A24",
        "A38" => "ADT^A05",
        "A52" => "ADT^A21",
        "A53" => "ADT^A22",
        "A55" => "ADT^A54",
        "A62" => "ADT^A61",
        _ => return None,
    })
}

/// What an event does to a patient's identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// The one in MRG-1 is merged into, or replaced by, the one in PID-3.
    Replaces,
    /// It is taken out.
    Deletes,
    /// Two patients are said to be one, without a merge.
    Links,
    /// They are not, after all.
    Unlinks,
}

/// By the ADT event.
pub(crate) fn change(event: &str) -> Change {
    match event {
        "A18" | "A30" | "A34" | "A36" | "A39" | "A40" | "A46" | "A47" => Change::Replaces,
        "A23" | "A29" => Change::Deletes,
        "A24" => Change::Links,
        "A37" => Change::Unlinks,
        _ => Change::None,
    }
}

/// Events after which the visit number in MRG-5 stands for nothing any more.
pub(crate) fn replaces_visit(event: &str) -> bool {
    matches!(event, "A42" | "A50")
}

/// The status of an appointment after an event (FHIR's AppointmentStatus; for a stretch of a schedule without an appointment,
/// SlotStatus), where the event says it.
pub(crate) fn appointment_status(event: &str) -> Option<&'static str> {
    Some(match event {
        "S15" | "S16" => "cancelled",
        "S17" => "entered-in-error",
        "S23" => "busy-unavailable",
        "S24" => "free",
        "S26" => "noshow",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_belong_to_their_type() {
        for (code, event, expected) in [
            ("ADT", "A01", true),
            ("ADT", "A62", true),
            ("ADT", "A20", false),
            ("ADT", "S12", false),
            ("ADT", "A1", false),
            ("ADT", "A+1", false),
            ("SIU", "S12", true),
            ("SIU", "S26", true),
            ("SIU", "S25", false),
            ("VXU", "V01", false),
            ("OML", "O21", true),
            ("ORU", "R01", true),
        ] {
            assert_eq!(Kind::of(code).unwrap().has_event(event), expected, "{code}^{event}");
        }
        assert!(["ACK", "DFT", "MDM", "adt", ""].iter().all(|code| Kind::of(code).is_none()));
    }

    #[test]
    fn what_is_cancelled_leaves_a_visit_as_it_was() {
        for (event, status, cancels) in [
            ("A11", Some("cancelled"), Some("ADT^A01")),
            ("A12", Some("in-progress"), Some("ADT^A02")),
            ("A13", Some("in-progress"), Some("ADT^A03")),
            ("A38", Some("cancelled"), Some("ADT^A05")),
            ("A53", Some("onleave"), Some("ADT^A22")),
            ("A08", None, None),
        ] {
            assert_eq!((visit_status(event), cancelled_event(event)), (status, cancels), "{event}");
        }
    }
}

//! HL7 v2.5 messages of a hospital's system: admission, transfer, discharge, cancellation, merge, results, appointments, vaccinations.

use std::collections::BTreeMap;

use chrono::Duration;

use super::{APPOINTMENTS, ENCOUNTERS, IMMUNIZATIONS, OBSERVATIONS, PATIENTS, Visitor};
use crate::sim::clock::{LocalTime, digits};
use crate::sim::ledger::Sent;

/// One message, and what must become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its control id (MSH-10).
    pub id: String,
    /// Its segments.
    pub text: String,
    /// What it comes to, by channel.
    pub sent: BTreeMap<&'static str, Sent>,
    /// How it must be acknowledged (MSA-1).
    pub acknowledged: &'static str,
}

/// Writes messages that are sent at a moment.
#[derive(Debug)]
pub struct Writer {
    at: LocalTime,
    prefix: String,
    written: Vec<Message>,
}

impl Writer {
    /// A writer whose messages' control ids begin with `prefix`.
    pub fn new(at: LocalTime, prefix: String) -> Self {
        Self { at, prefix, written: Vec::new() }
    }

    /// All that was written.
    pub fn finish(self) -> Vec<Message> {
        self.written
    }

    /// ADT^A01: somebody is admitted, with a fever.
    pub fn admission(&mut self, visitor: &Visitor) {
        let (code, name) = visitor.disease;
        let segments = [
            self.event("A01"),
            patient(visitor),
            visit(visitor, "NOI^P201^G03^BVBL", None),
            format!("DG1|1||{code}^{name}^I10|||A"),
            "OBX|1|NM|8310-5^Thân nhiệt^LN||38.6|Cel^độ C^UCUM|36.5-37.5|H|||F".to_owned(),
        ];
        self.write("ADT^A01^ADT_A01", &segments, &[(PATIENTS, 1), (ENCOUNTERS, 1), (OBSERVATIONS, 1)]);
    }

    /// ADT^A02: to intensive care.
    pub fn transfer(&mut self, visitor: &Visitor) {
        let segments = [self.event("A02"), patient(visitor), visit(visitor, "HSTC^P101^G01^BVBL", None)];
        self.write("ADT^A02^ADT_A02", &segments, &[(PATIENTS, 1), (ENCOUNTERS, 1)]);
    }

    /// ADT^A03: home.
    pub fn discharge(&mut self, visitor: &Visitor) {
        let segments = [self.event("A03"), patient(visitor), visit(visitor, "NOI^P201^G03^BVBL", Some(&self.at))];
        self.write("ADT^A03^ADT_A03", &segments, &[(PATIENTS, 1), (ENCOUNTERS, 1)]);
    }

    /// ADT^A11: the admission was a mistake.
    pub fn cancellation(&mut self, visitor: &Visitor) {
        let segments = [self.event("A11"), patient(visitor), visit(visitor, "NOI^P201^G03^BVBL", None)];
        self.write("ADT^A11^ADT_A09", &segments, &[(PATIENTS, 1), (ENCOUNTERS, 1)]);
    }

    /// ADT^A40: somebody had two numbers, and keeps one.
    pub fn merge(&mut self, visitor: &Visitor) {
        let segments = [self.event("A40"), patient(visitor), format!("MRG|TAM{:08}^^^BVBL^MR", visitor.number)];
        // The patient that stays, and the one that goes.
        self.write("ADT^A40^ADT_A39", &segments, &[(PATIENTS, 2)]);
    }

    /// ORU^R01: three results of the blood, one of them as text.
    pub fn results(&mut self, visitor: &Visitor, glucose: f64, platelets: usize) {
        let mut segments = vec![patient(visitor), visit(visitor, "NOI^P201^G03^BVBL", None), self.report(visitor)];
        segments.extend([
            format!("OBX|1|NM|2345-7^Glucose^LN||{glucose:.2}|mmol/L^^UCUM|3.9-6.4||||F"),
            format!("OBX|2|NM|777-3^Tiểu cầu^LN||{platelets}|10*9/L|150-400||||F"),
            "OBX|3|TX|NX^Nhận xét^L||Mẫu đạt yêu cầu~Đã kiểm tra lại||||||F".to_owned(),
        ]);
        self.write("ORU^R01^ORU_R01", &segments, &[(PATIENTS, 1), (ENCOUNTERS, 1), (OBSERVATIONS, 3)]);
    }

    /// SIU^S12: to be seen again in a week.
    pub fn appointment(&mut self, visitor: &Visitor) {
        let (from, until) = (self.at + Duration::days(7), self.at + Duration::days(7) + Duration::minutes(30));
        let (from, until) = (digits(&from), digits(&until));
        let segments = [
            format!("SCH|HEN{0}^HIS|LH{0}^LICH|||||TK^Tái khám^L|NORMAL|30|min|^^30^{from}^{until}||||||||||||||Booked", visitor.number),
            patient(visitor),
            "RGS|1|A".to_owned(),
            format!("AIS|1|A|KHAM^Khám nội^L|{from}|||30|min||Booked"),
        ];
        self.write("SIU^S12^SIU_S12", &segments, &[(PATIENTS, 1), (APPOINTMENTS, 1)]);
    }

    /// VXU^V04: a vaccine against measles.
    pub fn vaccination(&mut self, visitor: &Visitor) {
        let day = self.at.format("%Y%m%d");
        let segments = [
            patient(visitor),
            format!("ORC|RE|TC{0}^TC|TC{0}^TC", visitor.number),
            format!(
                "RXA|0|1|{day}||94^Sởi, quai bị, rubella, thủy đậu^CVX|0.5|mL^^UCUM||00^New immunization record^NIP001|||||LO0001||||||CP|A"
            ),
            "RXR|SC^Dưới da^HL70162|LA^Cánh tay trái^HL70163".to_owned(),
        ];
        self.write("VXU^V04^VXU_V04", &segments, &[(PATIENTS, 1), (IMMUNIZATIONS, 1)]);
    }

    /// A result that does not say of what: it alone goes to quarantine.
    pub fn results_without_code(&mut self, visitor: &Visitor) {
        let segments = [
            patient(visitor),
            self.report(visitor),
            "OBX|1|NM|718-7^Hemoglobin^LN||132|g/L|||||F".to_owned(),
            "OBX|2|NM|||4.5||||||F".to_owned(),
        ];
        self.write("ORU^R01^ORU_R01", &segments, &[(PATIENTS, 1), (OBSERVATIONS, 1)]);
        self.spoil(OBSERVATIONS, "AE");
    }

    /// A birthday that no year has: the patient is kept without it, and the segment goes to quarantine.
    pub fn impossible_birthday(&mut self, visitor: &Visitor) {
        let visitor = Visitor { born: "20250229".to_owned(), ..visitor.clone() };
        let segments = [self.event("A08"), patient(&visitor)];
        self.write("ADT^A08^ADT_A01", &segments, &[(PATIENTS, 1)]);
        self.spoil(PATIENTS, "AE");
    }

    /// A message about charges, which nobody asked for.
    pub fn charges(&mut self, visitor: &Visitor) {
        let segments = [self.event("P03"), patient(visitor), "FT1|1".to_owned()];
        self.write("DFT^P03^DFT_P03", &segments, &[]);
        self.spoil(PATIENTS, "AR");
    }

    fn event(&self, event: &str) -> String {
        format!("EVN|{event}|{}+0700", digits(&self.at))
    }

    fn report(&self, visitor: &Visitor) -> String {
        let at = digits(&self.at);
        format!("OBR|1|CD{0}^HIS|XN{0}^LIS|SH01^Sinh hóa máu^L|||{at}+0700|||||||||||||||{at}+0700||CH|F", visitor.number)
    }

    fn write(&mut self, kind: &str, segments: &[String], good: &[(&'static str, u64)]) {
        let id = format!("{}-{}", self.prefix, self.written.len() + 1);
        let header = format!("MSH|^~\\&|HIS|BVBL|LIENTHONG|BAOLOC|{}+0700||{kind}|{id}|P|2.5|||||VNM|UNICODE UTF-8", digits(&self.at));
        let text = std::iter::once(&header).chain(segments).map(|segment| format!("{segment}\r")).collect();
        let sent = good.iter().map(|(channel, good)| (*channel, Sent { good: *good, bad: 0 })).collect();
        self.written.push(Message { id, text, sent, acknowledged: "AA" });
    }

    /// The message written last has one bad item more, and is acknowledged so.
    fn spoil(&mut self, channel: &'static str, acknowledged: &'static str) {
        if let Some(message) = self.written.last_mut() {
            message.sent.entry(channel).or_default().bad += 1;
            message.acknowledged = acknowledged;
        }
    }
}

fn patient(visitor: &Visitor) -> String {
    let Visitor { person, born, .. } = visitor;
    let id = visitor.patient_id();
    format!(
        "PID|1||{id}^^^BVBL^MR~{}^^^CCCD^NI||{}^{} {}^{}^^^^L||{born}|{}|||Thôn Thử Nghiệm^^Phường 1 Bảo Lộc^Lâm Đồng^^VNM^H||{}^PRN^CP",
        person.national_id(),
        person.family,
        person.given,
        person.number,
        person.middle,
        if person.female { "F" } else { "M" },
        person.phone(),
    )
}

fn visit(visitor: &Visitor, place: &str, discharged_at: Option<&LocalTime>) -> String {
    let (id, admitted_at) = (visitor.visit_id(), digits(&visitor.admitted_at));
    let discharged = discharged_at.map(|at| format!("|{}+0700", digits(at))).unwrap_or_default();
    format!("PV1|1|I|{place}||||BS01^TRẦN^THỬ^THỊ|||NOI||||1||||1|{id}^^^BVBL^VN|||||||||||||||||||||||||{admitted_at}+0700{discharged}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::clock;

    fn written() -> Vec<Message> {
        let visitor = Visitor::draw(1, 5_984_673);
        let mut writer = Writer::new(clock::at_step(5_984_673), "BVBL-1".to_owned());
        writer.admission(&visitor);
        writer.results(&visitor, 5.4, 250);
        writer.discharge(&visitor);
        writer.merge(&visitor);
        writer.results_without_code(&visitor);
        writer.charges(&visitor);
        writer.finish()
    }

    #[test]
    fn a_message_names_itself_its_patient_and_its_visit() {
        for message in written() {
            let segments: Vec<Vec<&str>> = message.text.split_terminator('\r').map(|segment| segment.split('|').collect()).collect();
            assert_eq!((segments[0][0], segments[0][9], segments[0][17]), ("MSH", message.id.as_str(), "UNICODE UTF-8"));
            let pid = segments.iter().find(|segment| segment[0] == "PID").unwrap();
            assert!(pid[3].starts_with("BN00984673^^^BVBL^MR~000"), "{}", pid[3]);
            if let Some(pv1) = segments.iter().find(|segment| segment[0] == "PV1") {
                // Admission is PV1-44, discharge PV1-45.
                assert!(pv1[19].starts_with("LK2026-984673^"), "{pv1:?}");
                assert_eq!((pv1[44].len(), pv1.get(45).is_some()), (19, message.text.contains("ADT^A03")), "{pv1:?}");
            }
        }
    }

    #[test]
    fn control_ids_are_of_one_message_each() {
        let ids: std::collections::BTreeSet<String> = written().into_iter().map(|message| message.id).collect();
        assert_eq!(ids.len(), 6);
    }
}

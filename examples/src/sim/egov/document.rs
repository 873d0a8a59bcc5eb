//! Official documents and their status messages as edXML (QCVN 102:2016/BTTTT).

use super::Office;
use crate::sim::base64;
use crate::sim::clock::LocalTime;

const NAMESPACE: &str = "http://www.mic.gov.vn/TBT/QCVN_102_2016";

/// A document from one office to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Who sends it.
    pub from: &'static Office,
    /// Who receives it.
    pub to: Vec<&'static Office>,
    /// Its number in the register of the year.
    pub number: u32,
    /// The day it was promulgated, and when it was sent.
    pub at: LocalTime,
    /// What it is about.
    pub subject: &'static str,
    /// The file that is the document.
    pub attachment: Vec<u8>,
}

/// How far a receiver is with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The regulation's code.
    pub code: &'static str,
    /// In words.
    pub description: &'static str,
}

/// It is there.
pub const RECEIVED: Status = Status { code: "01", description: "Phần mềm quản lý văn bản đã nhận" };
/// It is in the register.
pub const REGISTERED: Status = Status { code: "03", description: "Văn thư đã tiếp nhận, vào sổ" };

impl Document {
    /// Number and notation, `1204/UBND-VP`.
    pub fn code(&self) -> String {
        format!("{}/UBND-VP", self.number)
    }

    /// The id that names it everywhere.
    pub fn id(&self) -> String {
        format!("{},{},{}", self.from.id, self.at.format("%Y/%m/%d"), self.code())
    }

    /// The whole message.
    pub fn xml(&self) -> String {
        let Self { from, number, at, .. } = self;
        let receivers: String = self.to.iter().map(|office| office_xml("To", office)).collect();
        let (day, sent_at) = (at.format("%Y/%m/%d"), at.format("%Y/%m/%d %H:%M:%S"));
        let content_id = format!("vb-{number}-1@{}.example", from.host);
        let name = format!("{number}-UBND-VP.pdf");
        let encoded = base64::lines(&self.attachment);
        message(
            &format!(
                "{}{receivers}<Code><CodeNumber>{number}</CodeNumber><CodeNotation>UBND-VP</CodeNotation></Code>\n\
                 <PromulgationInfo><Place>Lâm Đồng</Place><PromulgationDate>{day}</PromulgationDate></PromulgationInfo>\n\
                 <DocumentType><Type>18</Type><TypeName>Công văn</TypeName></DocumentType>\n<Subject>{}</Subject>\n\
                 <SignerInfo><Position>CHỦ TỊCH</Position><FullName>Nguyễn Thử Nghiệm</FullName></SignerInfo>\n\
                 <OtherInfo><Priority>0</Priority><PromulgationAmount>1</PromulgationAmount><PageAmount>2</PageAmount></OtherInfo>\n\
                 <DocumentId>{}</DocumentId>\n",
                office_xml("From", from),
                escaped(self.subject),
                self.id(),
            ),
            &format!(
                "<TraceHeaderList><TraceHeader><OrganId>{}</OrganId><Timestamp>{sent_at}</Timestamp></TraceHeader>\n\
                 <Bussiness><BussinessDocType>0</BussinessDocType><BussinessDocReason>Văn bản điện tử mới</BussinessDocReason><Paper>0</Paper></Bussiness>\
                 </TraceHeaderList>\n",
                from.id
            ),
            &format!(
                "<Reference><Description>Toàn văn</Description><AttachmentName>{name}</AttachmentName><ContentType>application/pdf</ContentType>\
                 <ContentId>cid:{content_id}</ContentId></Reference>"
            ),
            &format!(
                "<AttachmentEncoded><Attachment><ContentType>application/pdf</ContentType><ContentId>{content_id}</ContentId>\
                 <AttachmentName>{name}</AttachmentName>\n<ContentTransferEncoded>\n{encoded}\n</ContentTransferEncoded></Attachment></AttachmentEncoded>\n"
            ),
        )
    }

    /// The same message with one character of the attachment that base64 does not have, as a gateway that changed its encoding leaves it.
    pub fn spoilt_xml(&self) -> String {
        let whole = self.xml();
        let marker = "<ContentTransferEncoded>\n";
        match whole.find(marker) {
            Some(at) => format!("{}*{}", &whole[..at + marker.len() + 8], &whole[at + marker.len() + 9..]),
            None => whole,
        }
    }

    /// What a receiver says about it.
    pub fn status_xml(&self, receiver: &Office, status: Status, at: &LocalTime) -> String {
        message(
            &format!(
                "<ResponseFor><OrganId>{}</OrganId><Code>{}</Code><PromulgationDate>{}</PromulgationDate><DocumentId>{}</DocumentId></ResponseFor>\n\
                 {}<StatusCode>{}</StatusCode>\n<Description>{}</Description>\n<Timestamp>{}</Timestamp>\n",
                self.from.id,
                self.code(),
                self.at.format("%Y/%m/%d"),
                self.id(),
                office_xml("From", receiver),
                status.code,
                status.description,
                at.format("%Y/%m/%d %H:%M:%S"),
            ),
            "",
            "",
            "",
        )
    }
}

fn message(header: &str, trace: &str, manifest: &str, attachments: &str) -> String {
    let body = match manifest {
        "" => String::new(),
        _ => format!("<edXMLBody><edXMLManifest>{manifest}</edXMLManifest></edXMLBody>\n"),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<edXML xmlns=\"{NAMESPACE}\">\n<edXMLEnvelope>\n<edXMLHeader>\n<MessageHeader>\n{header}\
         </MessageHeader>\n{trace}</edXMLHeader>\n{body}</edXMLEnvelope>\n{attachments}</edXML>\n"
    )
}

fn office_xml(element: &str, office: &Office) -> String {
    format!(
        "<{element}><OrganId>{}</OrganId><OrganName>{}</OrganName><Email>vanthu@{}.example</Email></{element}>\n",
        office.id,
        escaped(office.name),
        office.host
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::super::{PROVINCE, WARDS};
    use super::*;
    use crate::sim::clock;

    fn document() -> Document {
        let at = clock::at_seconds(1_795_401_899);
        Document {
            from: &PROVINCE,
            to: vec![&WARDS[0], &WARDS[3]],
            number: 1204,
            at,
            subject: "V/v mưa lũ & sạt lở",
            attachment: vec![7; 200],
        }
    }

    #[test]
    fn a_document_names_itself_and_carries_its_file() {
        let xml = document().xml();
        for part in [
            "<DocumentId>000.00.00.H36,2026/11/23,1204/UBND-VP</DocumentId>",
            "<Subject>V/v mưa lũ &amp; sạt lở</Subject>",
            "<OrganName>Ủy ban nhân dân Phường B'Lao</OrganName>",
            "cid:vb-1204-1@lamdong.example",
        ] {
            assert!(xml.contains(part), "{part} is not in {xml}");
        }
        assert!(xml.contains(&format!("\n{}\n</ContentTransferEncoded>", base64::lines(&[7; 200]))));
    }

    #[test]
    fn one_character_is_enough_to_spoil_it() {
        let (whole, spoilt) = (document().xml(), document().spoilt_xml());
        assert_eq!(whole.len(), spoilt.len());
        assert_eq!(whole.bytes().zip(spoilt.bytes()).filter(|(a, b)| a != b).count(), 1);
    }
}

//! What the regulation's elements become: tables of them, one for each element that holds others. The depth to which they nest is that of the
//! tables, whatever the message does.

/// One element within another, and the property that it becomes.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) element: &'static str,
    pub(crate) property: &'static str,
    pub(crate) kind: Kind,
    /// Without it the message is refused.
    pub(crate) needed: bool,
}

/// What is made of an element. Those that are [`Kind::repeated`] may come more than once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A text of at most [`TEXT_CHARS`].
    Text,
    /// A text of at most [`LONG_TEXT_CHARS`].
    LongText,
    /// Texts, in an array.
    Texts,
    /// A day, RFC 3339.
    Date,
    /// A moment, RFC 3339.
    Moment,
    /// A number from 0.
    Integer,
    /// 0 or 1.
    Flag,
    /// A code, and the word for it if it is known: `property_code` and `property`.
    Code(&'static [(u32, &'static str)]),
    /// An agency's id as it came and, where it is one, its normal form: `property` and `property_normal`.
    Agency,
    /// Agencies' ids in an array of objects.
    Agencies,
    /// A document's id as it came, and its normal form: `property` and `property_normal`.
    Document,
    /// What ties an attachment to its entry in the manifest.
    ContentId,
    /// An attachment's base64.
    Content,
    /// Fields of the object at hand.
    Group(&'static [Field]),
    /// The same, of an element that may come again.
    Groups(&'static [Field]),
    /// Fields of an object of their own.
    Object(&'static [Field]),
    /// Objects in an array.
    Objects(&'static [Field]),
    /// The same, of entries of the manifest.
    References,
    /// The same, of attachments.
    Attachments,
    /// The same, of XML signatures.
    Signatures,
    /// What only a status message has.
    StatusOnly,
}

/// The schemas' limit for most texts, characters.
pub(crate) const TEXT_CHARS: usize = 1_024;

/// The schemas' limit for texts that people write at length, characters.
pub(crate) const LONG_TEXT_CHARS: usize = 65_536;

impl Kind {
    pub(crate) const fn repeated(self) -> bool {
        matches!(
            self,
            Self::Texts | Self::Agencies | Self::Groups(_) | Self::Objects(_) | Self::References | Self::Attachments | Self::Signatures
        )
    }
}

const fn field(element: &'static str, property: &'static str, kind: Kind) -> Field {
    Field { element, property, kind, needed: false }
}

const fn needed(element: &'static str, property: &'static str, kind: Kind) -> Field {
    Field { element, property, kind, needed: true }
}

const fn needed_group(element: &'static str, fields: &'static [Field]) -> Field {
    needed(element, "", Kind::Group(fields))
}

const fn group(element: &'static str, fields: &'static [Field]) -> Field {
    field(element, "", Kind::Group(fields))
}

const ORGANIZATION: &[Field] = &[
    needed("OrganId", "agency_id", Kind::Agency),
    field("OrganizationInCharge", "agency_in_charge", Kind::Text),
    field("OrganName", "agency_name", Kind::Text),
    field("OrganAdd", "address", Kind::Text),
    field("Email", "email", Kind::Text),
    field("Telephone", "telephone", Kind::Text),
    field("Fax", "fax", Kind::Text),
    field("Website", "website", Kind::Text),
];

const STAFF: Field = field(
    "StaffInfo",
    "staff",
    Kind::Objects(&[
        field("Department", "department", Kind::Text),
        field("Staff", "name", Kind::Text),
        field("Mobile", "mobile", Kind::Text),
        field("Email", "email", Kind::Text),
    ]),
);

/// A document with all around it.
pub(crate) const DOCUMENT: &[Field] = &[
    needed_group(
        ENVELOPE,
        &[
            needed_group(
                "edXMLHeader",
                &[
                    needed_group("MessageHeader", DOCUMENT_HEADER),
                    field("MessageStatus", "", Kind::StatusOnly),
                    field("Status", "", Kind::StatusOnly),
                    group("TraceHeaderList", DOCUMENT_TRACE),
                    SIGNATURE,
                    DIGITAL_SIGNATURE,
                ],
            ),
            BODY,
            ATTACHMENTS,
            SIGNATURE,
        ],
    ),
    ATTACHMENTS,
    SIGNATURE,
];

/// A status message with all around it. Some write its header as `MessageStatus` or `Status`.
pub(crate) const STATUS: &[Field] = &[
    needed_group(
        ENVELOPE,
        &[
            needed_group(
                "edXMLHeader",
                &[
                    group("MessageHeader", STATUS_HEADER),
                    group("MessageStatus", STATUS_HEADER),
                    group("Status", STATUS_HEADER),
                    group("TraceHeaderList", &[TRACE_HEADER]),
                    SIGNATURE,
                    DIGITAL_SIGNATURE,
                ],
            ),
            BODY,
            ATTACHMENTS,
            SIGNATURE,
        ],
    ),
    ATTACHMENTS,
    SIGNATURE,
];

/// Whoever has one means edXML.
pub(crate) const ENVELOPE: &str = "edXMLEnvelope";

const BODY: Field = group("edXMLBody", &[group("edXMLManifest", &[field("Reference", REFERENCES, Kind::References)])]);
const ATTACHMENTS: Field = field("AttachmentEncoded", "", Kind::Groups(&[field("Attachment", CONTENTS, Kind::Attachments)]));
const SIGNATURE: Field = field("Signature", "signatures", Kind::Signatures);
const DIGITAL_SIGNATURE: Field = field("DigitalSignature", "signatures", Kind::Signatures);

/// The manifest's entries and the attachments themselves, until they are matched.
pub(crate) const REFERENCES: &str = "references";
pub(crate) const CONTENTS: &str = "contents";

const DOCUMENT_HEADER: &[Field] = &[
    needed("DocumentId", "document_id", Kind::Document),
    needed("From", "from", Kind::Object(ORGANIZATION)),
    needed("To", "to", Kind::Objects(ORGANIZATION)),
    group("Code", &[field("CodeNumber", "code_number", Kind::Text), field("CodeNotation", "code_notation", Kind::Text)]),
    group(
        "PromulgationInfo",
        &[field("Place", "promulgation_place", Kind::Text), field("PromulgationDate", "promulgation_date", Kind::Date)],
    ),
    group(
        "DocumentType",
        &[
            field("Type", "document_type_code", Kind::Text),
            field("TypeName", "document_type_name", Kind::Text),
            field("TypeDetail", "document_type_detail", Kind::Text),
        ],
    ),
    field("Subject", "subject", Kind::LongText),
    field("Content", "content", Kind::LongText),
    group(
        "SignerInfo",
        &[
            field("Competence", "signer_competence", Kind::Text),
            field("Position", "signer_position", Kind::Text),
            field("FullName", "signer_name", Kind::Text),
        ],
    ),
    field("DueDate", "due_date", Kind::Date),
    group("ToPlaces", &[field("Place", "to_places", Kind::Texts)]),
    group(
        "OtherInfo",
        &[
            field("Priority", "priority", Kind::Integer),
            field("SphereOfPromulgation", "promulgation_sphere", Kind::Text),
            field("TyperNotation", "typer_notation", Kind::Text),
            field("PromulgationAmount", "copies", Kind::Integer),
            field("PageAmount", "pages", Kind::Integer),
            group("Appendixes", &[field("Appendix", "appendixes", Kind::Texts)]),
        ],
    ),
    field(
        "ResponseFor",
        "response_for",
        Kind::Objects(&[
            field("OrganId", "agency_id", Kind::Agency),
            field("Code", "code", Kind::Text),
            field("PromulgationDate", "promulgation_date", Kind::Date),
            field("DocumentId", "document_id", Kind::Document),
        ]),
    ),
    field("SteeringType", "steering_type", Kind::Integer),
    field("StatusCode", "", Kind::StatusOnly),
];

const STATUS_HEADER: &[Field] = &[
    needed(
        "ResponseFor",
        RESPONSES,
        Kind::Objects(&[
            needed("DocumentId", "document_id", Kind::Document),
            field("OrganId", "document_agency_id", Kind::Agency),
            field("Code", "document_code", Kind::Text),
            field("PromulgationDate", "document_date", Kind::Date),
        ]),
    ),
    needed("From", "from", Kind::Object(ORGANIZATION)),
    field("To", "to", Kind::Objects(ORGANIZATION)),
    needed("StatusCode", "status", Kind::Code(STATUS_WORDS)),
    field("Description", "description", Kind::LongText),
    field("Timestamp", "timestamp", Kind::Moment),
    STAFF,
];

/// A status message's documents, until each has its record.
pub(crate) const RESPONSES: &str = "responses";

/// 01 says that the receiver's system has it, 03 that its clerk entered it in the register. 13 asks for a document back; 15 and 16 answer that,
/// and an update or a replacement.
const STATUS_WORDS: &[(u32, &str)] = &[
    (1, "received"),
    (2, "refused"),
    (3, "registered"),
    (4, "assigned"),
    (5, "processing"),
    (6, "done"),
    (13, "recall_requested"),
    (15, "agreed"),
    (16, "declined"),
];

const TRACE_HEADER: Field = field(
    "TraceHeader",
    "trace",
    Kind::Objects(&[field("OrganId", "agency_id", Kind::Agency), field("Timestamp", "timestamp", Kind::Moment)]),
);

/// `Bussiness` is the regulation's spelling.
const DOCUMENT_TRACE: &[Field] = &[
    TRACE_HEADER,
    group(
        "Bussiness",
        &[
            field("BussinessDocType", "business_type", Kind::Code(&[(0, "new"), (1, "recall"), (2, "update"), (3, "replacement")])),
            field("BussinessDocReason", "business_reason", Kind::LongText),
            group(
                "BussinessDocumentInfo",
                &[
                    field("DocumentInfo", "update_document_info", Kind::Text),
                    field("DocumentReceiver", "update_document_receiver", Kind::Text),
                    group(
                        "ReceiverList",
                        &[field(
                            "Receiver",
                            "update_receivers",
                            Kind::Objects(&[
                                field("OrganId", "agency_id", Kind::Agency),
                                field("ReceiverType", "receiver_type", Kind::Text),
                            ]),
                        )],
                    ),
                ],
            ),
            field("DocumentId", "updated_document_id", Kind::Document),
            STAFF,
            field("Paper", "paper_copy", Kind::Flag),
            group(
                "ReplacementInfoList",
                &[field(
                    "ReplacementInfo",
                    "replaces",
                    Kind::Objects(&[
                        field("DocumentId", "document_id", Kind::Document),
                        group("OrganIdList", &[field("OrganId", "agencies", Kind::Agencies)]),
                    ]),
                )],
            ),
        ],
    ),
];

/// `Reference` of the manifest.
pub(crate) const REFERENCE: &[Field] = &[
    field("ContentId", "content_id", Kind::ContentId),
    field("AttachmentName", "name", Kind::Text),
    field("ContentType", "content_type", Kind::Text),
    field("Description", "description", Kind::LongText),
];

/// `Attachment`. What the manifest says as well goes before it.
pub(crate) const ATTACHMENT: &[Field] = &[
    field("ContentId", "content_id", Kind::ContentId),
    field("AttachmentName", "name", Kind::Text),
    field("ContentType", "content_type", Kind::Text),
    field("Description", "description", Kind::LongText),
    field("ContentTransferEncoded", "", Kind::Content),
];

/// Whether the element of this name is meant: who writes `Business` means the regulation's `Bussiness`.
pub(crate) fn is_named(field: &Field, name: &str) -> bool {
    field.element == name || field.element.strip_prefix("Bussiness").is_some_and(|rest| name.strip_prefix("Business") == Some(rest))
}

//! Where in a body its items are, and what stands around them. The body is read twice: `service` may stand behind a `data` that is
//! too large to hold.

use std::io::{BufRead, Seek, SeekFrom};

use lienthong_sdk::Failure;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Kept, Values};
use crate::object::{flag, whole};

/// A dossier with its lists has a few kilobytes. A larger item is rejected with its beginning, so that no body can fill the sandbox.
pub(crate) const MAX_ITEM_BYTES: usize = 1 << 20;

/// Names and values around the items.
const MAX_MEMBER_BYTES: usize = 4 << 10;

/// The service a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Service {
    #[serde(rename = "DongBoHoSoMC")]
    Dossiers,
    #[serde(rename = "CapNhatTienDoHoSoMC")]
    Steps,
}

/// What a body says besides its items; blank text and null say nothing.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) service: Option<Service>,
    pub(crate) updating: Option<bool>,
    pub(crate) error_code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) total: Option<u64>,
    items: Items,
}

/// Where the items are.
#[derive(Debug)]
struct Items {
    /// Offset of the value's first byte.
    at: u64,
    /// Pointer to the value.
    pointer: &'static str,
    kind: ItemsKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ItemsKind {
    None,
    One,
    Array,
}

/// An item as it came.
pub(crate) struct Item<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) kept: Kept,
    /// JSON pointer to it.
    pub(crate) pointer: String,
}

impl Envelope {
    /// Finds the items: in the member `data`, as an array or a single object; or the body is itself such an array or object.
    pub(crate) fn read(body: &mut (impl BufRead + Seek)) -> Result<Self, Failure> {
        body.seek(SeekFrom::Start(0))?;
        let mut values = Values::new(body, 0);
        if values.skip(b"\xff\xfe")? || values.skip(b"\xfe\xff")? {
            return Err(Failure::InvalidInput("the body is UTF-16: JSON is exchanged as UTF-8".to_owned()));
        }
        values.skip(b"\xef\xbb\xbf")?;
        let first = values.peek()?;
        let at = values.offset();
        let envelope = match first {
            Some(b'[') => {
                values.value(0, &mut Vec::new())?;
                Members::default().envelope(Items { at, pointer: "", kind: ItemsKind::Array })?
            }
            Some(b'{') => {
                let members = Members::read(&mut values)?;
                let items = match (members.data, members.has_code) {
                    (Some((at, kind)), _) => Items { at, pointer: "/data", kind },
                    (None, true) => Items { at, pointer: "", kind: ItemsKind::One },
                    (None, false) => Items { at, pointer: "", kind: ItemsKind::None },
                };
                if members.data.is_none() && !members.has_code && members.error_code.is_none() {
                    return Err(Failure::InvalidInput("the body has neither `data` nor `MaHoSo`: nothing in it is a dossier".to_owned()));
                }
                members.envelope(items)?
            }
            found => return Err(values.broken(found, "a JSON object or array")),
        };
        match values.peek()? {
            None => Ok(envelope),
            found => Err(values.broken(found, "the end of the body")),
        }
    }

    /// Hands over item after item. Stops at the first error.
    pub(crate) fn each_item<R: BufRead + Seek>(
        &self,
        body: &mut R,
        mut take: impl FnMut(Item<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Items { at, pointer, kind } = self.items;
        body.seek(SeekFrom::Start(at))?;
        let mut values = Values::new(body, at);
        let mut bytes = Vec::new();
        if kind == ItemsKind::One {
            let kept = values.value(MAX_ITEM_BYTES, &mut bytes)?;
            return take(Item { bytes: &bytes, kept, pointer: pointer.to_owned() });
        }
        if kind == ItemsKind::None {
            return Ok(());
        }
        values.mark(b"[")?;
        if values.peek()? == Some(b']') {
            return Ok(());
        }
        for index in 0u64.. {
            let kept = values.value(MAX_ITEM_BYTES, &mut bytes)?;
            take(Item { bytes: &bytes, kept, pointer: format!("{pointer}/{index}") })?;
            if values.mark(b",]")? == b']' {
                break;
            }
        }
        Ok(())
    }
}

/// The members of a body that is an object, as far as they matter.
#[derive(Default)]
struct Members {
    service: Option<String>,
    updating: Option<String>,
    error_code: Option<String>,
    message: Option<String>,
    total: Option<String>,
    data: Option<(u64, ItemsKind)>,
    has_code: bool,
}

impl Members {
    fn read(values: &mut Values<impl BufRead>) -> Result<Self, Failure> {
        let mut members = Self::default();
        let mut bytes = Vec::new();
        values.mark(b"{")?;
        if values.peek()? == Some(b'}') {
            values.mark(b"}")?;
            return Ok(members);
        }
        loop {
            let first = values.peek()?;
            let kept = values.value(MAX_MEMBER_BYTES, &mut bytes)?;
            let name = match kept {
                Kept::Whole => serde_json::from_slice::<String>(&bytes).map_err(|_| values.broken(first, "a member's name"))?,
                // No name that matters is so long.
                Kept::Beginning => String::new(),
            };
            values.mark(b":")?;
            members.take(&name, values, &mut bytes)?;
            if values.mark(b",}")? == b'}' {
                return Ok(members);
            }
        }
    }

    fn take(&mut self, name: &str, values: &mut Values<impl BufRead>, bytes: &mut Vec<u8>) -> Result<(), Failure> {
        let first = values.peek()?;
        let at = values.offset();
        let kept = values.value(MAX_MEMBER_BYTES, bytes)?;
        let twice = || Err(Failure::InvalidInput(format!("the body has `{name}` twice")));
        let slot = match name {
            "service" => &mut self.service,
            "isUpdating" => &mut self.updating,
            "error_code" => &mut self.error_code,
            "message" => &mut self.message,
            "total" => &mut self.total,
            "MaHoSo" => {
                self.has_code = true;
                return Ok(());
            }
            "data" => {
                let kind = match first {
                    Some(b'[') => ItemsKind::Array,
                    Some(b'{') => ItemsKind::One,
                    _ if matches!(bytes.as_slice(), b"null" | b"\"\"") => ItemsKind::None,
                    found => return Err(values.broken(found, "an array or an object in `data`")),
                };
                return if self.data.replace((at, kind)).is_some() { twice() } else { Ok(()) };
            }
            _ => return Ok(()),
        };
        let text = scalar(bytes).filter(|_| kept == Kept::Whole);
        let text = text.ok_or_else(|| Failure::InvalidInput(format!("`{name}` in the body is no text, number or flag")))?;
        if slot.replace(text).is_some() { twice() } else { Ok(()) }
    }

    fn envelope(self, items: Items) -> Result<Envelope, Failure> {
        let wrong = |name: &str, expected: &str| Failure::InvalidInput(format!("`{name}` in the body must be {expected}"));
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let service = match said(self.service).as_deref() {
            None => None,
            Some("DongBoHoSoMC") => Some(Service::Dossiers),
            Some("CapNhatTienDoHoSoMC") => Some(Service::Steps),
            Some(_) => return Err(wrong("service", "DongBoHoSoMC or CapNhatTienDoHoSoMC: no other is received here")),
        };
        let updating = said(self.updating).map(|text| flag(&text).ok_or_else(|| wrong("isUpdating", "true or false"))).transpose()?;
        let total = said(self.total).map(|text| whole(&text).ok_or_else(|| wrong("total", "a whole number"))).transpose()?;
        Ok(Envelope { service, updating, error_code: said(self.error_code), message: said(self.message), total, items })
    }
}

/// The trimmed text of a string, number or flag; empty of null.
fn scalar(json: &[u8]) -> Option<String> {
    let raw: &RawValue = serde_json::from_slice(json).ok()?;
    match raw.get().as_bytes().first()? {
        b'[' | b'{' => None,
        b'"' => serde_json::from_str::<String>(raw.get()).ok().map(|text| text.trim().to_owned()),
        b'n' => Some(String::new()),
        _ => Some(raw.get().to_owned()),
    }
}

//! The pupil sheet of the Ministry of Education (`C1-HocSinh`), saved as CSV: a row a pupil, who becomes a user and an enrollment.

use std::borrow::Cow;
use std::io::{Read, Seek, SeekFrom};

use lienthong_sdk::tables::{Column, Format, Rows, Table};
use lienthong_sdk::{Call, Failure, Level, Message};
use serde::Serialize;

use crate::entities::{Enrollment, User};
use crate::{Settings, heading};

/// What is said to somebody who sends the workbook itself.
pub(crate) const WORKBOOK: &str = "the message is a workbook: save the sheet as CSV (UTF-8) and send that";

/// Those by which the header is found; two of them are enough to know it by, and all of them must be in it.
const FOUND_BY: &[Column] = &[&["Mã lớp"], &["Mã học sinh"], &["Họ tên", "Họ và tên"]];

/// A title above the header has a few lines.
const MAX_TITLE_ROWS: u64 = 20;

/// How much of the file is looked at to find the header.
const START_BYTES: u64 = 64 << 10;

mod value {
    use super::{Cow, heading};
    use lienthong_sdk::tables::value::at_most;
    use lienthong_sdk::vietnam;
    use unicode_normalization::{UnicodeNormalization, is_nfc};

    /// A text in the composed form (NFC), whatever the machine that wrote it uses.
    fn composed<'r>(max_chars: usize, text: &'r str, name: &str) -> Result<Option<Cow<'r, str>>, String> {
        let text = text.trim();
        let whole = if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) };
        Ok(at_most(max_chars, &whole, name)?.is_some().then_some(whole))
    }

    /// A class or a pupil by its code.
    pub(crate) fn code<'r>(text: &'r str, name: &str) -> Result<Cow<'r, str>, String> {
        composed(64, text, name)?.ok_or_else(|| format!("{name} is empty"))
    }

    /// A pupil's name.
    pub(crate) fn full_name<'r>(text: &'r str, name: &str) -> Result<Cow<'r, str>, String> {
        composed(256, text, name)?.ok_or_else(|| format!("{name} is empty"))
    }

    /// A choice of the sheet, as it came.
    pub(crate) fn choice<'r>(text: &'r str, name: &str) -> Result<Option<Cow<'r, str>>, String> {
        composed(128, text, name)
    }

    /// A day, as RFC 3339 has it. Spreadsheets drop the zeros in front.
    pub(crate) fn day(text: &str, name: &str) -> Result<Option<String>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        vietnam::date(text, &["dd/MM/yyyy", "d/M/yyyy", "dd/M/yyyy", "d/MM/yyyy"])
            .map(Some)
            .ok_or_else(|| format!("{name} is no day dd/mm/yyyy"))
    }

    /// A sex, in OneRoster's words.
    pub(crate) fn sex<'r>(text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
        match heading::plain(text).as_str() {
            "" if text.is_empty() => Ok(None),
            "nam" => Ok(Some("male")),
            "nu" => Ok(Some("female")),
            _ => Err(format!("{name} is neither Nam nor Nữ")),
        }
    }

    /// A personal identification number. Spreadsheets eat the zero it mostly begins with.
    pub(crate) fn national_id<'r>(text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
        let digits = text.strip_prefix('\'').unwrap_or(text);
        match digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit()) {
            true => Ok(Some(digits)),
            false if text.is_empty() => Ok(None),
            false => Err(format!("{name} is not of 12 digits: format its column as text, which keeps the zero in front")),
        }
    }
}

lienthong_sdk::table! {
    /// A row of the sheet.
    Pupil, "C1-HocSinh" => "users", required ["Mã lớp", "Mã học sinh", "Họ tên", "Ngày sinh"] {
        class_code ["Mã lớp"]: Cow<'r, str> = code,
        pupil_code ["Mã học sinh"]: Cow<'r, str> = code,
        full_name ["Họ tên", "Họ và tên"]: Cow<'r, str> = full_name,
        birth_date ["Ngày sinh"]: Option<String> = day,
        sex ["Giới tính"]: Option<&'r str> = sex,
        pupil_status ["Trạng thái HS", "Trạng thái học sinh"]: Option<Cow<'r, str>> = choice,
        pupil_status_date ["Ngày nhập trạng thái"]: Option<String> = day,
        ethnicity ["Dân tộc"]: Option<Cow<'r, str>> = choice,
        disability ["Loại khuyết tật"]: Option<Cow<'r, str>> = choice,
        national_id ["Số định danh cá nhân"]: Option<&'r str> = national_id,
    } made {}
}

/// One record of `education/users.v1`.
#[derive(Serialize)]
struct PupilUser<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source_system: Option<&'r str>,
    sourced_id: &'r str,
    role: &'static str,
    org_sourced_ids: [&'r str; 1],
    full_name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    birth_date: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sex: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ethnicity: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disability: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    national_id: Option<&'r str>,
    #[serde(flatten)]
    status: PupilStatus<'r>,
}

/// One record of `education/enrollments.v1`.
#[derive(Serialize)]
struct PupilEnrollment<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source_system: Option<&'r str>,
    sourced_id: String,
    class_sourced_id: &'r str,
    school_sourced_id: &'r str,
    user_sourced_id: &'r str,
    role: &'static str,
    #[serde(flatten)]
    status: PupilStatus<'r>,
}

/// In both records, so that a class can be counted without its pupils' data.
#[derive(Clone, Copy, Serialize)]
struct PupilStatus<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pupil_status: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pupil_status_date: Option<&'r str>,
}

/// Emits a user and an enrollment for every row.
pub(crate) fn read(call: &mut Call<'_>, mut message: Message, settings: Settings) -> Result<(), Failure> {
    let format = find_format(&mut message)?;
    let school = settings.school.ok_or_else(|| Failure::Config("`school` is missing: which school is the pupil sheet from?".to_owned()))?;
    let (school, source_system) = (school.as_str(), settings.source_system.as_deref());
    let file = message.name.as_deref().and_then(|name| name.rsplit(['/', '\\']).next());
    let file = file.filter(|name| !name.is_empty() && name.len() <= 255).unwrap_or(Pupil::FILE);
    let mut rows = Rows::open(file, message.body, format)?;
    rows.find_header(FOUND_BY, FOUND_BY.len() - 1, MAX_TITLE_ROWS)?;
    rows.require(Pupil::COLUMNS, Pupil::REQUIRED)?;
    let good = rows.each(call, Pupil::PORT, Pupil::COLUMNS, |call, row| {
        let pupil = Pupil::read(row)?;
        let status = PupilStatus { pupil_status: pupil.pupil_status.as_deref(), pupil_status_date: pupil.pupil_status_date.as_deref() };
        let user = PupilUser {
            source_system,
            sourced_id: &pupil.pupil_code,
            role: "student",
            org_sourced_ids: [school],
            full_name: &pupil.full_name,
            birth_date: pupil.birth_date.as_deref(),
            sex: pupil.sex,
            ethnicity: pupil.ethnicity.as_deref(),
            disability: pupil.disability.as_deref(),
            national_id: pupil.national_id,
            status,
        };
        call.emit(User::PORT, &user)?;
        let enrollment = PupilEnrollment {
            source_system,
            sourced_id: format!("{school}/{}/{}", pupil.class_code, pupil.pupil_code),
            class_sourced_id: &pupil.class_code,
            school_sourced_id: school,
            user_sourced_id: &pupil.pupil_code,
            role: "student",
            status,
        };
        Ok(call.emit(Enrollment::PORT, &enrollment)?)
    })?;
    call.log(Level::Info, &format!("pupil sheet of school {school}: {good} pupils, {} rejected", call.rejected()));
    Ok(())
}

/// What stands between the fields: that with which the header is found.
fn find_format(message: &mut Message) -> Result<Format, Failure> {
    let mut start = Vec::new();
    message.body.by_ref().take(START_BYTES).read_to_end(&mut start)?;
    message.body.seek(SeekFrom::Start(0))?;
    for delimiter in [b',', b';', b'\t'] {
        let format = Format { delimiter, same: heading::same };
        if Rows::open("the message", start.as_slice(), format)?.find_header(FOUND_BY, FOUND_BY.len() - 1, MAX_TITLE_ROWS)? {
            return Ok(format);
        }
    }
    // A character that is cut at the end of what was looked at is no fault.
    let is_utf8 = std::str::from_utf8(&start).map_or_else(|e| e.error_len().is_none(), |_| true);
    Err(Failure::InvalidInput(match is_utf8 {
        true => "neither a OneRoster bundle (a zip archive) nor a pupil sheet: no row at its beginning has the headings Mã lớp, Mã học sinh, Họ tên".to_owned(),
        false => "neither a OneRoster bundle (a zip archive) nor text in UTF-8: save the sheet as CSV (UTF-8)".to_owned(),
    }))
}

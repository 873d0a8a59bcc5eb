//! HL7's composite data types (chapter 2A) as FHIR's, after the mapping of HL7's own "v2-to-FHIR" guide.

use serde_json::Value;

use crate::er7::Part;
use crate::record::{Bad, Code, ID_CHARS, Object, TEXT_CHARS, bounded};

type Converted = Result<Option<Value>, Bad>;

/// CX, and simple identifiers: `value`, `system`, `type`.
pub(crate) fn identifier(cx: Part<'_>) -> Converted {
    let Some(value) = bounded(cx.component(1), ID_CHARS)? else { return Ok(None) };
    let mut object = Object::default();
    object.set("value", value);
    object.set_some("system", identifier_system(cx)?);
    object.text("type", cx.component(5), ID_CHARS)?;
    Ok(object.finish())
}

/// An identifier of a field that says by itself what type it is of.
pub(crate) fn typed_identifier(code: &'static str) -> impl Fn(Part<'_>) -> Converted {
    move |cx| {
        let mut identifier = identifier(cx)?;
        if let Some(Value::Object(object)) = &mut identifier {
            object.entry("type").or_insert_with(|| code.into());
        }
        Ok(identifier)
    }
}

/// Who gave an identifier: the assigning authority, else the assigning facility.
pub(crate) fn identifier_system(cx: Part<'_>) -> Result<Option<String>, Bad> {
    Ok(match authority(Hd::Subcomponents(cx.component(4)))? {
        Some(system) => Some(system),
        None => authority(Hd::Subcomponents(cx.component(6)))?,
    })
}

/// An HD or the like, as a field of its own or within a component.
pub(crate) enum Hd<'a> {
    Components(Part<'a>),
    Subcomponents(Part<'a>),
    /// EI: its last three components.
    Entity(Part<'a>),
}

/// An authority by its universal id as a URI, else by its local name.
pub(crate) fn authority(hd: Hd<'_>) -> Result<Option<String>, Bad> {
    let [namespace, id, kind] = match hd {
        Hd::Components(field) => [1, 2, 3].map(|n| field.component(n)),
        Hd::Subcomponents(component) => [1, 2, 3].map(|n| component.subcomponent(n)),
        Hd::Entity(field) => [2, 3, 4].map(|n| field.component(n)),
    };
    let Some(id) = bounded(id, ID_CHARS - 10)? else { return bounded(namespace, ID_CHARS) };
    Ok(Some(match kind.text().unwrap_or_default().to_ascii_uppercase().as_str() {
        "ISO" => format!("urn:oid:{id}"),
        "UUID" | "GUID" => format!("urn:uuid:{}", id.to_ascii_lowercase()),
        _ => id,
    }))
}

/// EI: one text, `system|value` apart.
pub(crate) fn entity(ei: Part<'_>) -> Result<(Option<String>, Option<String>), Bad> {
    Ok((bounded(ei.component(1), ID_CHARS)?, authority(Hd::Entity(ei))?))
}

/// XPN. A name of one component only, as many systems send it, is its `text`: nobody knows which part is the family's.
pub(crate) fn human_name(xpn: Part<'_>) -> Converted {
    let mut object = Object::default();
    name_parts(&mut object, [1, 2, 3, 4, 5, 6].map(|n| xpn.component(n)))?;
    let name_use = match xpn.component(7).text().unwrap_or_default().as_str() {
        "L" => Some("official"),
        "D" => Some("usual"),
        "M" => Some("maiden"),
        "N" => Some("nickname"),
        "S" => Some("anonymous"),
        "T" => Some("temp"),
        "BAD" => Some("old"),
        _ => None,
    };
    // An alias or a use without a name is no name.
    Ok(object.finish().map(|mut name| {
        if let (Value::Object(name), Some(name_use)) = (&mut name, name_use) {
            name.insert("use".to_owned(), name_use.into());
        }
        name
    }))
}

/// Family, given, middle, suffix, prefix, degree.
fn name_parts(object: &mut Object, [family, given, middle, suffix, prefix, degree]: [Part<'_>; 6]) -> Result<(), Bad> {
    if [given, middle].iter().all(|part| part.text().is_none()) {
        return object.text("text", family.subcomponent(1), TEXT_CHARS);
    }
    object.text("family", family.subcomponent(1), TEXT_CHARS)?;
    for (name, parts) in [("given", [given, middle]), ("prefix", [prefix, prefix]), ("suffix", [suffix, degree])] {
        let mut texts: Vec<String> = Vec::new();
        for part in parts {
            texts.extend(bounded(part, TEXT_CHARS)?);
        }
        if name == "prefix" {
            texts.truncate(1);
        }
        if !texts.is_empty() {
            object.set(name, texts);
        }
    }
    Ok(())
}

/// XCN: a person with an identifier. Also PPN, and CN of old versions.
pub(crate) fn person(xcn: Part<'_>) -> Result<Object, Bad> {
    let mut object = Object::default();
    object.text("identifier", xcn.component(1), ID_CHARS)?;
    object.set_some("identifier_system", authority(Hd::Subcomponents(xcn.component(9)))?);
    name_parts(&mut object, [2, 3, 4, 5, 6, 7].map(|n| xcn.component(n)))?;
    Ok(object)
}

/// A person that took part as `role` says (FHIR's participation types).
pub(crate) fn participant(role: &'static str) -> impl Fn(Part<'_>) -> Converted {
    move |xcn| {
        Ok(person(xcn)?.finish().map(|mut person| {
            if let Value::Object(person) = &mut person {
                person.insert("type".to_owned(), role.into());
            }
            person
        }))
    }
}

/// XAD.
pub(crate) fn address(xad: Part<'_>) -> Converted {
    let mut object = Object::default();
    let mut street: Vec<String> = Vec::new();
    // SAD: mailing address, street, number; only some systems take it apart.
    for n in [1, 3, 2] {
        street.extend(bounded(xad.component(1).subcomponent(n), TEXT_CHARS / 4)?);
    }
    let mut lines = Vec::new();
    if !street.is_empty() {
        lines.push(street.join(" "));
    }
    lines.extend(bounded(xad.component(2), TEXT_CHARS)?);
    if !lines.is_empty() {
        object.set("line", lines);
    }
    object.text("city", xad.component(3), TEXT_CHARS)?;
    object.text("district", xad.component(9), TEXT_CHARS)?;
    object.text("state", xad.component(4), TEXT_CHARS)?;
    object.text("postal_code", xad.component(5), ID_CHARS)?;
    object.text("country", xad.component(6), ID_CHARS)?;
    object.text("other_designation", xad.component(8), TEXT_CHARS)?;
    Ok(object.finish().map(|mut address| {
        let address_use = match xad.component(7).text().unwrap_or_default().as_str() {
            "H" | "P" => Some("home"),
            "B" | "O" => Some("work"),
            "C" | "T" => Some("temp"),
            "BA" => Some("old"),
            "BI" => Some("billing"),
            _ => None,
        };
        if let (Value::Object(address), Some(address_use)) = (&mut address, address_use) {
            address.insert("use".to_owned(), address_use.into());
        }
        address
    }))
}

/// XTN: a number or an electronic address, in the form of whatever version.
pub(crate) fn telecom(xtn: Part<'_>) -> Converted {
    let text = |n: usize| bounded(xtn.component(n), ID_CHARS);
    let (use_code, equipment) = (text(2)?.unwrap_or_default(), text(3)?.unwrap_or_default());
    let email = text(4)?.filter(|address| address.contains('@'));
    let pieces: Vec<String> = [text(6)?, text(7)?].into_iter().flatten().collect();
    let put_together = (!pieces.is_empty()).then(|| {
        let country = xtn.component(5).text().map(|code| format!("+{} ", code.trim_start_matches('+'))).unwrap_or_default();
        format!("{country}{}", pieces.join(" "))
    });
    let electronic = use_code == "NET" || matches!(equipment.as_str(), "Internet" | "X.400");
    let number = match text(1)? {
        Some(number) => Some(number),
        None => text(12)?.or(put_together),
    };
    let Some(value) = (if electronic { email.or(number) } else { number.or(email) }) else { return Ok(None) };
    let system = match equipment.as_str() {
        _ if value.contains('@') => "email",
        "PH" | "CP" | "SAT" => "phone",
        "FX" => "fax",
        "BP" => "pager",
        "" => "phone",
        _ => "other",
    };
    let telecom_use = match use_code.as_str() {
        _ if equipment == "CP" => Some("mobile"),
        "PRN" | "ORN" | "VHN" => Some("home"),
        "WPN" => Some("work"),
        "PRS" => Some("mobile"),
        _ => None,
    };
    if value.chars().count() > ID_CHARS {
        return Err((Code::TooLong, format!("more than {ID_CHARS} characters")));
    }
    let mut object = Object::default();
    object.set("value", value);
    object.set("system", system);
    object.set_some("use", telecom_use);
    object.text("extension", xtn.component(8), ID_CHARS)?;
    Ok(object.finish())
}

/// CWE, CE, CNE, CF, and plain codes (IS, ID).
pub(crate) fn concept(cwe: Part<'_>) -> Converted {
    let mut object = Object::default();
    for (prefix, [code, display, system]) in [("", [1, 2, 3]), ("alternate_", [4, 5, 6])] {
        object.text(&format!("{prefix}code"), cwe.component(code), ID_CHARS)?;
        object.text(&format!("{prefix}display"), cwe.component(display), TEXT_CHARS)?;
        object.set_some(&format!("{prefix}system"), coding_system(cwe.component(system))?);
    }
    object.text("text", cwe.component(9), TEXT_CHARS)?;
    Ok(object.finish())
}

/// A coding system by FHIR's URI, where HL7's table 0396 has a name for it that is met; else as it came.
pub(crate) fn coding_system(part: Part<'_>) -> Result<Option<String>, Bad> {
    let Some(name) = bounded(part, ID_CHARS)? else { return Ok(None) };
    let uri = match name.as_str() {
        "LN" | "LOINC" => "http://loinc.org",
        "SCT" | "SCT2" | "SNM3" | "SNOMED" | "SNOMED-CT" => "http://snomed.info/sct",
        "UCUM" => "http://unitsofmeasure.org",
        "I10" | "ICD10" | "ICD-10" | "I10P" => "http://hl7.org/fhir/sid/icd-10",
        "I9" | "I9C" => "http://hl7.org/fhir/sid/icd-9-cm",
        "CVX" => "http://hl7.org/fhir/sid/cvx",
        "MVX" => "http://hl7.org/fhir/sid/mvx",
        "NDC" => "http://hl7.org/fhir/sid/ndc",
        "ATC" | "WC" => "http://www.whocc.no/atc",
        _ => match name.strip_prefix("HL7").filter(|table| table.len() == 4 && table.bytes().all(|b| b.is_ascii_digit())) {
            Some(table) => return Ok(Some(format!("http://terminology.hl7.org/CodeSystem/v2-{table}"))),
            None => return Ok(Some(name)),
        },
    };
    Ok(Some(uri.to_owned()))
}

/// PL: where somebody is, down to the bed.
pub(crate) fn location(status: &'static str) -> impl Fn(Part<'_>) -> Converted {
    move |pl| {
        let mut object = Object::default();
        for (name, n) in [("point_of_care", 1), ("room", 2), ("bed", 3), ("facility", 4), ("building", 7), ("floor", 8)] {
            object.text(name, pl.component(n).subcomponent(1), TEXT_CHARS)?;
        }
        object.text("description", pl.component(9), TEXT_CHARS)?;
        Ok(object.finish().map(|mut location| {
            if let Value::Object(location) = &mut location {
                location.insert("status".to_owned(), status.into());
            }
            location
        }))
    }
}

/// XON: an organisation's name, else its identifier. Also HD and plain names.
pub(crate) fn organization(xon: Part<'_>) -> Result<Option<String>, Bad> {
    for n in [1, 10, 3] {
        if let Some(text) = bounded(xon.component(n), TEXT_CHARS)? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

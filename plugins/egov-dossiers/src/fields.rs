//! The fields of the exchange: how each is spelled by the national portal, what it is called in a record, and what it may hold. The
//! limits are those of the schemas.

/// What a field holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text of at most so many characters.
    Text(usize),
    /// A local moment.
    Moment,
    /// True or false.
    Flag,
    /// A whole number, not negative.
    Whole,
    /// An amount in đồng.
    Amount,
    /// A list of objects with these fields.
    List(&'static [Field]),
}

/// One field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// As the exchange spells it.
    pub(crate) source: &'static str,
    /// As the record spells it.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) needed: bool,
}

const fn field(source: &'static str, name: &'static str, kind: Kind) -> Field {
    Field { source, name, kind, needed: false }
}

const fn needed(source: &'static str, name: &'static str, kind: Kind) -> Field {
    Field { source, name, kind, needed: true }
}

const CODE: Kind = Kind::Text(64);
const NAME: Kind = Kind::Text(1024);
const PERSON: Kind = Kind::Text(512);
const PROSE: Kind = Kind::Text(8000);
const LINK: Kind = Kind::Text(2048);

/// `DongBoHoSoMC`.
pub(crate) const DOSSIER: &[Field] = &[
    needed("MaHoSo", "code", CODE),
    needed("MaTTHC", "procedure_code", CODE),
    field("TenTTHC", "procedure_name", NAME),
    field("MaLinhVuc", "sector_code", CODE),
    field("TenLinhVuc", "sector_name", NAME),
    field("ChuHoSo", "applicant", PERSON),
    field("LoaiDoiTuong", "applicant_kind_code", CODE),
    field("MaDoiTuong", "applicant_id", CODE),
    field("ThongTinKhac", "applicant_note", PROSE),
    field("Email", "email", PERSON),
    field("Fax", "fax", CODE),
    field("SoDienThoai", "phone", CODE),
    field("TrichYeuHoSo", "summary", PROSE),
    field("NgayTiepNhan", "received_at", Kind::Moment),
    field("NgayHenTra", "due_at", Kind::Moment),
    needed("TrangThaiHoSo", "status_code", CODE),
    field("NgayTra", "returned_at", Kind::Moment),
    field("ThongTinTra", "return_note", PROSE),
    field("HinhThuc", "return_method_code", CODE),
    field("NgayKetThucXuLy", "finished_at", Kind::Moment),
    field("DonViXuLy", "processing_unit", NAME),
    field("GhiChu", "note", PROSE),
    field("NgayCapNhat", "updated_at", Kind::Moment),
    field("TaiLieuNop", "documents", Kind::List(DOCUMENT)),
    field("DanhSachLePhi", "fees", Kind::List(FEE)),
    field("DanhSachTepDinhKemKhac", "other_documents", Kind::List(OTHER_DOCUMENT)),
    field("DanhSachHoSoBoSung", "supplements", Kind::List(SUPPLEMENT)),
    field("DanhSachGiayToKetQua", "results", Kind::List(RESULT)),
];

/// `CapNhatTienDoHoSoMC`.
pub(crate) const STEP: &[Field] = &[
    needed("MaHoSo", "code", CODE),
    field("NguoiXuLy", "officer", PERSON),
    field("ChucDanh", "officer_title", PERSON),
    needed("ThoiDiemXuLy", "processed_at", Kind::Moment),
    field("PhongBanXuLy", "department", NAME),
    field("NoiDungXuLy", "content", PROSE),
    needed("TrangThai", "status_code", CODE),
    field("NgayBatDau", "started_at", Kind::Moment),
    field("NgayKetThucTheoQuyDinh", "due_at", Kind::Moment),
];

/// Fields that only a step has: they tell it from a dossier where nobody says what a message is.
pub(crate) const ONLY_IN_STEPS: [&str; 3] = ["ThoiDiemXuLy", "NguoiXuLy", "NoiDungXuLy"];

const DOCUMENT: &[Field] = &[
    field("TepDinhKemId", "file_id", CODE),
    field("TenTepDinhKem", "file_name", NAME),
    field("IsDeleted", "deleted", Kind::Flag),
    field("MaThanhPhanHoSo", "component_code", CODE),
    field("DuongDanTaiTepTin", "url", LINK),
];

const FEE: &[Field] = &[
    field("TenPhiLePhi", "name", NAME),
    field("MaPhiLePhi", "code", CODE),
    field("HinhThucThu", "collection_code", CODE),
    field("Gia", "amount_vnd", Kind::Amount),
    field("LoaiPhiLePhi", "kind_code", CODE),
];

const OTHER_DOCUMENT: &[Field] =
    &[field("TenGiayTo", "name", NAME), field("SoLuong", "quantity", Kind::Whole), field("LoaiGiayTo", "kind_code", CODE)];

const SUPPLEMENT: &[Field] = &[
    field("HoSoBoSungId", "supplement_id", CODE),
    field("NguoiYeuCauBoSung", "requested_by", PERSON),
    field("NoiDungBoSung", "request", PROSE),
    field("NgayBoSung", "requested_at", Kind::Moment),
    field("NguoiTiepNhanBoSung", "received_by", PERSON),
    field("ThongTinTiepNhan", "receipt_note", PROSE),
    field("NgayTiepNhanBoSung", "received_at", Kind::Moment),
    field("TrangThaiBoSung", "status_code", CODE),
    field("DanhSachGiayToBoSung", "documents", Kind::List(DOCUMENT)),
    field("DanhSachLePhiBoSung", "fees", Kind::List(FEE)),
    field("NgayHenTraTruoc", "due_before", Kind::Moment),
    field("NgayHenTraMoi", "due_after", Kind::Moment),
];

const RESULT: &[Field] = &[
    field("TenGiayTo", "name", NAME),
    field("MaThanhPhanHoSo", "component_code", CODE),
    field("GiayToId", "document_id", CODE),
    field("DuongDanTepTinKetQua", "url", LINK),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;
    use crate::object::{MAX_ENTRIES, MAX_EXTRA_CHARS, MAX_EXTRA_NAME_CHARS, MAX_EXTRAS};

    fn schema(name: &str) -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/egov").join(name);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// That the schema's object has these fields, with their limits, and besides them only what `made` names.
    fn check(schema: &Value, table: &[Field], made: &[&str]) {
        let properties = schema["properties"].as_object().unwrap();
        for field in table {
            let property = &properties[field.name];
            assert_eq!(property["x-source"], field.source, "{}", field.name);
            match field.kind {
                Kind::Text(max) => {
                    assert_eq!((&property["type"], &property["maxLength"]), (&json!("string"), &json!(max)), "{}", field.name)
                }
                Kind::Moment => assert_eq!(property["format"], "date-time", "{}", field.name),
                Kind::Flag => assert_eq!(property["type"], "boolean", "{}", field.name),
                Kind::Whole | Kind::Amount => {
                    assert_eq!((&property["type"], &property["minimum"]), (&json!("integer"), &json!(0)), "{}", field.name)
                }
                Kind::List(fields) => {
                    assert_eq!(property["maxItems"], MAX_ENTRIES, "{}", field.name);
                    check(&property["items"], fields, &[]);
                }
            }
        }
        let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
        assert!(table.iter().all(|field| required(field.name) == field.needed));
        let other = &properties["other"];
        assert_eq!(other["maxProperties"], MAX_EXTRAS);
        assert_eq!(other["propertyNames"]["maxLength"], MAX_EXTRA_NAME_CHARS);
        assert_eq!(other["additionalProperties"]["maxLength"], MAX_EXTRA_CHARS);
        assert_eq!(other["x-personal"], true);
        assert_eq!(properties["left_out"]["maxItems"], MAX_EXTRAS);
        assert_eq!(properties["left_out"]["items"]["maxLength"], MAX_EXTRA_NAME_CHARS);
        let known =
            |name: &str| table.iter().any(|field| field.name == name) || made.contains(&name) || ["other", "left_out"].contains(&name);
        assert_eq!(properties.keys().filter(|name| !known(name)).collect::<Vec<_>>(), Vec::<&String>::new());
    }

    #[test]
    fn the_tables_are_what_the_schemas_say() {
        let made = ["agency_id", "received_on", "number", "status"];
        check(&schema("dossier-steps.v1.json"), STEP, &made);
        check(&schema("dossiers.v1.json"), DOSSIER, &[&made[..], &["received_on_differs", "applicant_kind", "updating"]].concat());
    }
}

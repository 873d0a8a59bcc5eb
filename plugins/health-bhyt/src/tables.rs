//! The fields of the tables that become records: check-in (XML0), summary (XML1), medicines (XML2), services and supplies (XML3), as Decision
//! 130/QĐ-BYT has them and Decisions 4750 and 3176 amended them.
//!
//! The decisions changed lengths more than once and will again. So lengths here are those of the schemas, and roomy; only MA_LK has the
//! decision's own.

#[cfg(test)]
mod tests;

use Form::{Birth, Card, CardDay, Codes, Day, DayOrMoment, Days, Gender, Moment, Money, Number, Numbers, Percent, Text, Whole};

/// One field: the element's name, the property it becomes, and what it may hold.
pub(crate) struct Field {
    pub(crate) source: &'static str,
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) required: bool,
}

/// What a field may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// At most so many characters.
    Text(usize),
    /// Codes with a semicolon between.
    Codes,
    /// `yyyymmddHHMM`.
    Moment,
    /// `yyyymmdd`.
    Day,
    /// `yyyymmdd` with a semicolon between.
    Days,
    /// `yyyymmdd`, or `yyyymmddHHMM`, which gives the second property as well.
    DayOrMoment(&'static str),
    /// `yyyymmddHHMM` or `yyyymmdd`, of which the day, or month and day, may be `00`. The time, where it is not `0000`, gives
    /// the second property.
    Birth(&'static str),
    /// 1 male, 2 female, 3 unknown.
    Gender,
    /// Two decimals.
    Money,
    /// Three decimals.
    Number,
    /// Numbers with a semicolon between.
    Numbers,
    /// A number from 0 to 100.
    Percent,
    /// A whole number of at most so much.
    Whole(u64),
    /// One of several cards with a semicolon between; the properties of a card are those of the parallel fields.
    Card(&'static str),
    /// As `Card`, holding days.
    CardDay(&'static str),
}

/// Characters of a code, of a name, and of what somebody wrote.
pub(crate) const CODE: usize = 64;
pub(crate) const LONG_CODE: usize = 255;
pub(crate) const NAME: usize = 1_024;
pub(crate) const TEXT: usize = 16_384;
/// The decisions' own length.
pub(crate) const EPISODE_ID: usize = 100;
/// Values with a semicolon between.
pub(crate) const MAX_VALUES: usize = 256;
/// Cards with a semicolon between.
pub(crate) const MAX_CARDS: usize = 16;

const fn field(source: &'static str, name: &'static str, form: Form) -> Field {
    Field { source, name, form, required: false }
}

const fn required(source: &'static str, name: &'static str, form: Form) -> Field {
    Field { source, name, form, required: true }
}

/// XML0, TRANG_THAI_KCB.
pub(crate) const CHECK_IN: &[Field] = &[
    required("MA_LK", "episode_id", Text(EPISODE_ID)),
    field("STT", "sequence", Whole(u32::MAX as u64)),
    field("MA_BN", "patient_id", Text(LONG_CODE)),
    field("HO_TEN", "patient_name", Text(LONG_CODE)),
    field("SO_CCCD", "national_id", Text(CODE)),
    field("NGAY_SINH", "birth_date", Birth("born_at")),
    field("GIOI_TINH", "gender", Gender),
    field("MA_THE_BHYT", "cards", Card("number")),
    field("MA_DKBD", "cards", Card("facility_code")),
    field("GT_THE_TU", "cards", CardDay("valid_from")),
    field("GT_THE_DEN", "cards", CardDay("valid_to")),
    field("MA_DOITUONG_KCB", "entitlement_code", Text(CODE)),
    required("NGAY_VAO", "admitted_at", Moment),
    field("NGAY_VAO_NOI_TRU", "inpatient_at", Moment),
    field("LY_DO_VNT", "inpatient_reason", Text(TEXT)),
    field("MA_LY_DO_VNT", "inpatient_reason_code", Text(CODE)),
    field("MA_LOAI_KCB", "care_type_code", Text(CODE)),
    required("MA_CSKCB", "facility_code", Text(CODE)),
    field("MA_DICH_VU", "first_service_code", Text(LONG_CODE)),
    field("TEN_DICH_VU", "first_service_name", Text(NAME)),
    field("MA_THUOC", "first_medicine_code", Text(LONG_CODE)),
    field("TEN_THUOC", "first_medicine_name", Text(NAME)),
    field("MA_VAT_TU", "first_supply_code", Text(LONG_CODE)),
    field("TEN_VAT_TU", "first_supply_name", Text(NAME)),
    field("NGAY_YL", "first_ordered_at", Moment),
    field("DU_PHONG", "reserve", Text(TEXT)),
];

/// XML1, TONG_HOP.
pub(crate) const SUMMARY: &[Field] = &[
    required("MA_LK", "episode_id", Text(EPISODE_ID)),
    field("STT", "sequence", Whole(u32::MAX as u64)),
    field("MA_BN", "patient_id", Text(LONG_CODE)),
    field("HO_TEN", "patient_name", Text(LONG_CODE)),
    field("SO_CCCD", "national_id", Text(CODE)),
    field("NGAY_SINH", "birth_date", Birth("born_at")),
    field("GIOI_TINH", "gender", Gender),
    field("NHOM_MAU", "blood_group", Text(CODE)),
    field("MA_QUOCTICH", "nationality_code", Text(CODE)),
    field("MA_DANTOC", "ethnicity_code", Text(CODE)),
    field("MA_NGHE_NGHIEP", "occupation_code", Text(CODE)),
    field("DIA_CHI", "address", Text(NAME)),
    field("MATINH_CU_TRU", "residence_province_code", Text(CODE)),
    field("MAHUYEN_CU_TRU", "residence_district_code", Text(CODE)),
    field("MAXA_CU_TRU", "residence_commune_code", Text(CODE)),
    field("DIEN_THOAI", "phone", Text(CODE)),
    field("MA_THE_BHYT", "cards", Card("number")),
    field("MA_DKBD", "cards", Card("facility_code")),
    field("GT_THE_TU", "cards", CardDay("valid_from")),
    field("GT_THE_DEN", "cards", CardDay("valid_to")),
    field("NGAY_MIEN_CCT", "copayment_free_on", DayOrMoment("copayment_free_at")),
    field("LY_DO_VV", "visit_reason", Text(TEXT)),
    field("LY_DO_VNT", "inpatient_reason", Text(TEXT)),
    field("MA_LY_DO_VNT", "inpatient_reason_code", Text(CODE)),
    field("CHAN_DOAN_VAO", "admission_diagnosis", Text(TEXT)),
    field("CHAN_DOAN_RV", "discharge_diagnosis", Text(TEXT)),
    field("MA_BENH_CHINH", "main_disease_code", Text(CODE)),
    field("MA_BENH_KT", "other_disease_codes", Codes),
    field("MA_BENH_YHCT", "traditional_disease_codes", Codes),
    field("MA_PTTT_QT", "procedure_codes", Codes),
    field("MA_DOITUONG_KCB", "entitlement_code", Text(CODE)),
    field("MA_NOI_DI", "referred_from_code", Text(CODE)),
    field("MA_NOI_DEN", "referred_to_code", Text(CODE)),
    field("MA_TAI_NAN", "accident_code", Text(CODE)),
    required("NGAY_VAO", "admitted_at", Moment),
    field("NGAY_VAO_NOI_TRU", "inpatient_at", Moment),
    field("NGAY_RA", "discharged_at", Moment),
    field("GIAY_CHUYEN_TUYEN", "referral_number", Text(LONG_CODE)),
    field("SO_NGAY_DTRI", "treatment_days", Number),
    field("PP_DIEU_TRI", "treatment_method", Text(TEXT)),
    field("KET_QUA_DTRI", "outcome_code", Text(CODE)),
    field("MA_LOAI_RV", "discharge_code", Text(CODE)),
    field("GHI_CHU", "note", Text(TEXT)),
    field("NGAY_TTOAN", "paid_at", Moment),
    field("T_THUOC", "medicines_amount", Money),
    field("T_VTYT", "supplies_amount", Money),
    required("T_TONGCHI_BV", "total_amount", Money),
    field("T_TONGCHI_BH", "insured_amount", Money),
    field("T_BNTT", "self_paid_amount", Money),
    field("T_BNCCT", "copayment_amount", Money),
    field("T_BHTT", "insurer_amount", Money),
    field("T_NGUONKHAC", "other_sources_amount", Money),
    field("T_BHTT_GDV", "insurer_fee_for_service_amount", Money),
    field("NAM_QT", "settlement_year", Whole(9_999)),
    field("THANG_QT", "settlement_month", Whole(12)),
    field("MA_LOAI_KCB", "care_type_code", Text(CODE)),
    field("MA_KHOA", "department_codes", Codes),
    required("MA_CSKCB", "facility_code", Text(CODE)),
    field("MA_KHUVUC", "area_code", Text(CODE)),
    field("CAN_NANG", "weight_kg", Number),
    field("CAN_NANG_CON", "newborn_weights_g", Numbers),
    field("NAM_NAM_LIEN_TUC", "five_years_on", Day),
    field("NGAY_TAI_KHAM", "follow_up_dates", Days),
    field("MA_HSBA", "medical_record_id", Text(LONG_CODE)),
    field("MA_TTDV", "facility_head_id", Text(LONG_CODE)),
    field("DU_PHONG", "reserve", Text(TEXT)),
];

/// XML2, CHI_TIET_THUOC. Its MA_LK is that of XML1 and is written once, from there.
pub(crate) const MEDICINE: &[Field] = &[
    required("MA_LK", "episode_id", Text(EPISODE_ID)),
    field("STT", "sequence", Whole(u32::MAX as u64)),
    required("MA_THUOC", "medicine_code", Text(LONG_CODE)),
    field("MA_PP_CHEBIEN", "processing_codes", Codes),
    field("MA_CSKCB_THUOC", "medicine_source_code", Text(CODE)),
    field("MA_NHOM", "cost_group_code", Text(CODE)),
    field("TEN_THUOC", "medicine_name", Text(NAME)),
    field("DON_VI_TINH", "unit", Text(CODE)),
    field("HAM_LUONG", "strength", Text(NAME)),
    field("DUONG_DUNG", "route_code", Text(CODE)),
    field("DANG_BAO_CHE", "dosage_form", Text(NAME)),
    field("LIEU_DUNG", "dose", Text(NAME)),
    field("CACH_DUNG", "instructions", Text(NAME)),
    field("SO_DANG_KY", "registration_number", Text(LONG_CODE)),
    field("TT_THAU", "tender", Text(LONG_CODE)),
    field("PHAM_VI", "coverage_code", Text(CODE)),
    field("TYLE_TT_BH", "insured_percent", Percent),
    required("SO_LUONG", "quantity", Number),
    required("DON_GIA", "unit_price", Number),
    required("THANH_TIEN_BV", "amount", Money),
    field("THANH_TIEN_BH", "insured_amount", Money),
    field("T_NGUONKHAC_NSNN", "state_budget_amount", Money),
    field("T_NGUONKHAC_VTNN", "foreign_aid_amount", Money),
    field("T_NGUONKHAC_VTTN", "domestic_aid_amount", Money),
    field("T_NGUONKHAC_CL", "remaining_sources_amount", Money),
    field("T_NGUONKHAC", "other_sources_amount", Money),
    field("MUC_HUONG", "benefit_percent", Percent),
    field("T_BNTT", "self_paid_amount", Money),
    field("T_BNCCT", "copayment_amount", Money),
    field("T_BHTT", "insurer_amount", Money),
    field("MA_KHOA", "department_code", Text(CODE)),
    field("MA_BAC_SI", "prescriber_ids", Codes),
    field("MA_DICH_VU", "service_code", Text(LONG_CODE)),
    field("NGAY_YL", "ordered_at", Moment),
    field("NGAY_TH_YL", "performed_at", Moment),
    field("MA_PTTT", "payment_method_code", Text(CODE)),
    field("NGUON_CTRA", "funding_code", Text(CODE)),
    field("VET_THUONG_TP", "recurrent_wound_code", Text(CODE)),
    field("DU_PHONG", "reserve", Text(TEXT)),
];

/// XML3, CHI_TIET_DVKT.
pub(crate) const SERVICE: &[Field] = &[
    required("MA_LK", "episode_id", Text(EPISODE_ID)),
    field("STT", "sequence", Whole(u32::MAX as u64)),
    field("MA_DICH_VU", "service_code", Text(LONG_CODE)),
    field("MA_PTTT_QT", "procedure_codes", Codes),
    field("MA_VAT_TU", "supply_code", Text(LONG_CODE)),
    field("MA_NHOM", "cost_group_code", Text(CODE)),
    field("GOI_VTYT", "supply_package", Text(CODE)),
    field("TEN_VAT_TU", "supply_name", Text(NAME)),
    field("TEN_DICH_VU", "service_name", Text(NAME)),
    field("MA_XANG_DAU", "fuel_code", Text(CODE)),
    field("DON_VI_TINH", "unit", Text(CODE)),
    field("PHAM_VI", "coverage_code", Text(CODE)),
    required("SO_LUONG", "quantity", Number),
    required("DON_GIA_BV", "unit_price", Number),
    field("DON_GIA_BH", "insured_unit_price", Number),
    field("TT_THAU", "tender", Text(LONG_CODE)),
    field("TYLE_TT_DV", "service_percent", Percent),
    field("TYLE_TT_BH", "insured_percent", Percent),
    required("THANH_TIEN_BV", "amount", Money),
    field("THANH_TIEN_BH", "insured_amount", Money),
    field("T_TRANTT", "ceiling_amount", Money),
    field("MUC_HUONG", "benefit_percent", Percent),
    field("T_NGUONKHAC_NSNN", "state_budget_amount", Money),
    field("T_NGUONKHAC_VTNN", "foreign_aid_amount", Money),
    field("T_NGUONKHAC_VTTN", "domestic_aid_amount", Money),
    field("T_NGUONKHAC_CL", "remaining_sources_amount", Money),
    field("T_NGUONKHAC", "other_sources_amount", Money),
    field("T_BNTT", "self_paid_amount", Money),
    field("T_BNCCT", "copayment_amount", Money),
    field("T_BHTT", "insurer_amount", Money),
    field("MA_KHOA", "department_code", Text(CODE)),
    field("MA_GIUONG", "bed_codes", Codes),
    field("MA_BAC_SI", "prescriber_ids", Codes),
    field("NGUOI_THUC_HIEN", "performer_ids", Codes),
    field("MA_BENH", "disease_codes", Codes),
    field("MA_BENH_YHCT", "traditional_disease_codes", Codes),
    field("NGAY_YL", "ordered_at", Moment),
    field("NGAY_TH_YL", "performed_at", Moment),
    field("NGAY_KQ", "resulted_at", Moment),
    field("MA_PTTT", "payment_method_code", Text(CODE)),
    field("VET_THUONG_TP", "recurrent_wound_code", Text(CODE)),
    field("PP_VO_CAM", "anaesthesia_code", Text(CODE)),
    field("VI_TRI_TH_DVKT", "body_site_code", Text(CODE)),
    field("MA_MAY", "machine_codes", Codes),
    field("MA_HIEU_SP", "product_marks", Text(LONG_CODE)),
    field("TAI_SU_DUNG", "reuse_code", Text(CODE)),
    field("DU_PHONG", "reserve", Text(TEXT)),
];

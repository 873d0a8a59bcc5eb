//! Public-service dossiers, in the fields of the national portal's exchange (`DongBoHoSoMC`, `CapNhatTienDoHoSoMC`).

use chrono::Duration;
use serde_json::{Map, Value, json};

use super::Office;
use crate::sim::chance::Chance;
use crate::sim::clock::{LocalTime, digits};
use crate::sim::people::Person;

/// A procedure that people come for. Codes are those of the national database of procedures.
#[derive(Debug, PartialEq, Eq)]
pub struct Procedure {
    code: &'static str,
    name: &'static str,
    sector: (&'static str, &'static str),
    paper: &'static str,
    fee_vnd: u64,
    days: i64,
}

const fn procedure(
    code: &'static str,
    name: &'static str,
    sector: (&'static str, &'static str),
    paper: &'static str,
    fee_vnd: u64,
    days: i64,
) -> Procedure {
    Procedure { code, name, sector, paper, fee_vnd, days }
}

/// What the wards' one-stop shops take in.
pub const WARD_PROCEDURES: [Procedure; 4] = [
    procedure("1.004194", "Đăng ký tạm trú", ("G01-CT", "Đăng ký, quản lý cư trú"), "Tờ khai thay đổi thông tin cư trú (CT01)", 15_000, 3),
    procedure("1.001193", "Đăng ký khai sinh", ("G15-HT", "Hộ tịch"), "Tờ khai đăng ký khai sinh", 0, 1),
    procedure("1.000894", "Đăng ký kết hôn", ("G15-HT", "Hộ tịch"), "Tờ khai đăng ký kết hôn", 0, 1),
    procedure("2.000815", "Chứng thực bản sao từ bản chính", ("G15-CT", "Chứng thực"), "Bản chính giấy tờ", 2_000, 1),
];

/// What the land register's office takes in.
pub const LAND_PROCEDURES: [Procedure; 2] = [
    procedure("1.012756", "Đăng ký biến động quyền sử dụng đất", ("G13-DD", "Đất đai"), "Đơn đăng ký biến động (mẫu 11/ĐK)", 50_000, 10),
    procedure("1.012783", "Cấp đổi Giấy chứng nhận", ("G13-DD", "Đất đai"), "Đơn đề nghị cấp đổi (mẫu 11/ĐK)", 80_000, 7),
];

/// How far a dossier is, as the portal numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 2: taken in.
    Accepted = 2,
    /// 4: under way.
    Processing = 4,
    /// 9: finished, and not yet handed over.
    Processed = 9,
    /// 10: handed over.
    Returned = 10,
}

/// A dossier.
#[derive(Debug, Clone, PartialEq)]
pub struct Dossier {
    /// Where it was taken in.
    pub office: &'static Office,
    /// What it is about.
    pub procedure: &'static Procedure,
    /// Who wants it.
    pub applicant: Person,
    /// When it was taken in.
    pub received_at: LocalTime,
    /// Its number among those of the day.
    pub number: u32,
}

impl Dossier {
    /// One of an office's, with this number among those of its day.
    pub fn draw(
        office: &'static Office,
        procedures: &'static [Procedure],
        received_at: LocalTime,
        number: u32,
        chance: &mut Chance,
    ) -> Self {
        let procedure = &procedures[chance.below(procedures.len())];
        Self { office, procedure, applicant: Person::draw(chance, number), received_at, number }
    }

    /// Its code (Circular 01/2018/TT-VPCP, article 19).
    pub fn code(&self) -> String {
        format!("{}-{}-{:04}", self.office.id, self.received_at.format("%y%m%d"), self.number)
    }

    /// An item of `DongBoHoSoMC`.
    pub fn item(&self, status: Status) -> Map<String, Value> {
        let Self { office, procedure, applicant, received_at, .. } = self;
        let due_at = *received_at + Duration::days(procedure.days);
        let finished_at = *received_at + Duration::hours(20 * procedure.days);
        let code = self.code();
        let mut item = object(json!({
            "MaHoSo": code,
            "MaTTHC": procedure.code,
            "TenTTHC": procedure.name,
            "MaLinhVuc": procedure.sector.0,
            "TenLinhVuc": procedure.sector.1,
            "ChuHoSo": applicant.full_name(),
            "LoaiDoiTuong": "1",
            "MaDoiTuong": applicant.national_id(),
            "SoDienThoai": applicant.phone(),
            "TrichYeuHoSo": format!("{} cho {}", procedure.name, applicant.full_name()),
            "NgayTiepNhan": digits(received_at),
            "NgayHenTra": digits(&due_at),
            "TrangThaiHoSo": (status as u8).to_string(),
            "HinhThuc": "0",
            "DonViXuLy": office.name,
            "TaiLieuNop": [{
                "TepDinhKemId": format!("{code}-1"), "TenTepDinhKem": format!("{}.pdf", procedure.paper), "IsDeleted": "False",
                "MaThanhPhanHoSo": "KQ.G01.000001",
                "DuongDanTaiTepTin": format!("https://motcua.{}.example/tep/{code}-1", office.host),
            }],
        }));
        if procedure.fee_vnd > 0 {
            let fee = json!([{ "TenPhiLePhi": "Lệ phí", "HinhThucThu": "1", "Gia": procedure.fee_vnd, "LoaiPhiLePhi": "1" }]);
            item.insert("DanhSachLePhi".to_owned(), fee);
        }
        if matches!(status, Status::Processed | Status::Returned) {
            item.insert("NgayKetThucXuLy".to_owned(), digits(&finished_at).into());
        }
        if status == Status::Returned {
            item.insert("NgayTra".to_owned(), digits(&due_at).into());
        }
        item
    }

    /// An item of `CapNhatTienDoHoSoMC`: somebody of the office did something to it.
    pub fn step(&self, officer: &Person, processed_at: &LocalTime) -> Map<String, Value> {
        object(json!({
            "MaHoSo": self.code(),
            "NguoiXuLy": officer.full_name(),
            "ChucDanh": "Công chức",
            "ThoiDiemXuLy": digits(processed_at),
            "PhongBanXuLy": "Bộ phận tiếp nhận và trả kết quả",
            "NoiDungXuLy": "Chuyển phòng chuyên môn xử lý",
            "TrangThai": (Status::Processing as u8).to_string(),
            "NgayBatDau": digits(&self.received_at),
        }))
    }
}

/// Spoils a dossier in one of the ways that systems really do.
pub fn spoil(item: &mut Map<String, Value>, chance: &mut Chance) {
    let (field, wrong) = match chance.below(4) {
        // A counter instead of the code.
        0 => ("MaHoSo", json!("17-0001")),
        // A procedure of the ward's own, which has no code.
        1 => ("MaTTHC", json!("")),
        // A day that no year has.
        2 => ("NgayTiepNhan", json!("20260230081500")),
        // The fee in words.
        _ => ("DanhSachLePhi", json!([{ "TenPhiLePhi": "Lệ phí", "Gia": "mười lăm nghìn" }])),
    };
    item.insert(field.to_owned(), wrong);
}

/// The members of a JSON object, as `json!` makes it.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LAND_REGISTRY, WARDS};
    use super::*;
    use crate::sim::clock;

    #[test]
    fn a_dossier_says_where_and_when_it_was_taken_in() {
        let at = clock::at_seconds(1_795_401_899);
        let mut chance = Chance::new(1, &[]);
        let dossier = Dossier::draw(&WARDS[3], &WARD_PROCEDURES, at, 7, &mut chance);
        assert_eq!(dossier.code(), "000.00.94.H36-261123-0007");
        let item = dossier.item(Status::Returned);
        assert_eq!((&item["NgayTiepNhan"], &item["TrangThaiHoSo"]), (&json!("20261123094459"), &json!("10")));
        assert!(item.contains_key("NgayTra") && !dossier.item(Status::Processed).contains_key("NgayTra"));
        let land = Dossier::draw(&LAND_REGISTRY, &LAND_PROCEDURES, at, 12, &mut chance);
        assert_eq!(land.code(), "H36.95-261123-0012");
    }

    #[test]
    fn every_fault_is_another_one() {
        let at = clock::at_seconds(1_795_401_899);
        let dossier = Dossier::draw(&WARDS[0], &WARD_PROCEDURES, at, 1, &mut Chance::new(1, &[]));
        let good = dossier.item(Status::Accepted);
        let mut seen = std::collections::BTreeSet::new();
        for draw in 0..100 {
            let mut item = good.clone();
            spoil(&mut item, &mut Chance::new(draw, &[]));
            assert_ne!(item, good);
            seen.insert(serde_json::to_string(&item).unwrap());
        }
        assert_eq!(seen.len(), 4);
    }
}

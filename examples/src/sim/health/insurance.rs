//! Insured episodes as hospitals send them (Decision 130/QĐ-BYT and its amendments): an envelope of dossiers, each of tables in base64.

use super::Visitor;
use crate::sim::base64;
use crate::sim::chance::Chance;
use crate::sim::clock::LocalTime;

/// A facility's code that no facility has.
const FACILITY: &str = "68999";

const MEDICINES: [(&str, &str, u64); 3] = [
    // Code, name, price of one in đồng.
    ("40.30.501", "Paracetamol 500mg", 500),
    ("40.159", "Amoxicilin 500mg", 1_250),
    ("40.991", "Oresol", 2_100),
];
const SERVICES: [(&str, &str, u64); 3] = [
    ("02.1897", "Khám Nội", 39_500),
    ("23.0075.1494", "Định lượng Glucose [Máu]", 22_400),
    ("22.0121.1369", "Tổng phân tích tế bào máu ngoại vi", 49_700),
];

/// One dossier (HOSO), and how many records of each kind it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dossier {
    parts: Vec<(&'static str, String)>,
    /// Rows of XML2 and XML3.
    pub items: u64,
    /// Whether its sums are right.
    pub good: bool,
}

impl Dossier {
    /// XML0: somebody checks in.
    pub fn check_in(visitor: &Visitor) -> Self {
        let rows = fields(&[
            ("MA_LK", visitor.visit_id()),
            ("STT", "1".to_owned()),
            ("NGAY_VAO", minutes(&visitor.admitted_at)),
            ("MA_LOAI_KCB", "03".to_owned()),
            ("MA_CSKCB", FACILITY.to_owned()),
        ]);
        let document = format!(
            "<CHI_TIEU_TRANG_THAI_KCB><DSACH_TRANG_THAI_KCB><TRANG_THAI_KCB>\n{}{rows}</TRANG_THAI_KCB></DSACH_TRANG_THAI_KCB></CHI_TIEU_TRANG_THAI_KCB>",
            person(visitor)
        );
        Self { parts: vec![("XML0", document)], items: 0, good: true }
    }

    /// XML1 to XML3: the episode is over, with its medicines and services. A wrong one says too much in one of its rows.
    pub fn episode(seed: u64, visitor: &Visitor, discharged_at: &LocalTime, good: bool) -> Self {
        let mut chance = Chance::new(seed, &[visitor.number.into(), 0x130]);
        let (medicines, services) = (1 + chance.below(MEDICINES.len()), 1 + chance.below(SERVICES.len()));
        let (mut total, mut of_medicines) = (0, 0);
        let mut lines = Vec::new();
        for (nth, (code, name, price)) in MEDICINES.iter().take(medicines).enumerate() {
            let count = 5 + chance.below(20) as u64;
            of_medicines += count * price;
            lines.push(format!(
                "<CHI_TIET_THUOC>\n{}</CHI_TIET_THUOC>\n",
                fields(&item(visitor, nth, ("MA_THUOC", code), ("TEN_THUOC", name), count, ("DON_GIA", *price)))
            ));
        }
        total += of_medicines;
        let medicine_rows = lines.concat();
        let mut rows = String::new();
        for (nth, (code, name, price)) in SERVICES.iter().take(services).enumerate() {
            total += price;
            rows.push_str(&format!(
                "<CHI_TIET_DVKT>\n{}</CHI_TIET_DVKT>\n",
                fields(&item(visitor, nth, ("MA_DICH_VU", code), ("TEN_DICH_VU", name), 1, ("DON_GIA_BV", *price)))
            ));
        }
        let (disease, diagnosis) = visitor.disease;
        // Somebody added a medicine and forgot the sum.
        let told = if good { total } else { total + 1_000 };
        let money = |amount: u64| format!("{amount}.00");
        let summary = fields(&[
            ("MA_LK", visitor.visit_id()),
            ("STT", "1".to_owned()),
            ("LY_DO_VV", "Sốt, mệt".to_owned()),
            ("CHAN_DOAN_RV", diagnosis.to_owned()),
            ("MA_BENH_CHINH", disease.to_owned()),
            ("NGAY_VAO", minutes(&visitor.admitted_at)),
            ("NGAY_RA", minutes(discharged_at)),
            ("SO_NGAY_DTRI", "1".to_owned()),
            ("KET_QUA_DTRI", "1".to_owned()),
            ("MA_LOAI_RV", "1".to_owned()),
            ("NGAY_TTOAN", minutes(discharged_at)),
            ("T_THUOC", money(of_medicines)),
            ("T_VTYT", money(0)),
            ("T_TONGCHI_BV", money(told)),
            ("T_TONGCHI_BH", money(total)),
            ("T_BHTT", money(total)),
            ("NAM_QT", discharged_at.format("%Y").to_string()),
            ("THANG_QT", discharged_at.format("%m").to_string()),
            ("MA_LOAI_KCB", "03".to_owned()),
            ("MA_KHOA", "K03".to_owned()),
            ("MA_CSKCB", FACILITY.to_owned()),
        ]);
        let parts = vec![
            ("XML1", format!("<TONG_HOP>\n{}{summary}</TONG_HOP>", person(visitor))),
            (
                "XML2",
                format!("<CHITIEU_CHITIET_THUOC><DSACH_CHI_TIET_THUOC>\n{medicine_rows}</DSACH_CHI_TIET_THUOC></CHITIEU_CHITIET_THUOC>"),
            ),
            ("XML3", format!("<CHITIEU_CHITIET_DVKT_VTYT><DSACH_CHI_TIET_DVKT>\n{rows}</DSACH_CHI_TIET_DVKT></CHITIEU_CHITIET_DVKT_VTYT>")),
        ];
        Self { parts, items: (medicines + services) as u64, good }
    }
}

/// The envelope (GIAMDINHHS) of some dossiers.
pub fn envelope(at: &LocalTime, dossiers: &[Dossier]) -> String {
    let dossier = |dossier: &Dossier| {
        let parts: String = dossier
            .parts
            .iter()
            .map(|(kind, document)| {
                let encoded = base64::lines(format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n{document}").as_bytes());
                format!("<FILEHOSO><LOAIHOSO>{kind}</LOAIHOSO><NOIDUNGFILE>{encoded}</NOIDUNGFILE></FILEHOSO>\n")
            })
            .collect();
        format!("<HOSO>\n{parts}</HOSO>\n")
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<GIAMDINHHS>\n<THONGTINDONVI><MACSKCB>{FACILITY}</MACSKCB></THONGTINDONVI>\n<THONGTINHOSO>\n\
         <NGAYLAP>{}</NGAYLAP>\n<SOLUONGHOSO>{}</SOLUONGHOSO>\n<DANHSACHHOSO>\n{}</DANHSACHHOSO>\n</THONGTINHOSO>\n<CHUKYDONVI/>\n</GIAMDINHHS>\n",
        at.format("%Y%m%d"),
        dossiers.len(),
        dossiers.iter().map(dossier).collect::<String>(),
    )
}

/// A row of XML2 or XML3.
fn item(
    visitor: &Visitor,
    nth: usize,
    code: (&'static str, &str),
    name: (&'static str, &str),
    count: u64,
    price: (&'static str, u64),
) -> [(&'static str, String); 8] {
    let amount = format!("{}.00", count * price.1);
    [
        ("MA_LK", visitor.visit_id()),
        ("STT", (nth + 1).to_string()),
        (code.0, code.1.to_owned()),
        (name.0, name.1.to_owned()),
        ("SO_LUONG", count.to_string()),
        (price.0, format!("{}.000", price.1)),
        ("THANH_TIEN_BV", amount.clone()),
        ("THANH_TIEN_BH", amount),
    ]
}

fn person(visitor: &Visitor) -> String {
    let Visitor { person, born, .. } = visitor;
    fields(&[
        ("MA_BN", visitor.patient_id()),
        ("HO_TEN", person.full_name()),
        ("SO_CCCD", person.national_id()),
        ("NGAY_SINH", format!("{born}0000")),
        ("GIOI_TINH", if person.female { "2" } else { "1" }.to_owned()),
        // No group of insured people has the letters ZZ.
        ("MA_THE_BHYT", format!("ZZ468{:010}", person.number)),
        ("MA_DKBD", FACILITY.to_owned()),
        ("GT_THE_TU", "20260101".to_owned()),
        ("GT_THE_DEN", "20261231".to_owned()),
        ("MA_DOITUONG_KCB", "1.1".to_owned()),
    ])
}

fn fields(fields: &[(&str, String)]) -> String {
    fields.iter().map(|(name, value)| format!("<{name}>{value}</{name}>\n")).collect()
}

fn minutes(at: &LocalTime) -> String {
    at.format("%Y%m%d%H%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(text: &str, name: &str) -> Vec<u64> {
        let field = |part: &str| part.split(['.', '<']).next().unwrap().parse().unwrap();
        text.split(&format!("<{name}>")).skip(1).map(field).collect()
    }

    #[test]
    fn the_sums_of_an_episode_hold_unless_it_is_a_wrong_one() {
        for step in 5_984_673..5_984_773 {
            let visitor = Visitor::draw(1, step);
            let good = Dossier::episode(1, &visitor, &visitor.admitted_at, true);
            let text: String = good.parts.iter().map(|(_, document)| document.as_str()).collect();
            let sum: u64 = amounts(&text, "THANH_TIEN_BV").iter().sum();
            assert_eq!(amounts(&text, "T_TONGCHI_BV"), [sum]);
            assert_eq!(amounts(&text, "THANH_TIEN_BV").len() as u64, good.items);
            let products: Vec<u64> = amounts(&text, "SO_LUONG")
                .into_iter()
                .zip(amounts(&text, "DON_GIA").into_iter().chain(amounts(&text, "DON_GIA_BV")))
                .map(|(count, price)| count * price)
                .collect();
            assert_eq!(products, amounts(&text, "THANH_TIEN_BV"));
            let wrong = Dossier::episode(1, &visitor, &visitor.admitted_at, false);
            assert_eq!(amounts(&wrong.parts[0].1, "T_TONGCHI_BV"), [sum + 1_000]);
        }
    }

    #[test]
    fn an_envelope_says_how_many_dossiers_it_has() {
        let visitor = Visitor::draw(1, 5_984_673);
        let text = envelope(&visitor.admitted_at, &[Dossier::check_in(&visitor), Dossier::check_in(&visitor)]);
        assert!(text.contains("<SOLUONGHOSO>2</SOLUONGHOSO>"));
        assert_eq!(text.matches("<LOAIHOSO>XML0</LOAIHOSO>").count(), 2);
    }
}

//! E-government: one-stop shops that push, a system that is looked up, and offices that send each other documents.

pub mod document;
pub mod dossier;
pub mod lookup;
pub mod offices;
pub mod shop;

/// What dossiers become.
pub const DOSSIERS: &str = "egov/dossiers";
/// What the steps of their processing become.
pub const DOSSIER_STEPS: &str = "egov/dossier-steps";
/// What official documents become.
pub const DOCUMENTS: &str = "egov/documents";
/// What messages about their status become.
pub const DOCUMENT_STATUS: &str = "egov/document-status";

/// An office with its electronic id (Decision 20/2020/QĐ-TTg). The offices are real, the ids below the province are made up.
#[derive(Debug, PartialEq, Eq)]
pub struct Office {
    /// Its name.
    pub name: &'static str,
    /// Its id, in the order of QCVN 102:2016/BTTTT.
    pub id: &'static str,
    /// The part of its addresses in the domain of examples.
    pub host: &'static str,
}

/// The province's committee.
pub const PROVINCE: Office = Office { name: "Ủy ban nhân dân tỉnh Lâm Đồng", id: "000.00.00.H36", host: "lamdong" };

/// The four wards that Bảo Lộc is made of since 1 July 2025.
pub const WARDS: [Office; 4] = [
    Office { name: "Ủy ban nhân dân Phường 1 Bảo Lộc", id: "000.00.91.H36", host: "phuong1" },
    Office { name: "Ủy ban nhân dân Phường 2 Bảo Lộc", id: "000.00.92.H36", host: "phuong2" },
    Office { name: "Ủy ban nhân dân Phường 3 Bảo Lộc", id: "000.00.93.H36", host: "phuong3" },
    Office { name: "Ủy ban nhân dân Phường B'Lao", id: "000.00.94.H36", host: "blao" },
];

/// The office that keeps the land register of the region.
pub const LAND_REGISTRY: Office =
    Office { name: "Chi nhánh Văn phòng đăng ký đất đai khu vực Bảo Lộc", id: "H36.95", host: "datdai" };

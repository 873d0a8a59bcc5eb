//! OneRoster 1.2 bundles of a lower secondary school: a bulk one with all there is, and deltas with what changed.
//!
//! The school and everybody in it are made up.

use std::collections::BTreeMap;

use super::ROSTER_CHANNELS;
use crate::sim::chance::Chance;
use crate::sim::clock::LocalTime;
use crate::sim::ledger::Sent;
use crate::sim::people::Person;

const DEPARTMENT: &str = "PGD-BL";
const SCHOOL: &str = "THCS-BL-01";
const CLASSES: [(&str, &str); 4] = [("6A1", "06"), ("7A1", "07"), ("8A1", "08"), ("9A1", "09")];
const COURSES: [(&str, &str); 2] = [("TOAN", "Toán"), ("VAN", "Ngữ văn")];
/// Pupils of a class when the school year begins.
const PUPILS: u32 = 12;
/// Marks that a delta brings.
const MARKS: u32 = 8;
/// A delta with this remainder has a bad row.
const BAD_EVERY: u64 = 2;

/// The files of a bundle, and what they come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Its files by name, the manifest among them.
    pub files: BTreeMap<String, String>,
    rows: BTreeMap<&'static str, Sent>,
}

impl Bundle {
    /// What it comes to, by channel.
    pub fn sent(&self) -> BTreeMap<&'static str, Sent> {
        let channel = |file: &str| ROSTER_CHANNELS.iter().find(|(name, _)| *name == file).map(|(_, channel)| *channel);
        self.rows.iter().filter_map(|(file, sent)| Some((channel(file)?, *sent))).collect()
    }

    fn add(&mut self, file: &'static str, columns: &str, rows: &[String]) {
        // The standard wants CRLF (RFC 4180).
        let text = std::iter::once(columns.to_owned()).chain(rows.iter().cloned()).map(|row| row + "\r\n").collect();
        self.files.insert(file.to_owned(), text);
        self.rows.insert(file, Sent { good: rows.len() as u64, bad: 0 });
    }

    /// Counts one row of a file as bad that was counted as good.
    fn spoil(&mut self, file: &str) {
        if let Some(sent) = self.rows.get_mut(file) {
            *sent = Sent { good: sent.good - 1, bad: sent.bad + 1 };
        }
    }

    /// Says of every file whether it is absent, or there as `mode`.
    fn manifest(&mut self, mode: &str) {
        let mut text = "propertyName,value\r\nmanifest.version,1.0\r\noneroster.version,1.2\r\n".to_owned();
        for file in FILES {
            let mode = if self.files.contains_key(&format!("{file}.csv")) { mode } else { "absent" };
            text.push_str(&format!("file.{file},{mode}\r\n"));
        }
        text.push_str("source.systemName,Trường THCS Thử Nghiệm Bảo Lộc\r\nsource.systemCode,QLTH-68\r\n");
        self.files.insert("manifest.csv".to_owned(), text);
    }
}

/// All files that OneRoster 1.2 knows.
const FILES: [&str; 22] = [
    "academicSessions",
    "categories",
    "classes",
    "classResources",
    "courses",
    "courseResources",
    "demographics",
    "enrollments",
    "lineItemLearningObjectiveIds",
    "lineItems",
    "lineItemScoreScales",
    "orgs",
    "resources",
    "resultLearningObjectiveIds",
    "results",
    "resultScoreScales",
    "roles",
    "scoreScales",
    "userProfiles",
    "userResources",
    "users",
    "learningObjectives",
];

const USERS: &str = "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,\
                     agentSourcedIds,grades,password,userMasterIdentifier,resourceSourcedIds,preferredGivenName,preferredMiddleName,\
                     preferredFamilyName,primaryOrgSourcedId,pronouns";
const ROLES: &str = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId";
const ENROLLMENTS: &str = "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate";
const RESULTS: &str = "sourcedId,status,dateLastModified,lineItemSourcedId,studentSourcedId,scoreStatus,score,scoreDate,comment,textScore,\
                       classSourcedId,inProgress,incomplete,late,missing";

/// The whole school, as it is at the beginning.
pub fn bulk(seed: u64) -> Bundle {
    let mut bundle = Bundle::default();
    bundle.add(
        "academicSessions.csv",
        "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear",
        &[
            "NH2026,,,Năm học 2026-2027,schoolYear,2026-09-05,2027-05-31,,2027".to_owned(),
            "NH2026-HK1,,,Học kỳ I,semester,2026-09-05,2027-01-16,NH2026,2027".to_owned(),
            "NH2026-HK2,,,Học kỳ II,semester,2027-01-18,2027-05-31,NH2026,2027".to_owned(),
        ],
    );
    bundle.add(
        "orgs.csv",
        "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
        &[
            format!("{DEPARTMENT},,,Phòng Văn hóa - Xã hội Bảo Lộc,district,,"),
            format!("{SCHOOL},,,Trường THCS Thử Nghiệm Bảo Lộc,school,99000001,{DEPARTMENT}"),
        ],
    );
    let courses = CLASSES.iter().flat_map(|(_, grade)| {
        COURSES.iter().map(move |(code, title)| format!("{code}{grade},,,NH2026,{title} {grade},{code},{grade},{SCHOOL},{title},{code}"))
    });
    bundle.add(
        "courses.csv",
        "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes",
        &courses.collect::<Vec<_>>(),
    );
    let classes = CLASSES.iter().map(|(class, grade)| {
        format!("L-{class},,,Lớp {class},{grade},TOAN{grade},{class},homeroom,Phòng {grade},{SCHOOL},\"NH2026-HK1,NH2026-HK2\",Toán,TOAN,\"1,2\"")
    });
    bundle.add(
        "classes.csv",
        "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,\
         subjectCodes,periods",
        &classes.collect::<Vec<_>>(),
    );
    let (mut users, mut roles, mut enrollments) = (Vec::new(), Vec::new(), Vec::new());
    for (number, (class, grade)) in CLASSES.iter().enumerate() {
        let teacher = Person::draw(&mut Chance::new(seed, &[number as u64, 0x7ea]), 9_000 + number as u32);
        users.push(user(&teacher, "GV", "", ","));
        roles.push(format!("R-GV-{},,,GV-{},primary,teacher,2026-08-01,,{SCHOOL},", teacher.number, teacher.number));
        enrollments.push(format!("E-GV-{},,,L-{class},{SCHOOL},GV-{},teacher,true,2026-08-01,", teacher.number, teacher.number));
        for place in 0..PUPILS {
            let pupil = pupil(seed, number as u32 * PUPILS + place);
            users.push(user(&pupil, "HS", grade, ","));
            roles.push(format!("R-HS-{},,,HS-{},primary,student,2026-09-05,,{SCHOOL},", pupil.number, pupil.number));
            enrollments.push(format!("E-HS-{},,,L-{class},{SCHOOL},HS-{},student,,2026-09-05,", pupil.number, pupil.number));
        }
    }
    bundle.add("users.csv", USERS, &users);
    bundle.add("roles.csv", ROLES, &roles);
    bundle.add("enrollments.csv", ENROLLMENTS, &enrollments);
    let tests = CLASSES.iter().map(|(class, _)| {
        format!("KT-{class},,,Kiểm tra giữa học kỳ I,\"Chương 1, 2\",2026-10-26,2026-10-30,L-{class},GK,NH2026-HK1,0,10,{SCHOOL}")
    });
    bundle.add(
        "lineItems.csv",
        "sourcedId,status,dateLastModified,title,description,assignDate,dueDate,classSourcedId,categorySourcedId,gradingPeriodSourcedId,\
         resultValueMin,resultValueMax,schoolSourcedId",
        &tests.collect::<Vec<_>>(),
    );
    let marks = (0..CLASSES.len() as u32 * PUPILS).map(|place| mark(seed, place, 0, ","));
    bundle.add("results.csv", RESULTS, &marks.collect::<Vec<_>>());
    bundle.manifest("bulk");
    bundle
}

/// What changed before a turn: a new pupil, one who left, and marks. In every second one a mark is in words.
pub fn delta(seed: u64, number: u64, at: &LocalTime) -> Bundle {
    let changed = format!("active,{}", at.to_rfc3339());
    let deleted = format!("tobedeleted,{}", at.to_rfc3339());
    let turn = number as u32;
    let all = CLASSES.len() as u32 * PUPILS;
    let (class, grade) = CLASSES[turn as usize % CLASSES.len()];
    let pupil = pupil(seed, all + turn);
    let mut bundle = Bundle::default();
    bundle.add("users.csv", USERS, &[user(&pupil, "HS", grade, &changed)]);
    bundle.add("roles.csv", ROLES, &[format!("R-HS-{0},{changed},HS-{0},primary,student,2026-11-02,,{SCHOOL},", pupil.number)]);
    bundle.add(
        "enrollments.csv",
        ENROLLMENTS,
        &[
            format!("E-HS-{0},{changed},L-{class},{SCHOOL},HS-{0},student,,2026-11-02,", pupil.number),
            format!("E-HS-{},{deleted},,,,,,,", turn % all),
        ],
    );
    let mut marks: Vec<String> = (0..MARKS).map(|nth| mark(seed, (turn * MARKS + nth) % all, number, &changed)).collect();
    let spoilt = number % BAD_EVERY == 1;
    if spoilt {
        marks.push(format!("D-LOI-{number},{changed},KT-{class},HS-{},fully graded,tám rưỡi,2026-11-20,,,,,,,", pupil.number));
    }
    bundle.add("results.csv", RESULTS, &marks);
    if spoilt {
        bundle.spoil("results.csv");
    }
    bundle.manifest("delta");
    bundle
}

fn pupil(seed: u64, number: u32) -> Person {
    Person::draw(&mut Chance::new(seed, &[number.into(), 0x9091]), number)
}

/// A row of users.csv; `change` is `status,dateLastModified`.
fn user(person: &Person, kind: &str, grade: &str, change: &str) -> String {
    let Person { family, middle, given, number, .. } = person;
    let family = if middle.is_empty() { family.trim_end_matches('\'') } else { family };
    let login = kind.to_lowercase();
    format!(
        "{kind}-{number},{change},true,{login}.mau{number},,{given},{family},{middle},99{number:08},{login}.mau{number}@truong.example.vn,,{},,{grade},,,,,,,{SCHOOL},",
        person.phone()
    )
}

/// A row of results.csv; a later `version` is a mark of a later test of the same pupil.
fn mark(seed: u64, place: u32, version: u64, change: &str) -> String {
    let (class, _) = CLASSES[(place / PUPILS) as usize % CLASSES.len()];
    let halves = 8 + Chance::new(seed, &[place.into(), version, 0x3a2]).below(13);
    let score = if halves.is_multiple_of(2) { format!("{}", halves / 2) } else { format!("{}.5", halves / 2) };
    format!("D-{place}-{version},{change},KT-{class},HS-{place},fully graded,{score},2026-11-02,\"Bài làm rõ ràng, sạch\",,L-{class},,,,")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::clock;

    fn rows(bundle: &Bundle, file: &str) -> Vec<String> {
        bundle.files[file].lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn what_is_counted_is_what_is_in_the_files() {
        let at = clock::at_seconds(1_795_401_899);
        let bundles: Vec<Bundle> = std::iter::once(bulk(1)).chain((1..9).map(|number| delta(1, number, &at))).collect();
        for bundle in &bundles {
            for (file, channel) in ROSTER_CHANNELS {
                let counted = bundle.sent().get(channel).map_or(0, |sent| sent.all());
                let there = bundle.files.get(file).map_or(0, |text| text.lines().count() - 1);
                assert_eq!(counted, there as u64, "{file}");
                let stated = bundle.files["manifest.csv"].contains(&format!("file.{},absent", file.trim_end_matches(".csv")));
                assert_eq!(stated, there == 0, "{file}");
            }
        }
        assert_eq!(bundles[0].sent().len(), 9);
        let bad: u64 = bundles.iter().flat_map(|bundle| bundle.sent().into_values()).map(|sent| sent.bad).sum();
        assert_eq!(bad, 4);
    }

    #[test]
    fn rows_have_as_many_fields_as_their_headings() {
        let fields = |row: &str| {
            let mut quoted = false;
            row.chars().fold(1, |count, c| {
                quoted ^= c == '"';
                count + usize::from(c == ',' && !quoted)
            })
        };
        for bundle in [bulk(1), delta(1, 1, &clock::at_seconds(0)), delta(1, 2, &clock::at_seconds(0))] {
            for (file, text) in &bundle.files {
                let columns = fields(text.lines().next().unwrap());
                for row in text.lines() {
                    assert_eq!(fields(row), columns, "{file}: {row}");
                }
            }
        }
    }

    #[test]
    fn nobody_comes_twice() {
        let at = clock::at_seconds(0);
        let mut seen = std::collections::BTreeSet::new();
        let bundles = std::iter::once(bulk(1)).chain((1..30).map(|number| delta(1, number, &at)));
        for row in bundles.flat_map(|bundle| rows(&bundle, "users.csv")) {
            assert!(seen.insert(row.split(',').next().unwrap().to_owned()), "{row}");
        }
    }
}

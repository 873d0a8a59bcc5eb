//! Archives of tables, and lone sheets.

use std::io::{Cursor, Write};
use std::sync::LazyLock;

use education_oneroster::Rosters;
use lienthong_sdk::testing::Hub;
use serde_json::json;
use transport_gtfs::Gtfs;
use zip::write::SimpleFileOptions;

use crate::received::{Ports, Received, received};

static ROSTERS: LazyLock<Ports> = LazyLock::new(|| {
    Ports::new(&[
        ("academic-sessions", include_str!("../../../schemas/education/academic-sessions.v1.json")),
        ("orgs", include_str!("../../../schemas/education/orgs.v1.json")),
        ("courses", include_str!("../../../schemas/education/courses.v1.json")),
        ("classes", include_str!("../../../schemas/education/classes.v1.json")),
        ("users", include_str!("../../../schemas/education/users.v1.json")),
        ("roles", include_str!("../../../schemas/education/roles.v1.json")),
        ("enrollments", include_str!("../../../schemas/education/enrollments.v1.json")),
        ("line-items", include_str!("../../../schemas/education/line-items.v1.json")),
        ("results", include_str!("../../../schemas/education/results.v1.json")),
    ])
});

/// The file of each port in a bundle.
const ROSTER_FILES: [(&str, &str); 9] = [
    ("academic-sessions", "academicSessions.csv"),
    ("orgs", "orgs.csv"),
    ("courses", "courses.csv"),
    ("classes", "classes.csv"),
    ("users", "users.csv"),
    ("roles", "roles.csv"),
    ("enrollments", "enrollments.csv"),
    ("line-items", "lineItems.csv"),
    ("results", "results.csv"),
];

static FEEDS: LazyLock<Ports> = LazyLock::new(|| {
    Ports::new(&[
        ("stops", include_str!("../../../schemas/transport/stops.v1.json")),
        ("routes", include_str!("../../../schemas/transport/routes.v1.json")),
        ("trips", include_str!("../../../schemas/transport/trips.v1.json")),
        ("stop-times", include_str!("../../../schemas/transport/stop-times.v1.json")),
    ])
});

const FEED_FILES: [(&str, &str); 4] =
    [("stops", "stops.txt"), ("routes", "routes.txt"), ("trips", "trips.txt"), ("stop-times", "stop_times.txt")];

/// A bundle, or a sheet of pupils. A bundle may also be written as one text, `--- name` before each of its files.
pub fn oneroster(body: &[u8]) {
    let hub = || Hub::new().named("roster.zip").settings(json!({ "school": "TH-01" }));
    let Some(files) = files(body) else {
        let outcome = received(&Rosters, hub, &ROSTERS, body);
        if !body.starts_with(b"PK") {
            outcome.rejects_are_of(body);
            assert_eq!(outcome.hub.count("users"), outcome.hub.count("enrollments"), "a row gives both or none");
        }
        return;
    };
    each_row_is_kept(&received(&Rosters, hub, &ROSTERS, &zipped(&files)), &ROSTER_FILES, &files);
}

/// A feed of timetables, likewise.
pub fn gtfs(body: &[u8]) {
    let hub = || Hub::new().settings(json!({ "feed": "any" }));
    match files(body) {
        None => drop(received(&Gtfs, hub, &FEEDS, body)),
        Some(files) => each_row_is_kept(&received(&Gtfs, hub, &FEEDS, &zipped(&files)), &FEED_FILES, &files),
    }
}

/// In files without quotation marks, rows are lines: each but the first is a record or a rejection that is that line.
fn each_row_is_kept(outcome: &Received, ports: &[(&str, &str)], files: &[(&str, &[u8])]) {
    for reject in outcome.hub.rejects() {
        let is_in = |file: &&[u8]| memchr::memmem::find(file, &reject.bytes).is_some();
        assert!(files.iter().map(|(_, content)| content).any(is_in), "{:?}", String::from_utf8_lossy(&reject.bytes));
    }
    if outcome.result.is_err() {
        return;
    }
    for (port, name) in ports {
        let (records, rejects) = (outcome.hub.count(port), outcome.hub.rejects().iter().filter(|reject| reject.port == *port).count());
        let Some((_, content)) = files.iter().find(|(file, _)| file == name) else { continue };
        if records + rejects == 0 || content.contains(&b'"') {
            continue;
        }
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let written = |line: &&[u8]| line.iter().any(|b| !b.is_ascii_whitespace());
        // A row of nothing but commas is as good as a blank one.
        let (_, rows) = content.split_at(content.split(|b| *b == b'\n').take_while(|line| !written(line)).map(|line| line.len() + 1).sum());
        let rows = rows.split(|b| *b == b'\n').skip(1).filter(|line| line.iter().any(|b| !b.is_ascii_whitespace() && *b != b','));
        assert_eq!(records + rejects, rows.count(), "{name}");
    }
}

/// The files of a bundle that is written as one text; none where it is something else, or names a file twice.
fn files(body: &[u8]) -> Option<Vec<(&str, &[u8])>> {
    let mut rest = body.strip_prefix(b"--- ")?;
    let mut files = Vec::new();
    loop {
        let end = memchr::memchr(b'\n', rest)?;
        let (name, behind) = (std::str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..]);
        let next = memchr::memmem::find(behind, b"\n--- ");
        let content = &behind[..next.map_or(behind.len(), |at| at + 1)];
        if files.len() == 20 || files.iter().any(|(known, _): &(&str, _)| known.eq_ignore_ascii_case(name)) {
            return None;
        }
        files.push((name, content));
        match next {
            Some(at) => rest = &behind[at + 5..],
            None => return Some(files),
        }
    }
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in files {
        zip.start_file(*name, stored).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

//! Writes an envelope of any size, and measures how fast one is read:
//!
//!     cargo run --release -p health-bhyt --example envelope -- write 160 > /tmp/160.xml
//!     cargo run --release -p health-bhyt --example envelope -- read /tmp/160.xml

#[path = "../tests/folding/mod.rs"]
mod folding;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::time::Instant;

use health_bhyt::Bhyt;
use lienthong_sdk::{Attachment, Blob, Call, Context, Environment, Level, Message, Output, ReadAt, Receiver, Stopped, Verdict};

const PLAIN: &str = include_str!("../fixtures/episodes.plain.txt");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", mib] => write(BufWriter::new(io::stdout().lock()), mib.parse::<u64>()? << 20)?,
        ["read", file] => read(File::open(file)?)?,
        _ => return Err("write <MiB>, or read <file>".into()),
    }
    Ok(())
}

/// The episodes of the fixture again and again, each under ids of its own, until there are so many bytes.
fn write(mut out: impl Write, bytes: u64) -> io::Result<()> {
    let (head, rest) = PLAIN.split_once("<HOSO>").unwrap_or_default();
    let (dossiers, tail) = rest.rsplit_once("</HOSO>").unwrap_or_default();
    let head: String = head.lines().filter(|line| !line.starts_with("<SOLUONGHOSO>")).map(|line| format!("{line}\n")).collect();
    out.write_all(head.as_bytes())?;
    let mut written = (head.len() + tail.len()) as u64;
    for number in 1u64.. {
        let dossiers = folding::fold(&format!("<HOSO>{dossiers}</HOSO>\n").replace("<MA_LK>LK", &format!("<MA_LK>LK-{number}")));
        if written + dossiers.len() as u64 > bytes {
            break;
        }
        written += dossiers.len() as u64;
        out.write_all(dossiers.as_bytes())?;
    }
    out.write_all(tail.as_bytes())?;
    out.flush()
}

fn read(file: File) -> Result<(), Box<dyn std::error::Error>> {
    let mut counted = Counted::default();
    let bytes = file.metadata()?.len();
    let message = Message { body: Blob::new(OnDisk(file)), name: None, content_type: None, received_at_ms: 0 };
    let begin = Instant::now();
    let mut call = Call::new(Context::new(&Nothing), &mut counted);
    Bhyt.receive(&mut call, message)?;
    call.flush()?;
    let seconds = begin.elapsed().as_secs_f64();
    let Counted { records, rejects, output_bytes, calls } = counted;
    println!(
        "{:.1} MB in {seconds:.2} s, {:.0} MB/s: {records} records of {:.1} MB, {rejects} rejected, {calls} calls of the hub",
        bytes as f64 / 1e6,
        bytes as f64 / 1e6 / seconds,
        output_bytes as f64 / 1e6
    );
    Ok(())
}

struct OnDisk(File);

impl ReadAt for OnDisk {
    fn size(&self) -> u64 {
        self.0.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, max: u32) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; max as usize];
        let count = self.0.read_at(&mut bytes, offset)?;
        bytes.truncate(count);
        Ok(bytes)
    }
}

struct Nothing;

impl Environment for Nothing {
    fn settings(&self) -> String {
        "{}".to_owned()
    }

    fn log(&self, _: Level, message: &str) {
        eprintln!("{message}");
    }
}

#[derive(Default)]
struct Counted {
    records: usize,
    rejects: usize,
    output_bytes: usize,
    calls: usize,
}

impl Output for Counted {
    fn emit(&mut self, _: &str, records: &[u8]) -> Result<Verdict, Stopped> {
        let count = records.iter().filter(|b| **b == b'\n').count();
        self.calls += 1;
        self.records += count;
        self.output_bytes += records.len();
        Ok(Verdict { accepted: count as u64, ..Verdict::default() })
    }

    fn reject(&mut self, _: &str, bytes: &[u8], _: &str, _: Option<&str>) -> Result<(), Stopped> {
        self.calls += 1;
        self.rejects += 1;
        self.output_bytes += bytes.len();
        Ok(())
    }

    fn attach(&mut self, _: &str) -> Result<Attachment, Stopped> {
        Err(Stopped::UnknownPort("no attachments here".to_owned()))
    }
}

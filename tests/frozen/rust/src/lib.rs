//! The guest in Rust that does what those in JavaScript and Python do.

use std::io::Read;

use lienthong_sdk::http::Request;
use lienthong_sdk::{
    Batch, Call, Context, Failure, ItemStatus, Level, Message, Poll, Progress, Receiver, Reply, Sink, Source,
};
use serde_json::{Value, json};

#[derive(Default)]
struct Guest;

impl Receiver for Guest {
    fn receive(&self, call: &mut Call<'_>, message: Message) -> Result<Option<Reply>, Failure> {
        let mut body = Vec::new();
        let Message { body: mut blob, name, content_type, received_at_ms } = message;
        blob.read_to_end(&mut body)?;
        let what = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match what {
            b"lines" => {
                let settings: Value = call.settings()?;
                for (number, line) in (1..).zip(body.split(|byte| *byte == b'\n')) {
                    let at = format!("line {number}");
                    match std::str::from_utf8(line) {
                        _ if line.len() > 16 => call.reject("values", line, "too long", Some(&at))?,
                        Err(_) => call.reject("values", line, "not UTF-8", Some(&at))?,
                        Ok(text) if number > 1 && !text.is_empty() => call.emit(
                            "values",
                            &json!({ "value": text, "name": name, "contentType": content_type, "receivedAt": received_at_ms, "settings": settings }),
                        )?,
                        Ok(_) => {}
                    }
                }
                call.log(Level::Info, "read");
                call.flush()?;
                let verdict = call.verdict();
                let pointer = verdict.first.first().map_or("undefined", |refusal| &refusal.pointer);
                let body = format!("{} {} {pointer} {}", verdict.accepted, verdict.refused, call.rejected());
                Ok(Some(Reply { content_type: "text/plain".into(), body: body.into_bytes() }))
            }
            b"attach" => {
                let mut file = call.attach("values")?;
                file.write(b"ab")?;
                file.write(b"c")?;
                let attached = file.finish()?;
                call.emit("values", &json!({ "sha256": attached.sha256, "size": attached.size_bytes }))?;
                Ok(None)
            }
            b"setting" => Err(Failure::Config("`colour` is no colour".into())),
            b"defect" => Err(Failure::Internal("a defect of the plugin".into())),
            other => Err(Failure::InvalidInput(format!("nobody does `{}`", String::from_utf8_lossy(other)))),
        }
    }
}

impl Source for Guest {
    fn poll(&self, call: &mut Call<'_>, poll: Poll<'_>) -> Result<Progress, Failure> {
        let settings: Value = call.settings()?;
        let url = settings["url"].as_str().unwrap_or_default();
        let since = poll.since.map_or("never".into(), String::from_utf8_lossy);
        let request = Request::post(url, "text/plain", b"ping".to_vec()).header("x-since", since);
        let response = call.fetch(request)?.ok()?;
        let etag = response.header("etag").map(str::to_owned);
        let text = String::from_utf8_lossy(&response.bytes(1 << 20)?).into_owned();
        call.emit("values", &json!({ "value": text, "now": poll.now_ms, "maxRecords": poll.max_records, "etag": etag }))?;
        Ok(Progress { next: Some(format!("at {}", poll.now_ms).into_bytes()), more: poll.since.is_none() })
    }
}

impl Sink for Guest {
    fn deliver(&self, context: &Context<'_>, batch: Batch, key: &str) -> Result<Vec<ItemStatus>, Failure> {
        context.log(Level::Info, &format!("{} {key}", batch.channel));
        let lines = batch.records.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let status = |(line, id): (&[u8], &String)| {
            let record: Value = serde_json::from_slice(line).map_err(|error| Failure::Internal(error.to_string()))?;
            Ok(match record["n"].as_u64() {
                Some(0) => ItemStatus::Delivered,
                Some(1) => ItemStatus::Retry(id.clone()),
                _ => ItemStatus::Refused("no room".into()),
            })
        };
        lines.zip(&batch.ids).map(status).collect()
    }
}

lienthong_sdk::export_receiver!(Guest);
lienthong_sdk::export_source!(Guest);
lienthong_sdk::export_sink!(Guest);

//! Another system that fails: nothing may be lost for it, and nothing called done that was not.

use super::battery::{Battery, several, sound, with};
use super::repeat::values;
use super::report::Check;
use crate::rehearsal::fixture::{Fixture, Input};
use crate::rehearsal::run::Ran;
use crate::wasm::{Exchange, NoAnswer};

/// Exchanges of one fixture that are made to fail, one at a time.
const EXCHANGES: usize = 8;

/// Each request in turn is answered by 429, by 500, not in time, or not at all.
pub(super) async fn failures(battery: &mut Battery<'_>) -> anyhow::Result<Check> {
    let (mut wrong, mut calls) = (Vec::new(), 0);
    for (number, fixture) in battery.fixtures.iter().enumerate() {
        for place in (0..fixture.exchanges.len().min(EXCHANGES)).filter(|place| is_good(&fixture.exchanges[*place])) {
            for (what, fail) in faults() {
                let failing = with(fixture, |fixture| fail(&mut fixture.exchanges[place]));
                let exchange = &fixture.exchanges[place];
                let ran = battery.call(&failing, what).await?;
                calls += 1;
                if let Err(why) = heeded(fixture, &battery.usual[number], &ran) {
                    wrong.push(format!("{}: {} {} {what}, and {why}", fixture.name, exchange.method, exchange.url));
                }
            }
        }
    }
    if calls == 0 {
        return Ok(Check::not_applicable("upstream", "no fixture has requests that could fail"));
    }
    Ok(Check::of(
        "upstream",
        &wrong,
        format!("{} of the other system lost nothing, and nothing was called done that was not", several(calls, "failure")),
    ))
}

fn is_good(exchange: &Exchange) -> bool {
    exchange.fails.is_none() && exchange.status < 400
}

type Fault = (&'static str, fn(&mut Exchange));

fn faults() -> [Fault; 4] {
    [
        ("was answered 429", |exchange| {
            (exchange.status, exchange.body) = (429, Default::default());
            exchange.headers = [("retry-after".to_owned(), "7".to_owned())].into();
        }),
        ("was answered 500", |exchange| (exchange.status, exchange.body) = (500, Default::default())),
        ("was not answered in time", |exchange| exchange.fails = Some(NoAnswer::Timeout)),
        ("found no connection", |exchange| exchange.fails = Some(NoAnswer::Refused)),
    ]
}

/// Whether the failure had the consequence that keeps data whole.
fn heeded(fixture: &Fixture, usual: &[serde_json::Value], ran: &Ran) -> Result<(), String> {
    sound(ran)?;
    if let Some(cause) = &ran.cause {
        return match cause.word() {
            "upstream" | "rate-limited" => Ok(()),
            other => Err(format!("the call failed as `{other}`, after which nobody tries again: say `upstream` or `rate-limited`")),
        };
    }
    match &fixture.input {
        Input::Poll { since, .. } => {
            let kept = since.as_deref().map(String::from_utf8_lossy);
            match values(&ran.lines, "next").next() {
                Some(next) if Some(next) != kept.as_deref() => {
                    Err(format!("the source went on to the cursor {next:?}: what it did not get is lost, so fail, or leave the cursor"))
                }
                _ => Ok(()),
            }
        }
        Input::Batch { .. } => {
            let delivered = |lines| values(lines, "status").filter(|status| *status == "delivered").count();
            match delivered(usual) {
                0 => Ok(()),
                all if delivered(&ran.lines) < all => Ok(()),
                _ => Err("the sink called all of it delivered: say `retry` of what the system did not confirm".to_owned()),
            }
        }
        // A receiver may do without what it asked for, and says so in what it emits.
        Input::Message { .. } | Input::Groups(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wasm::{Cause, Failure, Usage};

    fn came(lines: Vec<Value>, failure: Option<Failure>) -> Ran {
        Ran { lines, records: 0, used: Usage::default(), cause: failure.map(Cause::Plugin), said: String::new() }
    }

    #[test]
    fn a_source_that_goes_on_has_lost_a_page() {
        let fixture = Fixture::new("one", Input::Poll { since: Some(b"7".to_vec()), max_records: 1 });
        let told = |lines: Vec<Value>, failure| heeded(&fixture, &[], &came(lines, failure)).map_err(|why| why[..20].to_owned());
        assert_eq!(told(vec![json!({ "next": "8", "more": true })], None), Err("the source went on t".into()));
        assert_eq!(told(vec![json!({ "next": "7", "more": false })], None), Ok(()));
        assert_eq!(told(vec![json!({ "next": null, "more": false })], None), Ok(()));
        assert_eq!(told(Vec::new(), Some(Failure::Upstream("503".into()))), Ok(()));
        assert_eq!(told(Vec::new(), Some(Failure::RateLimited(Some(7)))), Ok(()));
        assert_eq!(told(Vec::new(), Some(Failure::Config("503".into()))), Err("the call failed as `".into()));
        assert_eq!(told(Vec::new(), Some(Failure::Internal("503".into()))), Err("the plugin failed: 5".into()));
    }

    #[test]
    fn a_sink_that_calls_all_of_it_delivered_has_lost_a_record() {
        let fixture = Fixture::new("one", Input::batch("a/b".into(), b"{}\n{}\n".to_vec(), "key".into()));
        let lines = |one: &str, other: &str| vec![json!({ "id": "1", "status": one }), json!({ "id": "2", "status": other })];
        let usual = lines("delivered", "delivered");
        let told = |one, other| heeded(&fixture, &usual, &came(lines(one, other), None)).is_ok();
        assert!(!told("delivered", "delivered"));
        assert!(told("delivered", "retry"));
    }
}

//! What a city may ask of a plugin before it lets it in: a battery over the vendor's own fixtures, each check with a verdict and
//! a reason that somebody can act on.

mod answers;
mod battery;
mod input;
mod repeat;
mod report;
mod scale;

use super::fixture::Fixture;
use super::run::Rehearsal;

pub use report::{Check, Cost, Report, Signed, SignedError, Verdict};

/// Runs the whole battery. Takes some hundred calls.
///
/// # Errors
/// Settings of a fixture that the manifest does not allow.
pub async fn certify(rehearsal: &Rehearsal, fixtures: &[Fixture]) -> anyhow::Result<(Vec<Check>, Option<Cost>)> {
    let mut battery = battery::Battery::new(rehearsal, fixtures);
    let mut checks = vec![battery.fixtures().await?];
    checks.push(input::garbage(&mut battery).await?);
    checks.push(input::truncation(&mut battery).await?);
    checks.push(scale::ten_times(&mut battery).await?);
    checks.push(repeat::twice(&mut battery).await?);
    checks.push(repeat::killed(&mut battery).await?);
    checks.push(answers::failures(&mut battery).await?);
    checks.push(repeat::clock(&mut battery).await?);
    let (check, cost) = scale::cost(&mut battery).await?;
    checks.push(check);
    // Last, for it is about all the calls before.
    checks.push(battery.schemas());
    Ok((checks, cost))
}

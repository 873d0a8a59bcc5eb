//! P7: hostile plugins beside an honest one.

use lienthong_tests::measure::quantile;
use lienthong_tests::neighbours::{Felt, Neighbours};
use lienthong_tests::wait::until;

/// Small enough that all of them fail again and again in a short trial.
const TIGHT: &str = "{ cpu_per_call: 500ms, output: 8MiB, host_calls: 100000 }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_plugins_fail_again_and_again_and_an_honest_one_goes_on() {
    let mut neighbours = Neighbours::start(TIGHT).await;
    let unleashed = neighbours.unleash();
    let senders = unleashed.senders();
    let mut rounds = 0;
    until("each of them has failed twice", || {
        let (neighbours, failures) = (&neighbours, unleashed.failures());
        rounds += 5;
        async move {
            neighbours.honest(5).await.unwrap_or_else(|error| panic!("{error:#}"));
            failures.iter().all(|failed| *failed >= 2).then_some(())
        }
    })
    .await;
    let failures = unleashed.failures();
    drop(unleashed);
    println!("{senders} hostile messages at a time, {failures:?} failures, {rounds} honest rounds");
    let operator = neighbours.hub.operator().await;
    let status = operator.get("/v1/status").send().await.expect(200).json();
    assert_eq!(status["ready"], true);
    for (channel, stored) in [("trial/one", rounds), ("trial/two", rounds), ("trial/junk", 0)] {
        let found = status["channels"].as_array().unwrap().iter().find(|found| found["channel"] == channel).unwrap();
        assert_eq!((&found["stored"], &found["accepted"]), (&stored.into(), &stored.into()), "{channel}");
    }
    assert!(neighbours.hub.terminate().await.success(), "{}", neighbours.hub.log());
}

/// Prints the ratio of what an honest agency feels with and without hostile neighbours; asserts none, for machines are busy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures, for a quiet machine"]
async fn measure_what_an_honest_agency_feels_of_hostile_neighbours() {
    let number = |name: &str, usual: usize| std::env::var(name).map_or(usual, |text| text.parse().expect("a number"));
    let (pairs, rounds) = (number("LIENTHONG_PAIRS", 5), number("LIENTHONG_ROUNDS", 300));
    let neighbours = Neighbours::start("{}").await;
    let honest = async || neighbours.honest(rounds).await.unwrap_or_else(|error| panic!("{error:#}"));
    honest().await;
    let at = |felt: &Felt, share| (quantile(&felt.messages, share) * 1e3, quantile(&felt.posts, share) * 1e3);
    let (mut messages, mut posts) = (Vec::new(), Vec::new());
    for pair in 1..=pairs {
        let alone = honest().await;
        let unleashed = neighbours.unleash();
        neighbours.settle().await;
        let beside = honest().await;
        let failures = unleashed.failures();
        drop(unleashed);
        neighbours.settle().await;
        let (a, b, c, d) = (at(&alone, 0.5), at(&beside, 0.5), at(&alone, 0.99), at(&beside, 0.99));
        println!(
            "pair {pair}: messages p50 {:.1} → {:.1} ms, p99 {:.1} → {:.1} ms; posts p50 {:.1} → {:.1} ms, p99 {:.1} → {:.1} ms; failures {failures:?}",
            a.0, b.0, c.0, d.0, a.1, b.1, c.1, d.1
        );
        messages.push(d.0 / c.0);
        posts.push(d.1 / c.1);
    }
    for (what, mut ratios) in [("messages", messages), ("posts", posts)] {
        ratios.sort_by(f64::total_cmp);
        println!(
            "P7, p99 of {what} beside hostile plugins by that without: median {:.2} ({:.2} to {:.2})",
            ratios[ratios.len() / 2],
            ratios[0],
            ratios[ratios.len() - 1]
        );
    }
}

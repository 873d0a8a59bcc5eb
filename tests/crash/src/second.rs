//! A second hub on the same data: it is refused and told by whom, and the first goes on.

use lienthong_tests::hub::Hub;
use lienthong_tests::program::{argument, run};

use crate::oracle::{self, Doors};
use crate::senders::{Company, Senders};
use crate::tally::Tally;
use crate::town;

/// Starts others beside one that is at work.
pub async fn trial(seed: u64) -> Tally {
    let mut tally = Tally::default();
    let mut hub = Hub::start(town::new()).await;
    let doors = Doors::open(&hub).await;
    let senders = Senders::start(&hub, &doors.sender, seed, Company { posting: 2, scans: true, files: false }, None);
    for _ in 0..3 {
        refused(&hub, &mut tally).await;
        senders.go_on("beside one that was refused").await;
        // The socket is still the first's.
        hub.operator().await.get("/v1/status").send().await.expect(200);
        // A lock of a hub that died holds nobody off.
        hub.kill().await;
        hub.start_again().await;
    }
    let sent = senders.finish().await;
    oracle::settle(&hub, &doors, &sent, &mut tally).await;
    tally
}

async fn refused(hub: &Hub, tally: &mut Tally) {
    let (city, data) = (hub.city().path(), hub.city().data());
    let serve = ["serve", "--city", argument(&city), "--data", argument(&data), "--listen", "127.0.0.1:0"];
    let said = run(&serve).await;
    let by_whom = format!("is in use by another hub (process {})", hub.pid().as_raw_nonzero());
    assert!(said.code == Some(1) && said.stderr.contains(&by_whom), "{:?}: {}", said.code, said.stderr);
    tally.add("second hubs refused", 1);
}

//! Framing, and what becomes of senders that do not keep to it.

use std::time::Duration;

use lienthong_core::id::AgencyId;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::frame::{BEGIN, END, Event, Framing, RETURN, framed};
use super::frames::GARBAGE_BYTES;
use super::{Ended, Frames, Patience, Replies};
use crate::transport::body::{self, Spool};

/// Whole messages, what is left of one that did not end, and how many bytes belong to none.
fn split(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Option<Vec<u8>>, u64) {
    let (mut framing, mut whole, mut open) = (Framing::default(), Vec::new(), None::<Vec<u8>>);
    for piece in pieces {
        let mut input = *piece;
        while let Some(event) = framing.next(&mut input) {
            match event {
                Event::Begin => assert_eq!(open.replace(Vec::new()), None, "a frame began within another"),
                Event::Piece(piece) => open.as_mut().unwrap().extend(piece),
                Event::End => whole.push(open.take().unwrap()),
            }
        }
        assert!(input.is_empty(), "bytes were left");
    }
    (whole, open, framing.take_skipped())
}

#[test]
fn frames_begin_and_end_where_the_protocol_says() {
    type Case = (&'static [u8], &'static [&'static [u8]], Option<&'static [u8]>, u64);
    let table: [Case; 16] = [
        (b"", &[], None, 0),
        (b"\x0bMSH|a\x1c\r", &[b"MSH|a"], None, 0),
        (b"\x0ba\x1c\r\x0bb\x1c\r", &[b"a", b"b"], None, 0),
        (b"\x0b\x1c\r", &[b""], None, 0),
        // What careless senders put between frames.
        (b"\r\n\x0ba\x1c\r\r\n\x0bb\x1c\r\n", &[b"a", b"b"], None, 5),
        (b"GET / HTTP/1.1\r\n", &[], None, 16),
        (b"a\x1c\r", &[], None, 3),
        // A frame that did not end yet.
        (b"\x0b", &[], Some(b""), 0),
        (b"\x0ba", &[], Some(b"a"), 0),
        (b"\x0ba\x1c", &[], Some(b"a"), 0),
        (b"\x0ba\r", &[], Some(b"a\r"), 0),
        // A file separator without its carriage return is the message's own, unless the next frame follows.
        (b"\x0ba\x1cb\x1c\r", &[b"a\x1cb"], None, 0),
        (b"\x0ba\x1c\x1c\r", &[b"a\x1c"], None, 0),
        (b"\x0ba\x1c\n\x1c\r", &[b"a\x1c\n"], None, 0),
        (b"\x0ba\x1c\x0bb\x1c\r", &[b"a", b"b"], None, 0),
        // So is a vertical tab.
        (b"\x0ba\x0bb\x1c\r", &[b"a\x0bb"], None, 0),
    ];
    for (input, whole, open, skipped) in table {
        let found = split(&[input]);
        let (messages, rest) = (found.0.iter().map(Vec::as_slice).collect::<Vec<_>>(), found.1.as_deref());
        assert_eq!((messages.as_slice(), rest, found.2), (whole, open, skipped), "{:?}", String::from_utf8_lossy(input));
        let bytewise: Vec<&[u8]> = input.chunks(1).collect();
        assert_eq!(split(&bytewise), found, "byte by byte: {:?}", String::from_utf8_lossy(input));
    }
}

#[test]
fn a_reply_that_would_end_its_frame_early_is_none() {
    assert_eq!(framed(b"MSA|AA").unwrap(), b"\x0bMSA|AA\x1c\r");
    assert_eq!(framed(b"").unwrap(), b"\x0b\x1c\r");
    for reply in [&b"a\x1c\rb"[..], b"a\x1c"] {
        assert_eq!(framed(reply), None);
    }
}

proptest! {
    #[test]
    fn it_matters_not_where_the_bytes_are_cut(
        bytes in proptest::collection::vec(prop_oneof![Just(BEGIN), Just(END), Just(RETURN), any::<u8>()], 0..60),
        cuts in proptest::collection::vec(1usize..7, 60),
    ) {
        let (mut pieces, mut rest) = (Vec::new(), bytes.as_slice());
        for cut in cuts {
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        pieces.push(rest);
        prop_assert_eq!(split(&pieces), split(&[&bytes]));
    }

    #[test]
    fn every_message_comes_out_as_it_went_in(messages in proptest::collection::vec("[^\u{1c}]{0,40}", 0..6)) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| framed(message.as_bytes()).unwrap()).collect();
        let expected: Vec<Vec<u8>> = messages.into_iter().map(String::into_bytes).collect();
        prop_assert_eq!(split(&[&stream]), (expected, None, 0));
    }
}

const LIMIT: u64 = 3 << 20;
const LONG: Duration = Duration::from_secs(3_600);
const MOMENT: Duration = Duration::from_millis(1);

struct Wire {
    sender: DuplexStream,
    frames: Frames<DuplexStream>,
    _folder: tempfile::TempDir,
}

fn wire(idle: Duration, pause: Duration, frame: Duration) -> Wire {
    let folder = tempfile::tempdir().unwrap();
    let (sender, receiver) = duplex(64 << 10);
    let (spool, agency) = (Spool::new(folder.path().to_owned(), 0), AgencyId::new("hospital").unwrap());
    Wire { sender, frames: Frames::new(receiver, spool, agency, LIMIT, Patience { idle, pause, frame }), _folder: folder }
}

async fn ended(wire: &mut Wire) -> Ended {
    match wire.frames.next().await {
        Err(ended) => ended,
        Ok(_) => panic!("nothing was wrong"),
    }
}

#[tokio::test]
async fn messages_come_one_by_one_large_ones_too_and_then_the_sender_hangs_up() {
    let mut wire = wire(LONG, LONG, LONG);
    let large: Vec<u8> = (0..LIMIT).map(|i| b'0' + (i % 10) as u8).collect();
    let stream = [b"\n\x0bone\x1c\r\x0b\x1c\r".to_vec(), framed(&large).unwrap(), framed(b"last").unwrap()].concat();
    let mut sender = wire.sender;
    let sending = tokio::spawn(async move {
        sender.write_all(&stream).await.unwrap();
        sender.shutdown().await.unwrap();
    });
    let mut seen = Vec::new();
    while let Some(body) = wire.frames.next().await.unwrap() {
        seen.push((body.blob.size(), body.blob.read(0, 4).await.unwrap()));
    }
    sending.await.unwrap();
    assert_eq!(seen, [(3, b"one".to_vec()), (0, vec![]), (LIMIT, b"0123".to_vec()), (4, b"last".to_vec())]);
    assert_eq!((wire.frames.take_skipped(), wire.frames.take_skipped()), (1, 0));
}

#[tokio::test]
async fn a_giant_is_refused_while_it_arrives() {
    let mut wire = wire(LONG, LONG, LONG);
    let mut sender = wire.sender;
    let sending = tokio::spawn(async move {
        let _ = sender.write_all(&[&[BEGIN][..], &vec![b'x'; LIMIT as usize + 1]].concat()).await;
        sender
    });
    let ended = wire.frames.next().await.err().unwrap();
    assert!(matches!(ended, Ended::Body(body::Error::TooLong { limit_bytes: LIMIT })), "{ended}");
    assert!(ended.to_string().contains("limits: { message"), "{ended}");
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn what_belongs_to_no_frame_is_passed_over_up_to_a_bound() {
    let mut wire = wire(LONG, LONG, LONG);
    let most = vec![b'\n'; GARBAGE_BYTES as usize];
    wire.sender.write_all(&[&most, &framed(b"a").unwrap()[..], &most, &framed(b"b").unwrap(), &most, b"\n"].concat()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(wire.frames.next().await.unwrap().unwrap().blob.size(), 1);
    }
    let ended = ended(&mut wire).await;
    assert!(matches!(ended, Ended::Garbage(bytes) if bytes == GARBAGE_BYTES + 1), "{ended}");
    assert_eq!(wire.frames.take_skipped(), 3 * GARBAGE_BYTES + 1);
}

#[tokio::test]
async fn a_sender_that_says_nothing_or_stops_halfway_is_not_waited_for() {
    let mut silent = wire(MOMENT, LONG, LONG);
    assert!(matches!(ended(&mut silent).await, Ended::Idle(MOMENT)));
    // Line ends alone do not keep a connection open.
    let mut restless = wire(MOMENT, LONG, LONG);
    restless.sender.write_all(b"\r\n").await.unwrap();
    assert!(matches!(ended(&mut restless).await, Ended::Idle(_)));
    // Who waits for the answer to a message without <VT> is told of, whether it hangs up or waits.
    for patience in [LONG, MOMENT] {
        let mut stranger = wire(patience, LONG, LONG);
        stranger.sender.write_all(b"MSH|^~\\&|HIS|BV|\r\x1c\r").await.unwrap();
        if patience == LONG {
            stranger.sender.shutdown().await.unwrap();
        }
        assert!(matches!(ended(&mut stranger).await, Ended::Garbage(19)));
    }
    let mut half = wire(LONG, MOMENT, LONG);
    half.sender.write_all(b"\x0bhalf\x1c").await.unwrap();
    assert!(matches!(ended(&mut half).await, Ended::Stalled(4)));
    // One byte every now and then is no sender either.
    let mut slow = wire(LONG, LONG, MOMENT);
    let mut sender = slow.sender;
    let dripping = tokio::spawn(async move {
        sender.write_all(&[BEGIN]).await.unwrap();
        while sender.write_all(b"x").await.is_ok() {
            tokio::task::yield_now().await;
        }
    });
    assert!(matches!(slow.frames.next().await, Err(Ended::Stalled(_))));
    drop(slow.frames);
    dripping.await.unwrap();
    let mut gone = wire(LONG, LONG, LONG);
    gone.sender.write_all(b"\x0bhalf").await.unwrap();
    gone.sender.shutdown().await.unwrap();
    assert!(matches!(ended(&mut gone).await, Ended::BrokenOff(4)));
}

#[tokio::test]
async fn a_reply_goes_out_in_a_frame_or_not_at_all() {
    let (mut sender, hub) = duplex(1 << 10);
    let mut replies = Replies::new(hub);
    replies.send(b"MSA|AA").await.unwrap();
    assert_eq!(replies.send(b"\x1c\r").await.unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    replies.close().await;
    let mut seen = Vec::new();
    sender.read_to_end(&mut seen).await.unwrap();
    assert_eq!(seen, b"\x0bMSA|AA\x1c\r");
}

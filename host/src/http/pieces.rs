//! The body of a request, piece by piece: it must go on, it must not be longer than it may, and what comes packed with gzip
//! (`Content-Encoding: gzip`, RFC 9110 and RFC 1952) is unpacked as it comes.

use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use axum::http::{HeaderMap, StatusCode};
use flate2::write::MultiGzDecoder;
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::problem::Problem;

/// How long a body may take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two pieces.
    pub pause: Duration,
    /// For the whole, and a second more for each [`RATE`] bytes of it.
    pub whole: Duration,
}

/// Bytes a second below which a sender is no sender.
const RATE: u64 = 4 << 10;

impl Default for Pace {
    fn default() -> Self {
        Self { pause: Duration::from_secs(30), whole: Duration::from_secs(30) }
    }
}

/// Packed bytes that are unpacked at a time: deflate makes at most 1,032 of one, so never much more than a MiB.
const PACKED_BYTES: usize = 1 << 10;

/// A body under way.
pub struct Pieces {
    body: Body,
    pace: Pace,
    begun: Instant,
    came: u64,
    unpack: Option<Unpack>,
}

struct Unpack {
    decoder: MultiGzDecoder<Vec<u8>>,
    packed: VecDeque<Bytes>,
}

impl Pieces {
    /// None of it was read yet. Refused where it is packed in a way that nobody here can unpack.
    pub fn new(headers: &HeaderMap, body: Body, pace: Pace) -> Result<Self, Problem> {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let unpack = match (codings.next().map(|coding| coding.as_bytes().trim_ascii()), codings.next()) {
            (None, _) => None,
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"identity") => None,
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") => {
                Some(Unpack { decoder: MultiGzDecoder::new(Vec::new()), packed: VecDeque::new() })
            }
            (Some(other), _) => {
                let given = String::from_utf8_lossy(other);
                return Err(Problem::unsupported(format!("a body may be packed with gzip, not with `{}`", given.escape_default())));
            }
        };
        Ok(Self { body, pace, begun: Instant::now(), came: 0, unpack })
    }

    /// What the sender said that it sends at least, bytes.
    pub fn declared(&self) -> u64 {
        self.body.size_hint().lower()
    }

    /// The next piece, of about a MiB at most; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            // Pieces that are there already must not keep a thread from its other work.
            tokio::task::consume_budget().await;
            if let Some(unpack) = &mut self.unpack
                && let Some(piece) = unpack.next()?
            {
                return Ok(Some(piece));
            }
            match (self.from_wire().await?, &mut self.unpack) {
                (Some(piece), None) => return Ok(Some(piece)),
                (Some(piece), Some(unpack)) => unpack.packed.push_back(piece),
                (None, None) => return Ok(None),
                (None, Some(unpack)) => return unpack.end(),
            }
        }
    }

    async fn from_wire(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            let whole = self.begun + self.pace.whole + Duration::from_secs(self.came / RATE);
            let until = whole.min(Instant::now() + self.pace.pause);
            let frame = timeout_at(until, self.body.frame()).await.map_err(|_| {
                Problem::new(
                    StatusCode::REQUEST_TIMEOUT,
                    format!("the body stopped, or came too slowly, after {} bytes: send it again", self.came),
                )
            })?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| Problem::bad_request(format!("the body broke off: {error}")))?;
            if let Ok(piece) = frame.into_data() {
                self.came += piece.len() as u64;
                return Ok(Some(piece));
            }
        }
    }
}

impl Unpack {
    fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        while let Some(first) = self.packed.front_mut() {
            let piece = first.split_to(first.len().min(PACKED_BYTES));
            if first.is_empty() {
                self.packed.pop_front();
            }
            self.decoder.write_all(&piece).map_err(|error| not_packed(&error))?;
            if !self.decoder.get_ref().is_empty() {
                return Ok(Some(std::mem::take(self.decoder.get_mut()).into()));
            }
        }
        Ok(None)
    }

    fn end(&mut self) -> Result<Option<Bytes>, Problem> {
        self.decoder.try_finish().map_err(|error| not_packed(&error))?;
        let rest = std::mem::take(self.decoder.get_mut());
        Ok((!rest.is_empty()).then(|| rest.into()))
    }
}

fn not_packed(error: &std::io::Error) -> Problem {
    Problem::bad_request(format!("the body is not packed with gzip as its Content-Encoding says, or was cut off: {error}"))
}

/// A 415 of content codings names those that are known, as RFC 9110 15.5.16 has it.
impl Problem {
    /// 415
    pub fn unsupported(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).with(&ACCEPT_ENCODING, "gzip")
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn body(pieces: impl IntoIterator<Item = Vec<u8>>) -> Body {
        let pieces: Vec<_> = pieces.into_iter().map(Ok::<_, std::io::Error>).collect();
        Body::from_stream(futures::stream::iter(pieces))
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn coding(name: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_ENCODING, name.parse().unwrap())])
    }

    async fn all(mut pieces: Pieces) -> Result<(Vec<u8>, usize), Problem> {
        let (mut bytes, mut largest) = (Vec::new(), 0);
        while let Some(piece) = pieces.next().await? {
            largest = largest.max(piece.len());
            bytes.extend_from_slice(&piece);
        }
        Ok((bytes, largest))
    }

    #[tokio::test]
    async fn what_is_packed_comes_out_as_it_was_however_it_was_cut() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let whole = packed(&text);
        // Two members behind each other are one text (RFC 1952 2.2).
        let two = [packed(&text[..1000]), packed(&text[1000..])].concat();
        for (bytes, size) in [(&whole, 1), (&whole, 1000), (&whole, whole.len()), (&two, 333)] {
            let pieces = Pieces::new(&coding("GZIP"), body(bytes.chunks(size).map(<[u8]>::to_vec)), Pace::default()).unwrap();
            assert!(all(pieces).await.unwrap().0 == text, "in pieces of {size}");
        }
        for name in ["identity", "Identity"] {
            let pieces = Pieces::new(&coding(name), body([text.clone()]), Pace::default()).unwrap();
            assert!(all(pieces).await.unwrap().0 == text);
        }
    }

    #[tokio::test]
    async fn a_bomb_comes_in_small_pieces_and_a_broken_one_is_refused() {
        let bomb = packed(&vec![0; 64 << 20]);
        let pieces = Pieces::new(&coding("gzip"), body([bomb.clone()]), Pace::default()).unwrap();
        let (bytes, largest) = all(pieces).await.unwrap();
        assert!(bytes.len() == 64 << 20 && largest < 2 << 20, "{largest}");
        for broken in [bomb[..bomb.len() - 1].to_vec(), b"plain text".to_vec(), [bomb.as_slice(), b"more"].concat()] {
            let pieces = Pieces::new(&coding("gzip"), body([broken]), Pace::default()).unwrap();
            assert!(all(pieces).await.is_err());
        }
        for unknown in ["br", "deflate", "gzip, gzip", ""] {
            assert!(Pieces::new(&coding(unknown), body([]), Pace::default()).is_err(), "{unknown}");
        }
    }

    #[tokio::test]
    async fn a_body_may_be_slow_but_must_go_on() {
        let drip = |bytes: usize| {
            Body::from_stream(futures::stream::unfold((), move |()| async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Some((Ok::<_, std::io::Error>(vec![b' '; bytes]), ()))
            }))
        };
        let (long, short) = (Duration::from_secs(600), Duration::from_millis(50));
        // It stops, or it drips.
        let silent = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        assert!(all(Pieces::new(&HeaderMap::new(), silent, Pace { pause: short, whole: long }).unwrap()).await.is_err());
        assert!(all(Pieces::new(&HeaderMap::new(), drip(1), Pace { pause: long, whole: short }).unwrap()).await.is_err());
        // What comes earns time for the rest.
        let mut fast = Pieces::new(&HeaderMap::new(), drip(RATE as usize * 10), Pace { pause: long, whole: short }).unwrap();
        for _ in 0..100 {
            assert!(fast.next().await.unwrap().is_some());
        }
    }
}

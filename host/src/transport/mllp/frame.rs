//! Where frames begin and end in a run of bytes.

/// Vertical tab: a frame begins.
pub const BEGIN: u8 = 0x0b;
/// File separator: a frame ends, if [`RETURN`] follows.
pub const END: u8 = 0x1c;
/// Carriage return.
pub const RETURN: u8 = 0x0d;

/// What the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A frame begins.
    Begin,
    /// Bytes of its message.
    Piece(&'a [u8]),
    /// Its message is whole.
    End,
}

/// Finds frames, wherever the bytes are cut.
///
/// Within a frame every byte is the message's own but a file separator with a carriage return behind it. A vertical tab is
/// too: texts pasted from word processors have them, and what was begun anew is for the plugin to see. A frame that ends
/// without its carriage return is taken for whole once the next one begins.
#[derive(Debug, Default)]
pub struct Framing {
    state: State,
    gap: u64,
    skipped: u64,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Between,
    Inside,
    AfterEnd,
}

impl Framing {
    /// The next event in `input`, which loses the bytes that were read. None when there are no more.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Event<'a>> {
        loop {
            let (&first, rest) = input.split_first()?;
            match self.state {
                State::Between => {
                    let garbage = input.iter().position(|byte| *byte == BEGIN).unwrap_or(input.len());
                    self.gap += garbage as u64;
                    self.skipped += garbage as u64;
                    *input = &input[garbage..];
                    *input = input.split_first()?.1;
                    self.state = State::Inside;
                    return Some(Event::Begin);
                }
                State::Inside if first == END => {
                    *input = rest;
                    self.state = State::AfterEnd;
                }
                State::Inside => {
                    let length = input.iter().position(|byte| *byte == END).unwrap_or(input.len());
                    let (piece, rest) = input.split_at(length);
                    *input = rest;
                    return Some(Event::Piece(piece));
                }
                State::AfterEnd if matches!(first, RETURN | BEGIN) => {
                    if first == RETURN {
                        *input = rest;
                    }
                    self.state = State::Between;
                    self.gap = 0;
                    return Some(Event::End);
                }
                State::AfterEnd => {
                    self.state = State::Inside;
                    return Some(Event::Piece(&[END]));
                }
            }
        }
    }

    /// Bytes that belong to no frame, since the last one ended.
    pub fn gap(&self) -> u64 {
        self.gap
    }

    /// Bytes that belong to no frame, since this was asked the last time.
    pub fn take_skipped(&mut self) -> u64 {
        std::mem::take(&mut self.skipped)
    }
}

/// A message as it travels. None where its bytes would end the frame early for some receiver.
pub fn framed(message: &[u8]) -> Option<Vec<u8>> {
    if message.contains(&END) {
        return None;
    }
    let mut frame = Vec::with_capacity(message.len() + 3);
    frame.push(BEGIN);
    frame.extend_from_slice(message);
    frame.extend_from_slice(&[END, RETURN]);
    Some(frame)
}

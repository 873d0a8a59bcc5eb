//! A reader's place in a channel as agencies see it: opaque, printable, bound to its channel.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lienthong_core::id::ChannelId;
use lienthong_core::log::Position;

/// Writes a cursor.
pub fn write(channel: &ChannelId, position: Position) -> String {
    URL_SAFE_NO_PAD.encode(format!("1 {channel} {position}"))
}

/// Reads a cursor of this channel.
pub fn read(channel: &ChannelId, text: &str) -> Option<Position> {
    if text.len() > 512 {
        return None;
    }
    let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    plain.strip_prefix("1 ")?.strip_prefix(channel.as_str())?.strip_prefix(' ')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_went(epoch in 1u32.., offset: u64) {
            let channel = ChannelId::new("transport/stops").unwrap();
            let position = Position { epoch, offset };
            proptest::prop_assert_eq!(read(&channel, &write(&channel, position)), Some(position));
            proptest::prop_assert_eq!(read(&ChannelId::new("transport/stop").unwrap(), &write(&channel, position)), None);
        }

        #[test]
        fn any_text_is_a_cursor_or_none(text in ".*") {
            let _ = read(&ChannelId::new("transport/stops").unwrap(), &text);
        }
    }
}

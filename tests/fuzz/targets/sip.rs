//! Messages: a stream cut anywhere gives the same frames, and what was read is written and read
//! back the same.
#![cfg_attr(fuzzing, no_main)]

use lync::sip::{Frame, FrameError, Framer, Message};

fuzz::target!(|data| {
    let Some((place, stream)) = data.split_first() else { return };
    let cut = stream.len() * usize::from(*place) / 256;
    let whole = frames(&[stream]);
    let (head, tail) = stream.split_at(cut);
    assert_eq!(frames(&[head, tail]), whole, "cut at {cut}");
    let size = 1 + usize::from(*place);
    let pieces: Vec<&[u8]> = stream.chunks(size).collect();
    assert_eq!(frames(&pieces), whole, "pieces of {size}");
    for frame in whole.0 {
        if let Frame::Message(message) = frame
            // NUL is no SIP: it became a blank, which a second reading may trim.
            && !stream.contains(&0)
        {
            again(&message);
        }
    }
});

fn frames(pieces: &[&[u8]]) -> (Vec<Frame>, Option<FrameError>) {
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    for piece in pieces {
        if let Err(error) = framer.push(piece) {
            return (frames, Some(error));
        }
        loop {
            match framer.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn again(message: &Message) {
    let bytes = message.encode();
    let (read, error) = frames(&[&bytes]);
    let [Frame::Message(read)] = read.as_slice() else { panic!("{error:?} for {bytes:?}") };
    assert_eq!(read.start, message.start);
    assert_eq!(read.body, message.body);
    assert_eq!(other_headers(read), other_headers(message));
    assert_eq!(read.encode(), bytes);
}

/// All but the length, which is written anew.
fn other_headers(message: &Message) -> Vec<(&str, &str)> {
    let is_length = |name: &str| name.eq_ignore_ascii_case("Content-Length");
    message.headers.iter().filter(|(name, _)| !is_length(name)).collect()
}

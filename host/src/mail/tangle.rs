//! Keeps a guest's HTML from holding the host up: reading it takes time by the number of elements
//! times their depth, and a megabyte of `<div>` would take a quarter of an hour.

use std::cell::{Cell, RefCell};

use html5ever::{
    LocalName,
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
    },
};

/// Elements times their depth: some 50 ms, and 20 times what a mail of 90 KB comes to.
const WORK_MAX: usize = 2_000_000;

/// Bytes of one tag at most: its attributes are compared with each other.
const TAG_BYTES_MAX: usize = 32 << 10;

/// Elements that have no end tag.
const VOID: [&str; 4] = ["br", "col", "hr", "img"];

/// HTML that would take too long to clean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the guest composed HTML that is nested too deeply, or does not close its elements")]
pub(super) struct Tangled;

/// Accepts HTML that can be cleaned in a short time.
///
/// # Errors
/// [`Tangled`]: the mail is then written plainly.
pub(super) fn check(html: &str) -> Result<(), Tangled> {
    let tokens = Tokenizer::new(Tangle::default(), TokenizerOpts::default());
    let queue = BufferQueue::default();
    let mut rest = html;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.floor_char_boundary(TAG_BYTES_MAX / 2));
        queue.push_back(StrTendril::from(chunk));
        let _ = tokens.feed(&queue);
        tokens.sink.chunk_ends()?;
        rest = after;
    }
    Ok(())
}

/// An upper bound of what a browser's parser makes of the same tokens.
#[derive(Default)]
struct Tangle {
    open: RefCell<Vec<LocalName>>,
    /// Elements that were left open when one around them ended: a parser may open them again in
    /// every element that follows. What hides end tags, a comment, counts as well.
    unclosed: Cell<usize>,
    elements: Cell<usize>,
    depth_max: Cell<usize>,
    silent_chunks: Cell<usize>,
}

impl Tangle {
    fn chunk_ends(&self) -> Result<(), Tangled> {
        self.silent_chunks.set(self.silent_chunks.get() + 1);
        let fits = self.silent_chunks.get() <= 2 && !self.is_too_much();
        fits.then_some(()).ok_or(Tangled)
    }

    fn is_too_much(&self) -> bool {
        self.elements.get().saturating_mul(self.depth_max.get()) > WORK_MAX
    }

    fn tag(&self, tag: Tag) {
        self.elements.set(self.elements.get() + 1);
        let mut open = self.open.borrow_mut();
        match tag.kind {
            TagKind::StartTag if VOID.contains(&&*tag.name) => {}
            TagKind::StartTag => open.push(tag.name),
            TagKind::EndTag => {
                if let Some(at) = open.iter().rposition(|name| *name == tag.name) {
                    self.unclosed.set(self.unclosed.get() + open.len() - 1 - at);
                    open.truncate(at);
                }
            }
        }
        let depth = open.len() + self.unclosed.get();
        self.depth_max.set(self.depth_max.get().max(depth));
    }
}

impl TokenSink for Tangle {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        if !matches!(token, Token::ParseError(_)) {
            self.silent_chunks.set(0);
        }
        match token {
            Token::TagToken(tag) if !self.is_too_much() => self.tag(tag),
            Token::CommentToken(_) => self.unclosed.set(self.unclosed.get() + 1),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 1 << 20;

    fn filled(piece: &str) -> String {
        piece.repeat(BYTES / piece.len())
    }

    #[test]
    fn what_is_closed_may_be_long() {
        for piece in ["a<br>", "<p>a</p>", "<table><tr><td><b>a</b></td></tr></table>", "&lt; "] {
            assert_eq!(check(&filled(piece)), Ok(()), "{piece}");
        }
        let link = format!("<a href=\"https://a.example/?{}\">a</a>", "&amp;".repeat(2_000));
        assert_eq!(check(&filled(&link)), Ok(()));
    }

    #[test]
    fn what_would_take_long_is_refused() {
        let attributes = (0..100_000).map(|n| format!(" a{n}=\">\"")).collect::<String>();
        for tangled in [
            filled("<div>"),
            filled("<ul><li>"),
            filled("<p><b title=x>"),
            filled("<div></p></b>"),
            filled("<div><!--</div>-->"),
            filled("<div><p title=\"></div>\"></p>"),
            filled("<p><i></p>"),
            format!("{}{}", "<p><b>".repeat(100), filled("<p>x</p>")),
            format!("<b{attributes}>"),
        ] {
            let start: String = tangled.chars().take(40).collect();
            assert_eq!(check(&tangled), Err(Tangled), "{start}");
        }
    }
}

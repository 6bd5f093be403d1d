//! Reading.

use std::{collections::HashMap, ops::Range};

use encoding_rs::Encoding;

use super::encodings::{of_charset, of_code_page};
use crate::content::is_line_end;

/// Bytes of the longest document read.
pub const RTF_BYTES_MAX: usize = 1 << 20;
/// Groups inside one another.
pub const DEPTH_MAX: usize = 128;
/// Hyperlinks taken from one document.
pub const LINKS_MAX: usize = 1000;
/// Fonts whose character set is remembered.
const FONTS_MAX: usize = 1000;

/// Why a document was not read. The plain text beside it has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtfError {
    /// It does not begin with `{\rtf`.
    #[error("not RTF")]
    NotRtf,
    /// It has more than [`RTF_BYTES_MAX`] bytes.
    #[error("more RTF than is read")]
    TooLong,
    /// Its groups nest more than [`DEPTH_MAX`] deep.
    #[error("RTF nested too deep")]
    TooDeep,
}

/// What a document says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The words, lines separated by LF.
    pub text: String,
    /// Where `text` is a link, in order, never overlapping.
    pub links: Vec<Link>,
}

/// A hyperlink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The visible words, as bytes of the text.
    pub range: Range<usize>,
    /// Where it leads, not checked.
    pub url: String,
}

/// Reads a document. Unclosed groups and unknown words are survived.
///
/// # Errors
/// See [`RtfError`].
pub fn read(rtf: &str) -> Result<Document, RtfError> {
    if rtf.len() > RTF_BYTES_MAX {
        return Err(RtfError::TooLong);
    }
    let rtf = rtf.trim_start();
    if !rtf.starts_with("{\\rtf") {
        return Err(RtfError::NotRtf);
    }
    Reader::new(rtf).run()
}

/// What a group's text is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Destination {
    Body,
    Fonts,
    Instruction,
    Ignored,
}

#[derive(Clone, Copy)]
struct Group {
    destination: Destination,
    encoding: Option<&'static Encoding>,
    /// How many characters stand in for one `\u`.
    substitutes: u32,
    hidden: bool,
    /// Whether this group opened a field, and where that field's result began.
    field: bool,
    /// `\*` was just read: a word unknown makes the group ignored.
    optional: bool,
}

#[derive(Default)]
struct Field {
    instruction: String,
    result_start: Option<usize>,
}

struct Reader<'t> {
    rest: &'t str,
    groups: Vec<Group>,
    group: Group,
    document: Document,
    fields: Vec<Field>,
    fonts: HashMap<i32, &'static Encoding>,
    /// The font that the table describes just now.
    named_font: i32,
    default_font: Option<i32>,
    code_page: &'static Encoding,
    /// Bytes whose encoding takes effect when the run ends.
    bytes: Vec<u8>,
    high_surrogate: Option<u16>,
    to_skip: u32,
}

impl<'t> Reader<'t> {
    fn new(rest: &'t str) -> Self {
        let group = Group {
            destination: Destination::Body,
            encoding: None,
            substitutes: 1,
            hidden: false,
            field: false,
            optional: false,
        };
        Self {
            rest,
            groups: Vec::new(),
            group,
            document: Document::default(),
            fields: Vec::new(),
            fonts: HashMap::new(),
            named_font: 0,
            default_font: None,
            code_page: encoding_rs::WINDOWS_1252,
            bytes: Vec::new(),
            high_surrogate: None,
            to_skip: 0,
        }
    }

    fn run(mut self) -> Result<Document, RtfError> {
        while let Some(character) = self.take() {
            match character {
                '{' => self.open()?,
                '}' => {
                    self.close();
                    if self.groups.is_empty() {
                        break;
                    }
                }
                '\\' => self.control(),
                '\r' | '\n' => {}
                character => self.character(character),
            }
        }
        while !self.groups.is_empty() {
            self.close();
        }
        Ok(self.finish())
    }

    fn take(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let character = characters.next()?;
        self.rest = characters.as_str();
        Some(character)
    }

    fn open(&mut self) -> Result<(), RtfError> {
        self.flush();
        if self.groups.len() >= DEPTH_MAX {
            return Err(RtfError::TooDeep);
        }
        self.to_skip = 0;
        self.groups.push(self.group);
        self.group.field = false;
        self.group.optional = false;
        Ok(())
    }

    fn close(&mut self) {
        self.flush();
        self.to_skip = 0;
        if self.group.field {
            self.end_field();
        }
        if let Some(outer) = self.groups.pop() {
            self.group = outer;
        }
    }

    fn control(&mut self) {
        let Some(first) = self.rest.chars().next() else { return };
        if first.is_ascii_alphabetic() {
            let (word, number) = self.word();
            self.on_word(word, number);
        } else {
            self.take();
            self.symbol(first);
        }
    }

    /// A control word and its number; the blank after it belongs to it.
    fn word(&mut self) -> (&'t str, Option<i32>) {
        let end = self.rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        let digits = after.strip_prefix('-').unwrap_or(after);
        let count = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let length = if count == 0 { 0 } else { after.len() - digits.len() + count };
        let (number, after) = after.split_at(length);
        self.rest = after.strip_prefix(' ').unwrap_or(after);
        (word, number.parse().ok())
    }

    fn symbol(&mut self, symbol: char) {
        match symbol {
            '\'' => self.hexadecimal(),
            '*' => {
                self.flush();
                self.group.optional = true;
            }
            '~' => self.insert('\u{a0}'),
            '_' => self.insert('\u{2011}'),
            '\r' | '\n' => self.insert('\n'),
            '\\' | '{' | '}' => self.character(symbol),
            // `\-` may be a hyphen, `\|` and `\:` are for indexes.
            _ => self.flush(),
        }
    }

    fn hexadecimal(&mut self) {
        let byte = self.rest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(byte) = byte else { return };
        self.rest = self.rest.get(2..).unwrap_or_default();
        if self.to_skip > 0 {
            self.to_skip -= 1;
        } else {
            self.byte(byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.high_surrogate.is_some() {
            self.flush();
        }
        self.bytes.push(byte);
    }

    /// A character as itself: ASCII joins the run of bytes, it may be the second half of one.
    fn character(&mut self, character: char) {
        if self.to_skip > 0 {
            self.to_skip -= 1;
        } else if let Some(byte) = u8::try_from(character).ok().filter(u8::is_ascii) {
            self.byte(byte);
        } else {
            self.insert(character);
        }
    }

    fn insert(&mut self, character: char) {
        self.flush();
        if self.to_skip > 0 {
            self.to_skip -= 1;
        } else {
            self.put(character.encode_utf8(&mut [0; 4]));
        }
    }

    fn put(&mut self, text: &str) {
        match self.group.destination {
            Destination::Body if !self.group.hidden => {
                let printable = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
                let line_ends = |c: char| if is_line_end(c) { '\n' } else { c };
                self.document.text.extend(text.chars().filter(printable).map(line_ends));
            }
            Destination::Instruction => {
                if let Some(field) = self.fields.last_mut() {
                    field.instruction.push_str(text);
                }
            }
            _ => {}
        }
    }

    fn flush(&mut self) {
        if self.high_surrogate.take().is_some() {
            self.put("\u{fffd}");
        }
        if self.bytes.is_empty() {
            return;
        }
        let encoding = self.group.encoding.unwrap_or_else(|| self.default_encoding());
        let bytes = std::mem::take(&mut self.bytes);
        self.put(&encoding.decode_without_bom_handling(&bytes).0);
    }

    fn default_encoding(&self) -> &'static Encoding {
        self.default_font.map_or(self.code_page, |font| self.font_encoding(font))
    }

    fn font_encoding(&self, font: i32) -> &'static Encoding {
        self.fonts.get(&font).copied().unwrap_or(self.code_page)
    }

    fn on_word(&mut self, word: &str, number: Option<i32>) {
        if word == "u" {
            return self.unicode(number.unwrap_or_default());
        }
        self.flush();
        if let Some(character) = special(word) {
            return self.insert(character);
        }
        let optional = std::mem::take(&mut self.group.optional);
        match word {
            "rtf" => {}
            "bin" => self.skip_binary(number.unwrap_or_default()),
            "uc" => self.group.substitutes = number.and_then(|n| n.try_into().ok()).unwrap_or(1),
            "ansicpg" => self.code_page = of_code_page(number.unwrap_or(1252)),
            "mac" => self.code_page = of_code_page(10000),
            "deff" => self.default_font = number,
            "plain" => {
                self.group.encoding = Some(self.default_encoding());
                self.group.hidden = false;
            }
            "f" => self.select_font(number.unwrap_or_default()),
            "fcharset" => self.name_font(of_charset(number.unwrap_or(1))),
            "cpg" => self.name_font(number.map(of_code_page)),
            "v" => self.group.hidden = number != Some(0),
            "fonttbl" => self.group.destination = Destination::Fonts,
            "field" if !self.ignored() => self.begin_field(),
            "fldinst" if !self.ignored() => self.group.destination = Destination::Instruction,
            "fldrslt" if !self.ignored() => self.begin_result(),
            "colortbl" | "stylesheet" | "info" | "pict" | "object" | "header" | "footer"
            | "nonshppict" | "filetbl" | "listtable" => {
                self.group.destination = Destination::Ignored;
            }
            _ if optional => self.group.destination = Destination::Ignored,
            _ => {}
        }
    }

    fn ignored(&self) -> bool {
        matches!(self.group.destination, Destination::Ignored | Destination::Fonts)
    }

    fn unicode(&mut self, number: i32) {
        // Numbers above 32767 are written as negative ones.
        let unit = u16::try_from(number.rem_euclid(0x1_0000)).unwrap_or_default();
        let high = self.high_surrogate.take();
        self.flush();
        let pair = [high.unwrap_or_default(), unit];
        match (high, unit) {
            (None, 0xD800..=0xDBFF) => self.high_surrogate = Some(unit),
            (Some(_), 0xDC00..=0xDFFF) => self.put(&String::from_utf16_lossy(&pair)),
            (Some(_), _) => {
                self.put("\u{fffd}");
                self.put(&String::from_utf16_lossy(&[unit]));
            }
            (None, _) => self.put(&String::from_utf16_lossy(&[unit])),
        }
        self.to_skip = self.group.substitutes;
    }

    fn skip_binary(&mut self, bytes: i32) {
        let bytes = usize::try_from(bytes).unwrap_or_default().min(self.rest.len());
        let end = (bytes..=self.rest.len()).find(|end| self.rest.is_char_boundary(*end));
        self.rest = end.and_then(|end| self.rest.get(end..)).unwrap_or_default();
    }

    fn select_font(&mut self, font: i32) {
        if self.group.destination == Destination::Fonts {
            self.named_font = font;
        } else {
            self.group.encoding = Some(self.font_encoding(font));
        }
    }

    fn name_font(&mut self, encoding: Option<&'static Encoding>) {
        if let Some(encoding) = encoding
            && self.group.destination == Destination::Fonts
            && self.fonts.len() < FONTS_MAX
        {
            self.fonts.insert(self.named_font, encoding);
        }
    }

    fn begin_field(&mut self) {
        self.group.field = true;
        self.fields.push(Field::default());
    }

    fn begin_result(&mut self) {
        self.group.destination = Destination::Body;
        let start = self.document.text.len();
        if let Some(field) = self.fields.last_mut() {
            field.result_start.get_or_insert(start);
        }
    }

    fn end_field(&mut self) {
        let Some(field) = self.fields.pop() else { return };
        let (Some(start), Some(url)) = (field.result_start, hyperlink(&field.instruction)) else {
            return;
        };
        let range = start..self.document.text.len();
        // Of links inside one another the inner one is kept.
        let free = self.document.links.last().is_none_or(|last| last.range.end <= start);
        if !range.is_empty() && free && self.document.links.len() < LINKS_MAX {
            self.document.links.push(Link { range, url });
        }
    }

    /// The last `\par` ends a line, it does not begin one.
    fn finish(mut self) -> Document {
        let linked = self.document.links.last().map_or(0, |link| link.range.end);
        let length = self.document.text.trim_end_matches('\n').len();
        self.document.text.truncate(length.max(linked));
        self.document
    }
}

fn special(word: &str) -> Option<char> {
    Some(match word {
        "par" | "line" | "sect" | "page" | "row" | "softline" => '\n',
        "tab" | "cell" => '\t',
        "emdash" => '\u{2014}',
        "endash" => '\u{2013}',
        "lquote" => '\u{2018}',
        "rquote" => '\u{2019}',
        "ldblquote" => '\u{201c}',
        "rdblquote" => '\u{201d}',
        "bullet" => '\u{2022}',
        "emspace" => '\u{2003}',
        "enspace" => '\u{2002}',
        "zwj" => '\u{200d}',
        "zwnj" => '\u{200c}',
        "ltrmark" => '\u{200e}',
        "rtlmark" => '\u{200f}',
        _ => return None,
    })
}

/// The target of `HYPERLINK "target"`; none for a mere bookmark (`\l`).
fn hyperlink(instruction: &str) -> Option<String> {
    let (word, rest) = instruction.trim().split_at_checked("HYPERLINK".len())?;
    let rest = word.eq_ignore_ascii_case("HYPERLINK").then(|| rest.trim_start())?;
    let target = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split_whitespace().next()?,
    };
    let target = target.trim();
    (!target.is_empty() && !target.starts_with('\\')).then(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn text(rtf: &str) -> String {
        read(rtf).unwrap().text
    }

    /// The run that a library lost: crates.md, section 8.
    #[test]
    fn a_cyrillic_run_is_read() {
        let rtf = r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fnil\fcharset0 Segoe UI;}{\f1\fnil\fcharset204 Segoe UI;}}{\colortbl ;\red0\green0\blue0;}\pard Hello {\b bold} \f1\'cf\'f0\'e8\'e2\'e5\'f2\f0\par second \u8364? line\par}";
        assert_eq!(text(rtf), "Hello bold Привет\nsecond € line");
        let by_page =
            r"{\rtf1\ansi\ansicpg1251{\fonttbl{\f0\fnil Segoe UI;}}\f0\'cf\'f0\'e8\'e2\'e5\'f2}";
        assert_eq!(text(by_page), "Привет");
    }

    #[test]
    fn bytes_of_one_character_may_be_written_differently() {
        let rtf = r"{\rtf1\ansi\ansicpg932 \'83A\'83\'8a\'82\'a0!}";
        assert_eq!(text(rtf), "アリあ!");
        assert_eq!(text(r"{\rtf1\ansi\ansicpg936\'c4\'e3\'ba\'c3}"), "你好");
    }

    #[test]
    fn unicode_escapes_skip_their_substitutes() {
        assert_eq!(text(r"{\rtf1\uc1\u1055?\u-10179?\u-8704?x}"), "П😀x");
        assert_eq!(text(r"{\rtf1\uc2\u228\'61\'62c{\uc0\u228 d}\u228efg}"), "äcädäg");
        assert_eq!(text(r"{\rtf1\u-10179?x\u-8704?}"), "\u{fffd}x\u{fffd}");
    }

    #[test]
    fn hyperlinks_are_found() {
        let rtf = r#"{\rtf1 see {\field{\*\fldinst{HYPERLINK "https://example.org/a?b=1&c"}}{\fldrslt{\ul\cf1 the page}}} now {\field{\*\fldinst HYPERLINK x:y \\o "tip"}{\fldrslt z}}\par}"#;
        let document = read(rtf).unwrap();
        assert_eq!(document.text, "see the page now z");
        let links: Vec<_> = document
            .links
            .iter()
            .map(|link| (document.text.get(link.range.clone()).unwrap(), link.url.as_str()))
            .collect();
        assert_eq!(links, [("the page", "https://example.org/a?b=1&c"), ("z", "x:y")]);
        assert_eq!(hyperlink(r#" HYPERLINK \l "mark""#), None);
        assert_eq!(hyperlink("PAGE"), None);
    }

    #[test]
    fn without_a_font_the_default_applies() {
        let fonts = r"{\fonttbl{\f0\fcharset161 A;}{\f1\fcharset204 B;}}";
        assert_eq!(
            text(&format!(r"{{\rtf1\ansicpg1251\deff1{fonts}\'cf{{\f0\'e1}}\plain\'cf}}")),
            "ПαП"
        );
        assert_eq!(text(&format!(r"{{\rtf1\ansicpg1252{fonts}\'e4}}")), "ä");
    }

    #[test]
    fn what_is_not_text_is_left_out() {
        let rtf = r"{\rtf1{\stylesheet{\s1 Normal;}}{\*\generator Riched20;}{\pict\pngblip 89504e}{\info{\author A}}a{\v secret}b{\*\unknown{\field{\fldrslt c}}}\bin3 \}{{\d\~e\-f\_g\{\\\}\ldblquote h\rdblquote}";
        assert_eq!(text(rtf), "ab\u{a0}ef\u{2011}g{\\}\u{201c}h\u{201d}");
        assert_eq!(text("{\\rtf1 a\r\nb\\\nc\\tab d}trailing"), "ab\nc\td");
        assert_eq!(text(r"{\rtf1 a\u8232?b\u8233?c}"), "a\nb\nc");
    }

    #[test]
    fn bounds_hold() {
        assert_eq!(read("plain"), Err(RtfError::NotRtf));
        assert_eq!(read(&"{\\rtf1".repeat(DEPTH_MAX + 1)), Err(RtfError::TooDeep));
        assert_eq!(read(&" ".repeat(RTF_BYTES_MAX + 1)), Err(RtfError::TooLong));
        let many = r#"{\field{\fldinst HYPERLINK "u"}{\fldrslt x}}"#.repeat(LINKS_MAX + 5);
        assert_eq!(read(&format!("{{\\rtf1 {many}}}")).unwrap().links.len(), LINKS_MAX);
    }

    #[test]
    fn every_cut_is_survived() {
        let rtf = r#"{\rtf1\ansi\ansicpg1251\uc1{\fonttbl{\f0\fcharset204 é;}}\f0\'cf\'f0\u-10179?\u-8704?{\field{\*\fldinst{HYPERLINK "u"}}{\fldrslt{x}}}\bin2 é\par}"#;
        for cut in (0..rtf.len()).filter(|cut| rtf.is_char_boundary(*cut)) {
            let _ = read(rtf.get(..cut).unwrap());
        }
    }
}

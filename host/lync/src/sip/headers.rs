//! Header fields of one message, in order, values untouched.

use ezk_sip_types::Name;

/// The header fields of a message: in order, values as written, names compared without case.
///
/// Compact names (`i`, `v`, `l` ...) are stored under their long name; on receipt, well-known names
/// take their usual spelling. A value never holds a line
/// break: a folded one was unfolded on receipt, and one handed in is replaced by a blank, so that
/// no value can start a header of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<(String, String)>,
}

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the value of the first header called `name`.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Returns the values of all headers called `name`, one per header line.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = long_name(name);
        let named = move |(key, _): &&(String, String)| key.eq_ignore_ascii_case(&name);
        self.fields.iter().filter(named).map(|(_, value)| value.as_str())
    }

    /// Returns whether one of the headers called `name`, each a comma list, lists `token`.
    /// Letter case and blanks do not matter.
    #[must_use]
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(token))
    }

    /// Adds a header behind all others.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.fields.push((one_line(long_name(name)), one_line(value.into())));
    }

    /// Adds a header before all others, as a `Via` must be.
    pub fn push_front(&mut self, name: &str, value: impl Into<String>) {
        self.fields.insert(0, (one_line(long_name(name)), one_line(value.into())));
    }

    /// Gives `name` exactly this one value: in its first place, or at the end.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let name = long_name(name);
        let place = self.fields.iter().position(|(key, _)| key.eq_ignore_ascii_case(&name));
        self.remove(&name);
        let at = place.unwrap_or(self.fields.len());
        self.fields.insert(at, (one_line(name), one_line(value.into())));
    }

    /// Removes every header called `name`.
    pub fn remove(&mut self, name: &str) {
        let name = long_name(name);
        self.fields.retain(|(key, _)| !key.eq_ignore_ascii_case(&name));
    }

    /// All headers, in order: name, value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Compact names are one letter; everything longer stays as it is.
fn long_name(name: &str) -> String {
    if name.len() == 1 {
        Name::from(name.to_owned()).as_print_str().to_owned()
    } else {
        name.to_owned()
    }
}

fn one_line(text: String) -> String {
    if text.contains(['\r', '\n', '\0']) { text.replace(['\r', '\n', '\0'], " ") } else { text }
}

#[cfg(test)]
mod tests {
    use super::Headers;

    #[test]
    fn names_ignore_case_and_length() {
        let mut headers = Headers::new();
        headers.push("CALL-ID", "a");
        headers.push("v", "one");
        headers.push("Via", "two");
        assert_eq!(headers.first("i"), Some("a"));
        assert_eq!(headers.all("via").collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(headers.iter().next(), Some(("CALL-ID", "a")));
    }

    #[test]
    fn set_keeps_the_place_and_leaves_one() {
        let mut headers = Headers::new();
        for (name, value) in [("To", "x"), ("Route", "1"), ("Via", "v"), ("Route", "2")] {
            headers.push(name, value);
        }
        headers.set("ROUTE", "3");
        let all: Vec<_> = headers.iter().collect();
        assert_eq!(all, [("To", "x"), ("ROUTE", "3"), ("Via", "v")]);
    }

    #[test]
    fn a_value_cannot_start_another_header() {
        let mut headers = Headers::new();
        headers.push("Subject", "a\r\nEvil: yes");
        assert_eq!(headers.first("Subject"), Some("a  Evil: yes"));
    }

    #[test]
    fn comma_lists_are_searched() {
        let mut headers = Headers::new();
        headers.push("Supported", "adhoclist");
        headers.push("k", "ms-benotify, MSRTC-event-categories");
        assert!(headers.lists("Supported", "msrtc-event-categories"));
        assert!(!headers.lists("Supported", "msrtc"));
    }
}

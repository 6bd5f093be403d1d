//! Request methods.

use std::fmt;

/// A request method, known or not. Compared letter by letter, case included (RFC 3261 7.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Method(Repr);

macro_rules! methods {
    ($($name:ident)+) => {
        /// Of plain variants, so that the constants can stand in patterns.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[expect(clippy::upper_case_acronyms, reason = "named as they stand on the wire")]
        enum Repr {
            $($name,)+
            Other(Box<str>),
        }

        impl Method {
            $(
                #[doc = concat!("The method `", stringify!($name), "`.")]
                pub const $name: Self = Self(Repr::$name);
            )+

            const KNOWN: &'static [Self] = &[$(Self::$name),+];

            /// The method as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match &self.0 {
                    $(Repr::$name => stringify!($name),)+
                    Repr::Other(name) => name,
                }
            }
        }
    };
}

methods! {
    REGISTER INVITE ACK BYE CANCEL INFO UPDATE OPTIONS SUBSCRIBE NOTIFY BENOTIFY MESSAGE SERVICE
    REFER PUBLISH PRACK NEGOTIATE
}

impl Method {
    /// Returns the method called `name`, or `None` if `name` is no SIP token.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        if let Some(known) = Self::KNOWN.iter().find(|known| known.as_str() == name) {
            return Some(known.clone());
        }
        let token = !name.is_empty() && name.bytes().all(is_token_byte);
        token.then(|| Self(Repr::Other(name.into())))
    }
}

/// RFC 3261 25.1, `token`.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Method;

    #[test]
    fn known_and_unknown_methods() {
        assert_eq!(Method::new("BENOTIFY"), Some(Method::BENOTIFY));
        assert_eq!(Method::new("HELLO").map(|m| m.to_string()).as_deref(), Some("HELLO"));
        assert_ne!(Method::new("INFORM"), Some(Method::INFO));
        assert_ne!(Method::new("info"), Some(Method::INFO));
    }

    #[test]
    fn what_is_no_token_is_no_method() {
        assert_eq!(Method::new(""), None);
        assert_eq!(Method::new("IN FO"), None);
        assert_eq!(Method::new("INFO\r\n"), None);
        assert_eq!(Method::new("ÜBER"), None);
    }
}

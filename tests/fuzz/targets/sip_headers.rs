//! Header values: addresses, lists, credentials, signed strings, dialogs.
#![cfg_attr(fuzzing, no_main)]

use lync::auth::{AuthHeader, AuthVersion, Stamp, signed_string};
use lync::sip::{Address, Dialog, Frame, Framer, Identities, Message, Method, split_list};

fuzz::target!(|data| {
    let value = String::from_utf8_lossy(data);
    addresses(&value);
    credentials(&value);
    if let Ok(message) = Message::parse_head(data) {
        signatures(&message);
        dialogs(&message);
    }
});

fn addresses(value: &str) {
    let address = Address::parse(value);
    let _ = (address.tag(), address.epid(), address.instance_uuid());
    assert!(address.uri.len() <= value.len());
    let _ = Identities::parse(value);
    for item in split_list(value) {
        assert!(!item.is_empty() && item == item.trim());
        let _ = Address::parse(item);
    }
}

fn credentials(value: &str) {
    let headers = AuthHeader::parse_all(value);
    // A quote in a name, which no peer has business to send, pairs with another on writing.
    for header in headers.iter().filter(|_| !value.contains('"')) {
        assert_eq!(AuthHeader::parse(&header.to_string()).as_ref(), Some(header));
    }
    let quoted = AuthHeader::new("NTLM").with("realm", value).with("opaque", "1");
    let again = AuthHeader::parse(&quoted.to_string());
    let read = |name| again.as_ref().and_then(|header| header.get(name));
    assert_eq!((read("realm"), read("opaque")), (Some(value), Some("1")));
}

fn signatures(message: &Message) {
    let stamp = Stamp {
        scheme: "NTLM",
        rand: "0",
        number: "1",
        realm: "SIP",
        target_name: "fe.contoso.com",
    };
    let strings = [AuthVersion::V2, AuthVersion::V3, AuthVersion::V4]
        .map(|version| signed_string(version, &stamp, message));
    assert_eq!(strings[1], strings[2]);
    let start = "<NTLM><0><1><SIP><fe.contoso.com><";
    assert!(strings.iter().all(|string| string.starts_with(start) && string.ends_with('>')));
}

/// The message as both ends of a dialog see it; what the dialog asks can be read.
fn dialogs(message: &Message) {
    for dialog in [Dialog::uac(message, message), Dialog::uas(message, message)] {
        let Ok(mut dialog) = dialog else { continue };
        let _ = (dialog.matches(message), dialog.receive(message));
        let bytes = dialog.request(&Method::INFO).encode();
        let mut framer = Framer::new();
        assert_eq!(framer.push(&bytes), Ok(()));
        assert!(matches!(framer.next(), Ok(Some(Frame::Message(_)))), "{bytes:?}");
    }
}

//! Mails: any bytes are read or refused, and what the writer takes is read back the same.
#![cfg_attr(fuzzing, no_main)]

use ews::item::Importance;
use ews::mailbox::Mailbox;
use ews::mime::{OutgoingMail, read};

fuzz::target!(|data| {
    let _ = read(data);
    let text = String::from_utf8_lossy(data);
    let mut pieces = text.splitn(4, '\0');
    let mut piece = || pieces.next().unwrap_or_default();
    let (subject, name, header) = (piece(), piece(), piece());
    write(subject, name, header, piece());
});

fn write(subject: &str, name: &str, header: &str, body: &str) {
    let mail = OutgoingMail {
        from: Mailbox::named(name, "chat-digest@corp.example"),
        to: vec![Mailbox::named(name, "ana@corp.example")],
        subject: subject.to_owned(),
        html: body.to_owned(),
        text: body.to_owned(),
        message_id: "<1@corp.example>".to_owned(),
        in_reply_to: None,
        references: vec!["<0@corp.example>".to_owned()],
        headers: vec![("X-Room".to_owned(), header.to_owned())],
        importance: Importance::Normal,
        attachments: Vec::new(),
        date_unix_s: 1_795_000_000,
    };
    let Ok(bytes) = mail.write() else { return };
    let whole = String::from_utf8_lossy(&bytes);
    assert!(bytes.is_ascii() && whole.split("\r\n").all(|line| line.len() <= 998), "{whole}");
    let Some(again) = read(&bytes) else { panic!("unreadable: {whole}") };
    let address = |mailbox: &Mailbox| mailbox.address.clone();
    assert_eq!(again.from.as_ref().map(address), Some(address(&mail.from)), "{whole}");
    assert_eq!(again.to.iter().map(address).collect::<Vec<_>>(), [address(&mail.to[0])], "{whole}");
    let name = |mailbox: &Mailbox| words(mailbox.name.as_deref());
    assert_eq!(again.from.as_ref().map(name), Some(name(&mail.from)), "{whole}");
    assert_eq!(words(again.subject.as_deref()), words(Some(subject)), "{whole}");
    assert_eq!(words(again.text.as_deref()), words(Some(body)), "{whole}");
    assert_eq!(words(again.html.as_deref()), words(Some(body)), "{whole}");
    assert_eq!(again.message_id.as_deref(), Some("<1@corp.example>"));
}

/// Blanks may be folded.
fn words(text: Option<&str>) -> String {
    text.unwrap_or_default().split_whitespace().collect()
}

//! SIPE, a client that this project did not write, against the embedded pool; and what it posts, read
//! by exchangelib out of the inboxes that the running host filled.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod peer;

use peer::{
    Served, exchangelib,
    sipe::{self, Transport},
};
use serde_json::Value;

const ROOM: &str = "Ops Desk";

#[test]
#[ignore = "needs SIPE"]
fn sipe_over_tcp() {
    talks(Transport::Tcp);
}

#[test]
#[ignore = "needs SIPE"]
fn sipe_over_tls() {
    talks(Transport::Tls);
}

/// Tom waits in the room, Anna says something, Marc comes later and reads it.
fn talks(transport: Transport) {
    let served = Served::embedded();
    let (room, _) = served.room(ROOM);
    let (anna, marc, tom) =
        (served.user("anna.keller"), served.user("marc.ober"), served.user("tom.baker"));
    let said = format!("MESSAGE {}: Die Nacht war ruhig &amp; 平静", anna.sip);

    let mut waiting = sipe::start(&served, transport, &tom, &room, "");
    waiting.until(&format!("JOINED {ROOM} ({ROOM})"));
    let mut speaker =
        sipe::start(&served, transport, &anna, &room, "Die Nacht war ruhig &amp; 平静");
    speaker.until(&said);
    waiting.until(&format!("PARTICIPANT {}", anna.sip));
    waiting.until(&said);
    let lines = speaker.finish(true);
    let signed_on = format!("SIGNED-ON {},{}", &anna.sip["sip:".len()..], anna.login);
    for line in [
        signed_on,
        format!("ROOM {ROOM}"),
        "ROOM Café".to_owned(),
        format!("JOINED {ROOM} ({ROOM})"),
        format!("PARTICIPANT {}", anna.sip),
        format!("PARTICIPANT {}", tom.sip),
    ] {
        assert!(lines.contains(&line), "no {line:?} in {lines:#?}");
    }
    assert!(!lines.contains(&"ROOM Red Team".to_owned()), "a secret room is listed: {lines:#?}");
    let asked = lines.iter().any(|line| line.starts_with("REQUEST Accept certificate"));
    assert_eq!(asked, matches!(transport, Transport::Tls), "{lines:#?}");
    let echoes = lines.iter().filter(|line| **line == said).count();
    assert_eq!(echoes, 1, "{lines:#?}");

    let mut late = sipe::start(&served, transport, &marc, &room, "");
    late.until(&said);
    let history = late.finish(true).iter().filter(|line| **line == said).count();
    assert_eq!(history, 1);
}

#[test]
#[ignore = "needs SIPE"]
fn sipe_with_a_wrong_password() {
    let served = Served::embedded();
    let (room, _) = served.room(ROOM);
    let mut anna = served.user("anna.keller");
    anna.password.push('x');
    for transport in [Transport::Tcp, Transport::Tls] {
        let lines = sipe::start(&served, transport, &anna, &room, "").finish(false);
        let refused = lines.iter().any(|line| line.ends_with("Authentication failed"));
        assert!(refused, "{transport:?}: {lines:#?}");
        assert!(!lines.iter().any(|line| line.starts_with("SIGNED-ON")), "{lines:#?}");
    }
}

#[test]
#[ignore = "needs SIPE and exchangelib"]
fn a_post_from_sipe_reaches_every_other_member() {
    let served = Served::demo();
    let (room, members) = served.room(ROOM);
    let (author, service) = (served.user("anna.keller"), served.user("chat-digest"));
    let words = "Disk 3 is <full> & cö 満杯";

    let mut sipe = sipe::start(
        &served,
        Transport::Tls,
        &author,
        &room,
        "Disk 3 is &lt;full&gt; &amp; cö 満杯",
    );
    sipe.until(&format!("PARTICIPANT {}", service.sip));
    sipe.until(&format!("MESSAGE {}: Disk 3 is &lt;full&gt; &amp; cö 満杯", author.sip));
    sipe.finish(true);

    // Nobody of this room wishes anything but mail at once.
    let readers: Vec<_> = members
        .iter()
        .map(|login| served.user(login))
        .filter(|user| user.mailbox != author.mailbox && user.mailbox != service.mailbox)
        .collect();
    assert_eq!(readers.len(), 7, "{members:?}");
    let inbox = |user, auth, at_least| {
        let arguments = ["--auth", auth, "--at-least", at_least];
        exchangelib(&served, "exchange-inbox.py", user, &arguments)
    };
    let by = |auth, at_least| {
        let reading: Vec<_> = readers.iter().map(|reader| inbox(reader, auth, at_least)).collect();
        reading.into_iter().map(peer::Running::objects).collect::<Vec<_>>()
    };
    let basic = by("basic", "1");
    for (reader, mails) in readers.iter().zip(&basic) {
        arrived_once(mails, words, &reader.mailbox);
    }
    assert_eq!(by("ntlm", "0"), basic);
    for other in [&author, &service] {
        assert_eq!(inbox(other, "basic", "0").objects(), [] as [Value; 0], "{}", other.mailbox);
    }
}

fn arrived_once(mails: &[Value], words: &str, mailbox: &str) {
    let [mail] = mails else { panic!("{mailbox} has {} mails: {mails:#?}", mails.len()) };
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains(words), "{mailbox}: {text:?}");
    let html = mail["html"].as_str().unwrap();
    assert!(html.contains("Disk 3 is &lt;full&gt; &amp; cö 満杯"), "{mailbox}: {html}");
    assert!(mail["subject"].as_str().unwrap().contains(ROOM), "{mail:#?}");
    assert_eq!(mail["is_draft"], false);
    assert_eq!(mail["from"], "chat-digest@contoso.example");
}

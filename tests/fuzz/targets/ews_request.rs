//! SOAP requests: refused with a fault or carried out by a whole mailbox server, which always
//! answers with XML.
#![no_main]

use std::time::Duration;

use ews::item::{Message, MimeContent};
use ews::operation::{Incoming, Request};
use ews::server::{Directory, Exchange, ExchangeConfig, ExchangeUser, Group};
use libfuzzer_sys::fuzz_target;
use xml::Limits;

const NOW: Duration = Duration::from_secs(1_795_000_000);

fuzz_target!(|body: &[u8]| {
    again(body);
    let mut exchange = exchange();
    let Some(identity) = exchange.identity("ana") else { panic!("no such user") };
    // Twice: the second meets what the first has stored.
    for second in 0..2 {
        let reply = exchange.handle(&identity, body, NOW + Duration::from_secs(second));
        assert!(reply.status == 200 || reply.status == 500, "{}", reply.status);
        if let Err(error) = xml::parse(&reply.body, &Limits::default()) {
            panic!("{error} in {}", String::from_utf8_lossy(&reply.body));
        }
    }
    while exchange.poll_event().is_some() {}
});

fn exchange() -> Exchange {
    let user = |name: &str| ExchangeUser::new(&format!("{name}@corp.example"), name, "x".into());
    let ana = ExchangeUser { may_impersonate: true, ..user("ana") };
    let group = Group { smtp: "ops@corp.example".into(), ..Group::default() };
    Exchange::new(ExchangeConfig::default(), Directory::new(vec![ana, user("cy")], vec![group]))
}

/// What the client's codec writes of it is read as the same.
fn again(body: &[u8]) {
    let Ok(Incoming { request, .. }) = Incoming::decode(body) else { return };
    let options = ews::client::Options::default();
    let written = match &request {
        // What is no base64 is known to be so, and not kept.
        Request::CreateItem(it) if it.items.iter().any(is_invalid) => return,
        Request::CreateItem(it) => ews::client::encode(it, &options),
        Request::SendItem(it) => ews::client::encode(it, &options),
        Request::FindItem(it) => ews::client::encode(it, &options),
        Request::GetItem(it) => ews::client::encode(it, &options),
        Request::DeleteItem(it) => ews::client::encode(it, &options),
        Request::ResolveNames(it) => ews::client::encode(it, &options),
        Request::ExpandDl(it) => ews::client::encode(it, &options),
        Request::GetMailTips(it) => ews::client::encode(it, &options),
        Request::GetServiceConfiguration(it) => ews::client::encode(it, &options),
        Request::Other { .. } => return,
    };
    let text = String::from_utf8_lossy(&written.body);
    match Incoming::decode(&written.body) {
        Ok(read) => assert_eq!(read.request, request, "{text}"),
        Err(fault) => panic!("{fault:?} for {text}"),
    }
}

fn is_invalid(message: &Message) -> bool {
    message.mime_content == Some(MimeContent::Invalid)
}

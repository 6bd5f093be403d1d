//! SOAP requests: refused with a fault or carried out by a whole mailbox server, which always
//! answers with XML; and the client's codec writes each request and reads each answer.
#![cfg_attr(fuzzing, no_main)]

use std::time::Duration;

use ews::Error;
use ews::client::{HttpReply, Options, decode, encode};
use ews::item::{Message, MimeContent};
use ews::operation::{Incoming, Operation, Request};
use ews::server::{Directory, Exchange, ExchangeConfig, ExchangeUser, Group, Reply};
use xml::Limits;

const NOW: Duration = Duration::from_secs(1_795_000_000);

/// Does the same with a request of any operation that has a codec.
macro_rules! with_any {
    ($request:expr, $it:ident => $done:expr) => {
        match $request {
            Request::CreateItem($it) => $done,
            Request::SendItem($it) => $done,
            Request::FindItem($it) => $done,
            Request::GetItem($it) => $done,
            Request::DeleteItem($it) => $done,
            Request::ResolveNames($it) => $done,
            Request::ExpandDl($it) => $done,
            Request::GetMailTips($it) => $done,
            Request::GetServiceConfiguration($it) => $done,
            Request::Other { .. } => {}
        }
    };
}

fuzz::target!(|body| {
    let request = Incoming::decode(body).ok().map(|incoming| incoming.request);
    if let Some(request) = &request {
        with_any!(request, it => written(it, request));
    }
    let mut exchange = exchange();
    let Some(identity) = exchange.identity("ana") else { panic!("no such user") };
    // Twice: the second meets what the first has stored.
    for second in 0..2 {
        let reply = exchange.handle(&identity, body, NOW + Duration::from_secs(second));
        assert!(reply.status == 200 || reply.status == 500, "{}", reply.status);
        if let Err(error) = xml::parse(&reply.body, &Limits::default()) {
            panic!("{error} in {}", String::from_utf8_lossy(&reply.body));
        }
        if let Some(request) = &request {
            with_any!(request, it => answered(it, &reply));
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
fn written(operation: &impl Operation, request: &Request) {
    // What is no base64 is known to be so, and not kept.
    if matches!(request, Request::CreateItem(it) if it.items.iter().any(is_invalid)) {
        return;
    }
    let written = encode(operation, &Options::default());
    let text = String::from_utf8_lossy(&written.body);
    match Incoming::decode(&written.body) {
        Ok(read) => assert_eq!(read.request, *request, "{text}"),
        Err(fault) => panic!("{fault:?} for {text}"),
    }
}

/// The client understands the answer, to each input of the request.
fn answered(operation: &impl Operation, reply: &Reply) {
    let Reply { status, headers, body, .. } = reply;
    let http = HttpReply { status: *status, headers, body, took: Duration::ZERO };
    let text = String::from_utf8_lossy(body);
    match decode(operation, &http, 0) {
        Ok(read) => {
            let is_answer = |error: &Error| matches!(error, Error::Refused { .. });
            assert!(
                read.results.iter().all(|result| result.as_ref().err().is_none_or(is_answer)),
                "{text}"
            );
        }
        Err(Error::Fault { .. }) => {}
        Err(error) => panic!("{error} for {text}"),
    }
}

fn is_invalid(message: &Message) -> bool {
    message.mime_content == Some(MimeContent::Invalid)
}

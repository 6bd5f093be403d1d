//! HTTP answers to EWS requests: status, `Retry-After`, body. Whatever comes, as many results as
//! there were inputs; and of a mail, never both "unknown" and "known not done".
#![cfg_attr(fuzzing, no_main)]

use std::time::Duration;

use ews::client::{HttpReply, decode};
use ews::create_item::CreateItem;
use ews::expand_dl::ExpandDl;
use ews::find_item::FindItem;
use ews::folder_id::FolderId;
use ews::get_item::GetItem;
use ews::get_mail_tips::{GetMailTips, MailTip};
use ews::get_service_configuration::GetServiceConfiguration;
use ews::item::Message;
use ews::item_id::ItemId;
use ews::mailbox::Mailbox;
use ews::operation::Operation;
use ews::resolve_names::ResolveNames;
use ews::send_item::SendItem;
use ews::shape::ItemShape;
use ews::{Error, autodiscover};

const NOW_UNIX_S: i64 = 1_795_000_000;
const STATUSES: [u16; 8] = [200, 500, 302, 401, 413, 429, 503, 999];

// A status, a line for `Retry-After`, the body.
fuzz::target!(|data| {
    let Some((status, rest)) = data.split_first() else { return };
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (retry_after, body) = rest.split_at(end);
    let retry_after = String::from_utf8_lossy(retry_after).into_owned();
    let reply = HttpReply {
        status: STATUSES[usize::from(*status) % STATUSES.len()],
        headers: &[("Retry-After".to_owned(), retry_after)],
        body: body.strip_prefix(b"\n").unwrap_or(body),
        took: Duration::from_secs(u64::from(*status)),
    };
    let ids = vec![ItemId::new("AAMk"), ItemId::new("AAMl")];
    let drafts = || FolderId::distinguished("drafts");
    let tips = GetMailTips {
        sending_as: Mailbox::smtp("chat-digest@corp.example"),
        recipients: vec![Mailbox::smtp("ana@corp.example")],
        requested: vec![MailTip::OutOfOfficeMessage, MailTip::InvalidRecipient],
    };
    read(&CreateItem::save(drafts(), vec![Message::default(); 2]), &reply);
    read(&SendItem::new(ids.clone()), &reply);
    read(&FindItem::all(drafts()), &reply);
    read(&GetItem { shape: ItemShape::id_only(), item_ids: ids }, &reply);
    read(&ResolveNames::directory("sip:ana@corp.example"), &reply);
    read(&ExpandDl { mailbox: Mailbox::smtp("ops@corp.example") }, &reply);
    read(&tips, &reply);
    read(&GetServiceConfiguration::mail_tips(None), &reply);
    if let Ok(answer) = autodiscover::decode_answer(reply.body) {
        let text = autodiscover::encode_answer(&answer);
        assert_eq!(autodiscover::decode_answer(text.as_bytes()).as_ref(), Ok(&answer), "{text}");
    }
});

fn read<O: Operation>(operation: &O, reply: &HttpReply<'_>) {
    match decode(operation, reply, NOW_UNIX_S) {
        Ok(read) => {
            assert_eq!(read.results.len(), operation.inputs());
            read.results.iter().filter_map(|result| result.as_ref().err()).for_each(check);
        }
        Err(error) => check(&error),
    }
}

fn check(error: &Error) {
    assert!(!(error.unknown_outcome() && error.known_not_done()), "{error:?}");
    let _ = error.to_string();
}

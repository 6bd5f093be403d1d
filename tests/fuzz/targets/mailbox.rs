//! Mails in the form of RFC 5322, kept and sent by the mailbox server: they come back byte for
//! byte, and nobody who gets one sees its blind copies.
#![cfg_attr(fuzzing, no_main)]

use std::time::Duration;

use ews::client::{HttpReply, Options, decode, encode};
use ews::create_item::{CreateItem, MessageDisposition};
use ews::find_item::FindItem;
use ews::folder_id::FolderId;
use ews::get_item::GetItem;
use ews::item::{Message, MimeContent};
use ews::operation::Operation;
use ews::server::{Directory, Exchange, ExchangeConfig, ExchangeUser};
use ews::shape::{BaseShape, ItemShape};
use ews::{item_id::ItemId, mime};

const NOW: Duration = Duration::from_secs(1_795_000_000);

fuzz::target!(|mail| {
    let mut exchange = exchange();
    keep(&mut exchange, mail);
    send(&mut exchange, mail);
});

fn exchange() -> Exchange {
    let user = |name: &str| ExchangeUser::new(&format!("{name}@corp.example"), name, "x".into());
    Exchange::new(ExchangeConfig::default(), Directory::new(vec![user("ana"), user("cy")], vec![]))
}

/// What `user` is answered; refusals are left out.
fn ask<O: Operation>(exchange: &mut Exchange, user: &str, operation: &O) -> Vec<O::Payload> {
    let Some(identity) = exchange.identity(user) else { panic!("no such user") };
    let body = encode(operation, &Options::default()).body;
    let reply = exchange.handle(&identity, &body, NOW);
    let http = HttpReply {
        status: reply.status,
        headers: &reply.headers,
        body: &reply.body,
        took: Duration::ZERO,
    };
    match decode(operation, &http, 0) {
        Ok(read) => read.results.into_iter().flatten().collect(),
        Err(error) => panic!("{error} in {}", String::from_utf8_lossy(&reply.body)),
    }
}

fn message(mail: &[u8]) -> Vec<Message> {
    let mime_content = Some(MimeContent::Bytes(mail.to_vec()));
    vec![Message { mime_content, ..Message::default() }]
}

fn mime_of(exchange: &mut Exchange, user: &str, item_ids: Vec<ItemId>) -> Vec<Vec<u8>> {
    let shape = ItemShape {
        include_mime_content: Some(true),
        ..ItemShape::with_base(BaseShape::AllProperties)
    };
    let items = ask(exchange, user, &GetItem { shape, item_ids });
    let bytes = |item: Message| match item.mime_content {
        Some(MimeContent::Bytes(bytes)) => bytes,
        other => panic!("{other:?}"),
    };
    items.into_iter().flatten().map(bytes).collect()
}

fn keep(exchange: &mut Exchange, mail: &[u8]) {
    let create = CreateItem::save(FolderId::distinguished("drafts"), message(mail));
    let ids = ask(exchange, "ana", &create);
    let ids: Vec<ItemId> = ids.into_iter().flatten().filter_map(|item| item.item_id).collect();
    assert!(ids.is_empty() == mime::read(mail).is_none(), "{ids:?}");
    if let Some(id) = ids.into_iter().next()
        && !String::from_utf8_lossy(mail).to_ascii_lowercase().contains("bcc")
    {
        assert_eq!(mime_of(exchange, "ana", vec![id]), [mail]);
    }
}

fn send(exchange: &mut Exchange, mail: &[u8]) {
    let disposition = MessageDisposition::SendOnly;
    ask(exchange, "ana", &CreateItem { disposition, folder: None, items: message(mail) });
    let found = ask(exchange, "cy", &FindItem::all(FolderId::distinguished("inbox")));
    let arrived = found.into_iter().flat_map(|page| page.items);
    let ids: Vec<ItemId> = arrived.filter_map(|item| item.item_id).collect();
    if ids.is_empty() {
        return;
    }
    for bytes in mime_of(exchange, "cy", ids) {
        let whole = String::from_utf8_lossy(&bytes);
        let Some(read) = mime::read(&bytes) else { panic!("unreadable: {whole}") };
        assert!(read.bcc.is_empty() && read.header("Bcc").is_none(), "{whole}");
        assert!(read.header("Message-ID").is_some() && read.header("Date").is_some(), "{whole}");
    }
}

//! Whole requests: written by the client's codec or by hand, answered, checked against the
//! published schema, and read back.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod faults;
mod folders;
mod items;
mod people;
mod sending;

use std::{
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use ntlm::Secret;
use xml::Element;

use super::*;
use crate::{
    client::{self, HttpReply, Options},
    create_item::CreateItem,
    delivery::{self, DeliveryKey},
    error::Error,
    folder_id::FolderId,
    item::{Body, Message},
    item_id::ItemId,
    mailbox::Mailbox as Person,
    operation::Operation,
    test::{parse, schema_folder},
};

const BOT: &str = "digest@corp.example";
const ANA: &str = "ana@corp.example";
const BEN: &str = "ben@corp.example";
const OPS: &str = "ops@corp.example";

/// A server and its clock.
struct World {
    exchange: Exchange,
    now_unix: Duration,
    /// Answers so far, to be checked against the schema all at once: each check starts a process.
    answers: Vec<Vec<u8>>,
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            validate_all(&self.answers);
        }
    }
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// Three people and two groups that hold each other; `change` has the last word.
    fn with(change: impl FnOnce(&mut Vec<ExchangeUser>)) -> Self {
        let user = |mailbox: &str, name: &str| ExchangeUser {
            domain: "CORP".to_owned(),
            sip_addresses: vec![format!("sip:{mailbox}")],
            ..ExchangeUser::new(mailbox, name, Secret::from("pw"))
        };
        let mut users =
            vec![user(BOT, "Chat Digest"), user(ANA, "Ana Lopez"), user(BEN, "Ben Young")];
        change(&mut users);
        let group = |smtp: &str, members: &[&str]| Group {
            smtp: smtp.to_owned(),
            name: smtp.split('@').next().unwrap().to_owned(),
            members: members.iter().map(|member| (*member).to_owned()).collect(),
        };
        let groups = vec![
            group(OPS, &[ANA, "all@corp.example"]),
            group("all@corp.example", &[OPS, BEN, "gone@corp.example"]),
        ];
        let config = ExchangeConfig { host_name: "corp.example".to_owned(), ..Default::default() };
        let exchange = Exchange::new(config, Directory::new(users, groups));
        Self { exchange, now_unix: Duration::from_secs(1_795_330_800), answers: Vec::new() }
    }

    /// Has `who` ask; the results are those that the client sees.
    fn ask<O: Operation>(&mut self, who: &str, operation: &O) -> Result<Vec<Outcome<O>>, Error> {
        self.ask_as(who, None, operation)
    }

    fn ask_as<O: Operation>(
        &mut self,
        who: &str,
        impersonate: Option<&str>,
        operation: &O,
    ) -> Result<Vec<Outcome<O>>, Error> {
        let options = Options { impersonate: impersonate.map(str::to_owned), ..Options::default() };
        let reply = self.reply(who, &client::encode(operation, &options).body);
        let (status, headers, body) = (reply.status, &reply.headers, &reply.body);
        let reply = HttpReply { status, headers, body, took: Duration::ZERO };
        client::decode(operation, &reply, 0).map(|reply| reply.results)
    }

    fn reply(&mut self, who: &str, body: &[u8]) -> Reply {
        let identity = self.exchange.identity(who).unwrap();
        let reply = self.exchange.handle(&identity, body, self.now_unix);
        if !reply.body.is_empty() && !self.answers.contains(&reply.body) {
            self.answers.push(reply.body.clone());
        }
        reply
    }

    /// The answer to a request that only the server has a codec for: its response messages.
    fn raw(&mut self, who: &str, operation: &str) -> Vec<Element> {
        let reply = self.reply(who, envelope(operation).as_bytes());
        let text = String::from_utf8(reply.body).unwrap();
        assert_eq!(reply.status, 200, "{text}");
        let body = parse(&text).child("Body").unwrap().clone();
        let response = body.children().next().unwrap();
        response.child("ResponseMessages").unwrap().children().cloned().collect()
    }

    fn draft(&mut self, key: &str, to: &[&str]) -> ItemId {
        let ids = self.create(&delivery::draft(vec![typed(key, to)]));
        ids.into_iter().next().unwrap()
    }

    fn create(&mut self, request: &CreateItem) -> Vec<ItemId> {
        let results = self.ask(BOT, request).unwrap();
        results.into_iter().map(|result| result.unwrap()[0].item_id.clone().unwrap()).collect()
    }

    fn send(&mut self, id: &ItemId) -> Outcome<crate::send_item::SendItem> {
        self.ask(BOT, &delivery::send(vec![id.clone()])).unwrap().remove(0)
    }

    fn deposit(&mut self, who: &str, subject: &str) -> ItemId {
        let message = Message { subject: Some(subject.to_owned()), ..Message::default() };
        let request = CreateItem::save(FolderId::distinguished("inbox"), vec![message]);
        let items = self.ask(who, &request).unwrap().remove(0).unwrap();
        items[0].item_id.clone().unwrap()
    }
}

fn validate_all(answers: &[Vec<u8>]) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Some(schema) = schema_folder() else {
        println!("the published schema is not there: the answers are not checked against it");
        return;
    };
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = format!("exchange-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    std::fs::create_dir(&folder).unwrap();
    for (answer, number) in answers.iter().zip(0..) {
        std::fs::write(folder.join(format!("{number}.xml")), answer).unwrap();
    }
    let files = (0..answers.len()).map(|number| folder.join(format!("{number}.xml")));
    let output = Command::new(schema.join("validate.sh")).args(files).output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(2) && errors.contains("not found") {
        println!("xmllint is not there: the answers are not checked against the schema");
        return;
    }
    assert!(answers.is_empty() || output.status.success(), "{errors}");
}

type Outcome<O> = Result<<O as Operation>::Payload, Error>;

/// A mail by fields, with its key.
fn typed(key: &str, to: &[&str]) -> Message {
    Message {
        subject: Some(format!("mail {key}")),
        body: Some(Body::html("<p>hello</p>")),
        to_recipients: to.iter().map(|to| Person::smtp(*to)).collect(),
        extended_properties: vec![crate::property::ExtendedProperty::new(
            delivery::key_property(),
            key,
        )],
        ..Message::default()
    }
}

/// A mail of the client's with a file.
fn with_file() -> crate::mime::OutgoingMail {
    crate::mime::OutgoingMail {
        from: Person::named("Chat Digest", BOT),
        to: vec![Person::named("Ana", ANA)],
        subject: "Übersicht".to_owned(),
        message_id: "<d1@corp.example>".to_owned(),
        html: "<p>ä</p>".to_owned(),
        text: "ä".to_owned(),
        headers: vec![("X-Digest-Room".to_owned(), "ops".to_owned())],
        in_reply_to: None,
        references: Vec::new(),
        importance: crate::item::Importance::High,
        attachments: vec![crate::mime::Attachment {
            name: "messages.txt".to_owned(),
            media_type: "text/plain; charset=utf-8".to_owned(),
            bytes: "ä\r\n".repeat(50).into_bytes(),
        }],
        date_unix_s: 1_795_330_800,
    }
}

fn key(text: &str) -> DeliveryKey {
    DeliveryKey::new(text).unwrap()
}

/// An operation in an envelope, as a foreign client writes it.
fn envelope(operation: &str) -> String {
    format!(
        r#"<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><soap:Header/><soap:Body>{operation}</soap:Body></soap:Envelope>"#
    )
}

fn item_id(id: &ItemId) -> String {
    let change_key = id.change_key.as_deref().unwrap_or_default();
    format!(r#"<t:ItemId Id="{}" ChangeKey="{change_key}"/>"#, id.id)
}

fn code_of<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    outcome.unwrap_err().code().unwrap().as_str().to_owned()
}

fn response_code(message: &Element) -> String {
    message.child_text("ResponseCode").unwrap()
}

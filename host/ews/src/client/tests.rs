#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at a surprise")]
//! Both ends against each other, against the published schema, and against what foreign servers
//! send.

use std::{fmt::Debug, time::Duration};

use super::*;
use crate::{
    ResponseCode,
    attachment::{AttachmentId, FileAttachment},
    classify::Effect,
    create_item::{CreateItem, MessageDisposition},
    date_time::DateTime,
    delete_item::{DeleteItem, DeleteType},
    expand_dl::{ExpandDl, Expansion},
    find_item::{FindItem, FoundItems, Traversal},
    folder_id::{FolderId, distinguished},
    get_item::GetItem,
    get_mail_tips::{GetMailTips, MailTip, MailTips},
    get_service_configuration::{GetServiceConfiguration, MailTipsConfiguration},
    item::{Body, Importance, Message, MimeContent, Sensitivity},
    item_id::ItemId,
    mailbox::{Mailbox, MailboxType},
    operation::{Incoming, Request},
    property::{
        ExtendedFieldUri, ExtendedProperty, PropertyName, PropertyPath, PropertyType, PropertyValue,
    },
    resolve_names::{Contact, Resolution, Resolutions, ResolveNames, SearchScope},
    restriction::{Comparison, Restriction},
    send_item::SendItem,
    shape::{BaseShape, ItemShape, Page, WantedBody},
    soap::Details,
    test::validate,
};

const NOW: i64 = 1_795_330_800;

fn reply<'r>(status: u16, headers: &'r [(String, String)], body: &'r [u8]) -> HttpReply<'r> {
    HttpReply { status, headers, body, took: Duration::from_secs(1) }
}

fn full_message() -> Message {
    let text = |text: &str| Some(text.to_owned());
    let guid = "9c1f6a2e-5d0b-4b6e-8a57-3f0a4f2f6b11";
    let name = |name: &str| PropertyName::Name(name.to_owned());
    Message {
        item_class: text("IPM.Note"),
        subject: text(" [Ops room] 14 < new & \"messages\" "),
        sensitivity: Some(Sensitivity::Private),
        body: Some(Body::html("<p>Hello &amp; \u{1f600} <img src=\"cid:logo@digest\"></p>")),
        attachments: vec![FileAttachment {
            name: text("logo.png"),
            content_type: text("image/png"),
            content_id: text("logo@digest"),
            content_location: text("http://x/y"),
            is_inline: Some(true),
            is_contact_photo: Some(false),
            content: Some(b"\x89PNG\r\n\x1a\n".to_vec()),
            ..FileAttachment::default()
        }],
        categories: vec!["Chat digest".to_owned(), "b".to_owned()],
        importance: Some(Importance::Normal),
        in_reply_to: text("<room-7.20261121@digest.corp.example>"),
        reminder_is_set: Some(false),
        extended_properties: vec![
            ExtendedProperty::new(
                ExtendedFieldUri::named(guid, name("DigestDeliveryKey"), PropertyType::String)
                    .unwrap(),
                "k1-3f9c0d7a",
            ),
            ExtendedProperty::new(
                ExtendedFieldUri::tag(0x0e07, PropertyType::Integer).unwrap(),
                "0",
            ),
            ExtendedProperty {
                uri: ExtendedFieldUri::distinguished(
                    "PublicStrings",
                    name("Keywords"),
                    PropertyType::StringArray,
                )
                .unwrap(),
                value: PropertyValue::Many(vec!["a".to_owned(), "b".to_owned()]),
            },
        ],
        culture: text("de-DE"),
        sender: Some(Mailbox::named("Digest", "chat-digest@corp.example")),
        to_recipients: vec![Mailbox::smtp("ana@corp.example"), Mailbox::named("B", "b@c.example")],
        cc_recipients: vec![Mailbox::smtp("cc@corp.example")],
        bcc_recipients: vec![Mailbox::smtp("cy@corp.example")],
        is_read_receipt_requested: Some(false),
        is_delivery_receipt_requested: Some(false),
        from: Some(Mailbox::smtp("chat-digest@corp.example")),
        internet_message_id: text("<room-7.20261122@digest.corp.example>"),
        is_read: Some(true),
        is_response_requested: Some(false),
        references: text("<a@b> <c@d>"),
        reply_to: vec![Mailbox::smtp("room@corp.example")],
        ..Message::default()
    }
}

/// What only a server sends, beside the rest.
fn stored_message() -> Message {
    let time = Some(DateTime::from_unix_s(NOW));
    let mut message = full_message();
    message.mime_content = Some(MimeContent::Bytes(b"Subject: x\r\n\r\n".to_vec()));
    message.item_id = Some(ItemId::with_change_key("AAMk+/=", "CQAA"));
    message.parent_folder_id =
        Some(FolderId::Id { id: "AAMkF".to_owned(), change_key: Some("AQ".to_owned()) });
    message.attachments[0].id = Some(AttachmentId {
        id: "AAMkA".to_owned(),
        root_item_id: Some("AAMk+/=".to_owned()),
        root_item_change_key: Some("CQAB".to_owned()),
    });
    message.attachments[0].size_bytes = Some(8);
    message.attachments[0].last_modified_time = time;
    message.date_time_received = time;
    message.size_bytes = Some(4711);
    message.is_submitted = Some(false);
    message.is_draft = Some(true);
    message.is_from_me = Some(false);
    message.is_resend = Some(false);
    message.is_unmodified = Some(true);
    message.internet_message_headers = vec![("List-Id".to_owned(), "<a.b>".to_owned())];
    message.date_time_sent = time;
    message.date_time_created = time;
    message.display_cc = Some("cc".to_owned());
    message.display_to = Some("ana; B".to_owned());
    message.has_attachments = Some(true);
    message.last_modified_name = Some("Digest".to_owned());
    message.last_modified_time = time;
    message.is_associated = Some(false);
    message.conversation_id = Some(ItemId::new("AAQk"));
    message.unique_body = Some(Body::text("u"));
    message.preview = Some("Hello".to_owned());
    message.text_body = Some(Body::text("Hello"));
    message.conversation_index = Some("AQ==".to_owned());
    message.conversation_topic = Some("Ops".to_owned());
    message.received_by = Some(Mailbox::smtp("ana@corp.example"));
    message.received_representing = Some(Mailbox::smtp("ana@corp.example"));
    message
}

fn create() -> CreateItem {
    CreateItem::save(
        FolderId::distinguished(distinguished::DRAFTS),
        vec![full_message(), Message::default()],
    )
}

fn find_in_two_folders() -> FindItem {
    let mailbox = Some(Mailbox::smtp("ana@corp.example"));
    let inbox = FolderId::Distinguished { name: distinguished::INBOX.to_owned(), mailbox };
    let path = || PropertyPath::field("item:Subject");
    let one = Restriction::compare(Comparison::EqualTo, path(), "x");
    FindItem {
        traversal: Traversal::Associated,
        shape: ItemShape {
            base: BaseShape::AllProperties,
            include_mime_content: Some(false),
            body_type: Some(WantedBody::Best),
            additional: vec![
                path(),
                PropertyPath::Indexed {
                    uri: "item:InternetMessageHeader".to_owned(),
                    index: "List-Id".to_owned(),
                },
            ],
        },
        page: Some(Page::first(10)),
        restriction: Some(Restriction::Not(Box::new(Restriction::Or(vec![one])))),
        folders: vec![inbox, FolderId::id("AAMk")],
        ..FindItem::all(FolderId::id("x"))
    }
}

/// One byte changed: to one that XML looks at, or to one that UTF-8 does not have.
fn changed(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[at] = [b'<', b'"', b'&', 0xff, b'>'][at % 5];
    changed
}

/// Client to server: what is written is valid, accepted and read as the same; every cut is a fault,
/// and no change of a byte a panic.
fn request<O: Operation + Clone + Debug + PartialEq>(
    operation: &O,
    wrap: impl FnOnce(O) -> Request,
) {
    let options = Options {
        impersonate: Some("ana@corp.example".to_owned()),
        own_address: Some("chat-digest@corp.example".to_owned()),
        ..Options::default()
    };
    let bytes = encode(operation, &options);
    assert_eq!(bytes.anchor_mailbox.as_deref(), Some("ana@corp.example"));
    assert_eq!(bytes.operation, O::FORM.operation);
    validate(std::str::from_utf8(&bytes.body).unwrap());
    let incoming = Incoming::decode(&bytes.body).unwrap();
    assert_eq!(incoming.header.version.as_deref(), Some("Exchange2013_SP1"));
    assert_eq!(incoming.header.impersonate.unwrap().as_str(), "ana@corp.example");
    assert_eq!(incoming.request.name(), O::FORM.operation);
    assert_eq!(incoming.request, wrap(operation.clone()));
    for cut in 0..bytes.body.len() {
        let fault = Request::decode(&bytes.body[..cut]).unwrap_err();
        assert_eq!(fault.code, ResponseCode::SCHEMA_VALIDATION, "cut at {cut}");
        let _ = Request::decode(&changed(&bytes.body, cut));
    }
}

/// Server to client: what is written is valid and read as the same; every cut is an error, and no
/// change of a byte a panic.
fn response<O: Operation>(
    operation: &O,
    messages: &[ResponseMessage<O::Payload>],
) -> Vec<O::Payload>
where
    O::Payload: Debug,
{
    let document = O::encode_response(messages, &ServerVersion::default());
    validate(&document);
    let bytes = document.as_bytes();
    let decoded = decode(operation, &reply(200, &[], bytes), NOW).unwrap();
    assert_eq!(decoded.server, Some(ServerVersion::default()));
    assert_eq!(decoded.results.len(), operation.inputs());
    for cut in 0..bytes.len() {
        let error = decode(operation, &reply(200, &[], &bytes[..cut]), NOW).unwrap_err();
        let lost = operation.effect().leaves_a_trace();
        assert_eq!(error.unknown_outcome(), lost, "cut at {cut}");
        assert!(!error.known_not_done());
        let changed = changed(bytes, cut);
        let _ = decode(operation, &reply(200, &[], &changed), NOW);
    }
    decoded.results.into_iter().map(Result::unwrap).collect()
}

#[test]
fn every_request_reaches_the_server() {
    request(&create(), Request::CreateItem);
    let mime = Message {
        mime_content: Some(MimeContent::Bytes((0..=255).cycle().take(512).collect())),
        ..Message::default()
    };
    let send_now = CreateItem {
        disposition: MessageDisposition::SendAndSaveCopy,
        folder: Some(FolderId::id("AAMk")),
        items: vec![mime],
    };
    request(&send_now, Request::CreateItem);
    let id = || ItemId::with_change_key("AAMk\"&", "CQAA");
    request(&SendItem::new(vec![id(), ItemId::new("b")]), Request::SendItem);
    request(&SendItem { item_ids: vec![id()], save_copy_in: None }, Request::SendItem);
    request(&find_in_two_folders(), Request::FindItem);
    request(&FindItem::all(FolderId::distinguished("root")), Request::FindItem);
    let get = GetItem {
        shape: ItemShape {
            include_mime_content: Some(true),
            ..ItemShape::with_base(BaseShape::Default)
        },
        item_ids: vec![id()],
    };
    request(&get, Request::GetItem);
    for delete_type in DeleteType::ALL {
        let delete = DeleteItem { delete_type: *delete_type, item_ids: vec![id()] };
        request(&delete, Request::DeleteItem);
    }
    request(&ResolveNames::directory("sip:ana@corp.example"), Request::ResolveNames);
    let contacts = ResolveNames {
        full_contact_data: false,
        scope: SearchScope::Contacts,
        folders: vec![FolderId::distinguished("contacts")],
        entry: "ana".to_owned(),
    };
    request(&contacts, Request::ResolveNames);
    request(&ExpandDl { mailbox: Mailbox::smtp("ops@corp.example") }, Request::ExpandDl);
    let tips = GetMailTips {
        sending_as: Mailbox::smtp("chat-digest@corp.example"),
        recipients: vec![Mailbox::smtp("a@x.y"), Mailbox::smtp("b@x.y")],
        requested: vec![MailTip::OutOfOfficeMessage, MailTip::InvalidRecipient],
    };
    request(&tips, Request::GetMailTips);
    let limits = GetServiceConfiguration::mail_tips(Some(Mailbox::smtp("a@x.y")));
    request(&limits, Request::GetServiceConfiguration);
    request(&GetServiceConfiguration::mail_tips(None), Request::GetServiceConfiguration);
}

#[test]
fn every_answer_reaches_the_client() {
    let ids = |id: &str| vec![Message { item_id: Some(ItemId::new(id)), ..Message::default() }];
    let two = [ResponseMessage::success(ids("a")), ResponseMessage::success(ids("b"))];
    assert_eq!(response(&create(), &two), [ids("a"), ids("b")]);

    let send = SendItem::new(vec![ItemId::new("a")]);
    response(&send, &[ResponseMessage::success(())]);
    let delete = DeleteItem { delete_type: DeleteType::HardDelete, item_ids: send.item_ids };
    response(&delete, &[ResponseMessage::success(())]);

    let page = FoundItems {
        next_offset: Some(2),
        total: Some(9),
        includes_last: false,
        items: vec![stored_message(), Message::default()],
    };
    let found =
        [ResponseMessage::success(page.clone()), ResponseMessage::success(FoundItems::default())];
    assert_eq!(response(&find_in_two_folders(), &found), [page, FoundItems::default()]);

    let get = GetItem { shape: ItemShape::id_only(), item_ids: vec![ItemId::new("a")] };
    let stored = vec![stored_message()];
    assert_eq!(response(&get, &[ResponseMessage::success(stored.clone())]), [stored]);

    let resolutions = Resolutions {
        total: Some(2),
        includes_last: true,
        resolutions: vec![
            Resolution {
                mailbox: Mailbox {
                    routing_type: Some("EX".to_owned()),
                    mailbox_type: Some(MailboxType::PublicDl),
                    ..Mailbox::named("Ana", "/o=Corp/cn=ana")
                },
                contact: Some(Contact {
                    display_name: Some("Ana".to_owned()),
                    given_name: Some("A".to_owned()),
                    email_addresses: vec![
                        "SMTP:ana@corp.example".to_owned(),
                        "sip:Ana@corp.example".to_owned(),
                    ],
                    surname: Some("O".to_owned()),
                }),
            },
            Resolution { mailbox: Mailbox::smtp("ana@corp.example.org"), contact: None },
        ],
    };
    let code = ResponseCode::NAME_RESOLUTION_MULTIPLE_RESULTS;
    let several = ResponseMessage::warning(code, "More than one.", resolutions.clone());
    let names = ResolveNames::directory("sip:ana@corp.example");
    let read = response(&names, &[several]);
    assert_eq!(read, [resolutions]);
    let [exact, other] = &read[0].resolutions[..] else { unreachable!("two were sent") };
    assert!(exact.is_exactly("sip:ana@corp.example") && !other.is_exactly("sip:ana@corp.example"));
    assert_eq!(exact.smtp_address(), Some("ana@corp.example"));
    assert_eq!(other.smtp_address(), Some("ana@corp.example.org"));

    let group = Expansion {
        total: Some(2),
        includes_last: false,
        members: vec![
            Mailbox::smtp("a@x.y"),
            Mailbox { item_id: Some(ItemId::new("AAMk")), ..Mailbox::default() },
        ],
    };
    let expand = ExpandDl { mailbox: Mailbox::smtp("ops@corp.example") };
    assert_eq!(response(&expand, &[ResponseMessage::success(group.clone())]), [group]);
}

#[test]
fn answers_about_mail_tips_reach_the_client() {
    let recipient = Mailbox::smtp("a@x.y");
    let ask = GetMailTips {
        sending_as: Mailbox::smtp("me@x.y"),
        recipients: vec![recipient.clone(), recipient.clone()],
        requested: vec![MailTip::All],
    };
    let tips = Some(MailTips {
        recipient,
        pending: vec![MailTip::TotalMemberCount, MailTip::Scope],
        out_of_office: Some("away".to_owned()),
        mailbox_full: Some(false),
        custom: Some("hi".to_owned()),
        total_member_count: Some(3),
        external_member_count: Some(1),
        message_bytes_max: Some(10_000),
        delivery_restricted: Some(true),
        is_moderated: Some(false),
        invalid_recipient: Some(true),
    });
    let plain = Some(MailTips::default());
    let messages =
        [ResponseMessage::success(tips.clone()), ResponseMessage::success(plain.clone())];
    assert_eq!(response(&ask, &messages), [tips, plain]);

    let off = format!(
        r#"<s:Envelope xmlns:s="{}"><s:Body><m:GetMailTipsResponse xmlns:m="{}" ResponseClass="Error">
        <m:ResponseCode>ErrorMailTipsDisabled</m:ResponseCode></m:GetMailTipsResponse></s:Body></s:Envelope>"#,
        crate::soap::namespace::SOAP,
        crate::soap::namespace::MESSAGES
    );
    let decoded = decode(&ask, &reply(200, &[], off.as_bytes()), NOW).unwrap();
    assert_eq!(decoded.results, [Ok(None), Ok(None)]);
    let busy = off.replace("ErrorMailTipsDisabled", "ErrorServerBusy");
    let error = decode(&ask, &reply(200, &[], busy.as_bytes()), NOW).unwrap_err();
    assert_eq!(error.class(), Class::Busy);

    let ask = GetServiceConfiguration::mail_tips(None);
    let limits = Some(MailTipsConfiguration {
        recipients_max: 2_147_483_647,
        internal_domains: vec![("corp.example".to_owned(), true), ("x.y".to_owned(), false)],
        ..MailTipsConfiguration::default()
    });
    let read = response(&ask, &[ResponseMessage::success(limits.clone())]);
    assert_eq!(read, [limits]);
    assert_eq!(read[0].as_ref().unwrap().recipients_at_once(), 50);
}

#[test]
fn items_fail_one_by_one() {
    let send = SendItem::new((0..5).map(|id| ItemId::new(id.to_string())).collect());
    let messages = [
        ResponseMessage::success(()),
        ResponseMessage::error(ResponseCode::STALE_OBJECT, "ana@corp.example is stale"),
        ResponseMessage::error(ResponseCode::SERVER_BUSY, "busy")
            .with(Details::value("BackOffMilliseconds", 5000)),
        ResponseMessage::warning(ResponseCode::BATCH_PROCESSING_STOPPED, "stopped", ()),
    ];
    let document = SendItem::encode_response(&messages, &ServerVersion::default());
    validate(&document);
    let results = decode(&send, &reply(200, &[], document.as_bytes()), NOW).unwrap().results;
    let errors: Vec<&Error> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    let classes: Vec<Class> = errors.iter().map(|error| error.class()).collect();
    assert!(results[0].is_ok());
    assert_eq!(classes, [Class::Now, Class::Busy, Class::NotProcessed, Class::Unknown]);
    let certain: Vec<bool> = errors.iter().map(|error| error.known_not_done()).collect();
    assert_eq!(certain, [false, false, true, false]);
    assert_eq!(errors[1].back_off(), Some(Duration::from_secs(5)));
    assert!(matches!(errors[3], Error::Unanswered { .. }));
    assert_eq!(
        errors[0].to_string(),
        "SendItem refused with ErrorStaleObject. It is put right and tried again at once."
    );
}

#[test]
fn a_superfluous_answer_is_left_aside() {
    let send = SendItem::new(vec![ItemId::new("a")]);
    let messages = [ResponseMessage::success(()), ResponseMessage::success(())];
    let document = SendItem::encode_response(&messages, &ServerVersion::default());
    let results = decode(&send, &reply(200, &[], document.as_bytes()), NOW).unwrap().results;
    assert_eq!(results, [Ok(())]);
}

#[test]
fn an_answer_of_another_operation_is_none() {
    let send = SendItem::new(vec![ItemId::new("a")]);
    let messages = [ResponseMessage::success(())];
    let document = DeleteItem::encode_response(&messages, &ServerVersion::default());
    let error = decode(&send, &reply(200, &[], document.as_bytes()), NOW).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }) && error.unknown_outcome());
}

#[test]
fn a_foreign_server_is_understood() {
    let body = r#"<SOAP:Envelope xmlns:SOAP="http://schemas.xmlsoap.org/soap/envelope/"
        xmlns:a="http://schemas.microsoft.com/exchange/services/2006/messages"
        xmlns:b="http://schemas.microsoft.com/exchange/services/2006/types"><SOAP:Body>
        <a:SendItemResponse><a:Responses><a:SendItemResponseMessage ResponseClass="Success" x="y">
        <a:ResponseCode>NoError</a:ResponseCode><a:News/></a:SendItemResponseMessage></a:Responses>
        </a:SendItemResponse></SOAP:Body></SOAP:Envelope>"#;
    let send = SendItem::new(vec![ItemId::new("a")]);
    let decoded = decode(&send, &reply(200, &[], body.as_bytes()), NOW).unwrap();
    assert_eq!((decoded.server, decoded.results), (None, vec![Ok(())]));

    let body = r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>
        <CreateItemResponse xmlns="http://schemas.microsoft.com/exchange/services/2006/messages"
        xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><ResponseMessages>
        <CreateItemResponseMessage ResponseClass="Success"><ResponseCode> NoError </ResponseCode><Items>
        <t:Message><t:ItemId Id=" AAMk " ChangeKey="CQ"></t:ItemId><t:Subject>a&#x1F;b</t:Subject>
        <t:DateTimeReceived>2026-11-22T07:00:00.5+00:00</t:DateTimeReceived><t:Importance>Urgent</t:Importance>
        </t:Message></Items></CreateItemResponseMessage></ResponseMessages></CreateItemResponse>
        </e:Body></e:Envelope>"#;
    let create = CreateItem { items: vec![Message::default()], ..create() };
    let items = decode(&create, &reply(200, &[], body.as_bytes()), NOW).unwrap().single().unwrap();
    assert_eq!(items[0].item_id, Some(ItemId::with_change_key("AAMk", "CQ")));
    assert_eq!(items[0].subject.as_deref(), Some("a\u{fffd}b"));
    assert_eq!(items[0].date_time_received, Some(DateTime::from_unix_s(NOW)));
    assert_eq!(items[0].importance, None);
}

#[test]
fn faults_concern_the_whole_request() {
    let send = SendItem::new(vec![ItemId::new("a")]);
    let busy = Fault::new(ResponseCode::SERVER_BUSY, "Later.")
        .with(Details::value("BackOffMilliseconds", 178_510));
    for status in [200, 500] {
        let body = busy.envelope();
        let error = decode(&send, &reply(status, &[], body.as_bytes()), NOW).unwrap_err();
        assert_eq!(error.class(), Class::Busy);
        assert!(error.known_not_done());
        assert_eq!(error.back_off(), Some(Duration::from_millis(178_510)));
    }
    let internal = Fault::new(ResponseCode::INTERNAL_SERVER_ERROR, "Sorry.").envelope();
    let error = decode(&send, &reply(500, &[], internal.as_bytes()), NOW).unwrap_err();
    assert!(error.unknown_outcome() && !error.known_not_done());
}

#[test]
fn statuses_mean_what_the_table_says() {
    let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let send = SendItem::new(vec![ItemId::new("a")]);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let page = b"<html><body>sign in".as_slice();
    for (status, headers, body, class, not_done, wait) in [
        (200, vec![], page, Class::Configuration, false, None),
        (302, header("location", "https://h/owa/auth"), b"", Class::Configuration, true, None),
        (302, header("Location", "/ews/genericerrorpage.htm?x"), b"", Class::Transient, true, None),
        (400, vec![], b"", Class::Ours, false, None),
        (401, vec![], page, Class::Authentication, true, None),
        (403, vec![], b"", Class::Configuration, true, None),
        (404, vec![], b"", Class::Configuration, true, None),
        (405, vec![], b"", Class::Configuration, true, None),
        (407, vec![], b"", Class::Configuration, true, None),
        (408, vec![], b"", Class::Unknown, false, None),
        (413, vec![], b"", Class::Message, true, None),
        (429, header("Retry-After", "7"), b"", Class::Busy, true, seconds(7)),
        (429, vec![], b"", Class::Busy, true, seconds(60)),
        (429, header("retry-after", "999999"), b"", Class::Busy, true, seconds(1800)),
        (
            429,
            header("Retry-After", "Sun, 22 Nov 2026 07:01:30 GMT"),
            b"",
            Class::Busy,
            true,
            seconds(90),
        ),
        (
            429,
            header("Retry-After", "Sun, 22 Nov 2026 06:00:00 GMT"),
            b"",
            Class::Busy,
            true,
            seconds(0),
        ),
        (456, vec![], b"", Class::Configuration, true, None),
        (500, vec![], b"oops", Class::Unknown, false, None),
        (500, header("X-CasErrorCode", "UserNotFound"), b"", Class::Configuration, false, None),
        (500, header("X-CasErrorCode", "ServerNotFound"), b"", Class::Unknown, false, None),
        (502, vec![], b"", Class::Unknown, false, None),
        (503, vec![], b"", Class::Busy, true, seconds(30)),
        (418, vec![], b"", Class::Unknown, false, None),
    ] {
        let error = decode(&send, &reply(status, &headers, body), NOW).unwrap_err();
        assert_eq!(error.class(), class, "{status}");
        assert_eq!(error.known_not_done(), not_done, "{status}");
        assert_eq!(error.back_off(), wait, "{status}");
        assert!(error.to_string().contains("SendItem"), "{error}");
    }
    let late = HttpReply { took: Duration::from_secs(31), ..reply(503, &[], b"") };
    assert_eq!(decode(&send, &late, NOW).unwrap_err().class(), Class::Unknown);
    let find = FindItem::all(FolderId::id("a"));
    let error = decode(&find, &reply(502, &[], b""), NOW).unwrap_err();
    assert_eq!(error.class(), Class::Transient);
}

#[test]
fn depositing_and_sending_are_told_apart() {
    let folder = |name: &str| Some(FolderId::distinguished(name));
    let effect =
        |disposition, folder| CreateItem { disposition, folder, items: Vec::new() }.effect();
    let (save, send) = (MessageDisposition::SaveOnly, MessageDisposition::SendOnly);
    assert_eq!(effect(save, folder(distinguished::DRAFTS)), Effect::Draft);
    assert_eq!(effect(save, None), Effect::Draft);
    assert_eq!(effect(save, folder(distinguished::INBOX)), Effect::Deposit);
    assert_eq!(effect(send, None), Effect::Send);
}

#[test]
fn versions_go_down() {
    assert_eq!(lower_version("Exchange2013_SP1"), Some("Exchange2013"));
    assert_eq!(lower_version("Exchange2010_SP2"), None);
    assert_eq!(lower_version("V2017_07_11"), None);
}

#[test]
fn an_operation_without_a_codec_is_handed_on() {
    let header = RequestHeader::default();
    let document = header.envelope(|writer| {
        writer.element("m:GetFolder", &[], |writer| {
            writer.empty("m:FolderShape", &[]);
        });
    });
    let Request::Other { name, element } = Request::decode(document.as_bytes()).unwrap() else {
        unreachable!("there is no codec for it");
    };
    assert_eq!(name, "GetFolder");
    assert!(element.child("FolderShape").is_some());
    let foreign = document.replace("m:GetFolder", "t:GetFolder");
    assert_eq!(
        Request::decode(foreign.as_bytes()).unwrap_err().code,
        ResponseCode::INVALID_REQUEST
    );
}

//! Known answers: the bodies of the dossier (section 8) and of the recorded session of SIPE.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::time::Duration;

use super::*;

const OPS: &str = "ma-chan://contoso.com/5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11";
const LAB: &str = "ma-chan://contoso.com/8a2c9d34-71b6-4b0c-8f12-2f6f0d9c7e55";
const SERVER: &str = r#"<xccos xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ver="1" envid="7962449779256945057" xmlns="urn:parlano:xml:ns:xccos">"#;

fn ops() -> RoomUri {
    RoomUri::parse(OPS).unwrap()
}

fn lab() -> RoomUri {
    RoomUri::parse(LAB).unwrap()
}

fn read(body: &str) -> Envelope {
    let envelope = decode(body.as_bytes(), &Quirks::default()).unwrap();
    assert_eq!(envelope.oddities, Vec::<String>::new(), "{body}");
    assert!(!envelope.repaired);
    envelope
}

fn client(inside: &str) -> String {
    format!(r#"<xccos ver="1" envid="183809312" xmlns="urn:parlano:xml:ns:xccos">{inside}</xccos>"#)
}

fn server(inside: &str) -> String {
    format!("{SERVER}{inside}</xccos>")
}

fn reply_body(name: &str, data: &str) -> String {
    server(&format!(
        r#"<rpl id="rpl:{name}" seqid="1"><commandid seqid="1" envid="183809312"/><resp code="200">SUCCESS_OK</resp><data>{data}</data></rpl>"#
    ))
}

fn command_id() -> CommandId {
    CommandId { envid: "183809312".to_owned(), seqid: "1".to_owned() }
}

fn only_reply(envelope: &Envelope) -> &Reply {
    match envelope.children.as_slice() {
        [Child::Reply(reply)] => reply,
        other => panic!("{other:?}"),
    }
}

/// Every established command leaves byte for byte as SIPE sends it, and is read back.
#[test]
fn commands_leave_as_established_clients_send_them() {
    let domain = || "contoso.com".to_owned();
    let chanid = |key: u32, room: &RoomUri| {
        format!(r#"<chanid key="{key}" domain="contoso.com" value="{}"/>"#, room.guid())
    };
    let cases = [
        (Command::RequestUri, r#"<cmd id="cmd:requri" seqid="1"><data/></cmd>"#.to_owned()),
        (
            Command::ServerInfo { domain: domain() },
            r#"<cmd id="cmd:getserverinfo" seqid="1"><data><sib domain="contoso.com" infoType="123"/></data></cmd>"#.to_owned(),
        ),
        (
            Command::Invitations { domain: domain(), after: 1 },
            r#"<cmd id="cmd:getinv" seqid="1"><data><inv inviteId="1" domain="contoso.com"/></data></cmd>"#.to_owned(),
        ),
        (
            Command::ChannelSearch { criteria: String::new(), extended: false },
            r#"<cmd id="cmd:chansrch" seqid="1"><data><qib qtype="BYNAME" criteria="" extended="false"/></data></cmd>"#.to_owned(),
        ),
        (
            Command::Join { room: ops() },
            format!(r#"<cmd id="cmd:join" seqid="1"><data>{}</data></cmd>"#, chanid(0, &ops())),
        ),
        (
            Command::BatchJoin { rooms: vec![ops(), lab()] },
            format!(
                r#"<cmd id="cmd:bjoin" seqid="1"><data>{}{}</data></cmd>"#,
                chanid(0, &ops()),
                chanid(1, &lab())
            ),
        ),
        (
            Command::BackContext { room: ops(), last: 25 },
            format!(
                r#"<cmd id="cmd:bccontext" seqid="1"><data><chanib uri="{OPS}"/><bcq><last cnt="25"/></bcq></data></cmd>"#
            ),
        ),
        (
            Command::Part { room: ops() },
            format!(r#"<cmd id="cmd:part" seqid="1"><data><chanib uri="{OPS}"/></data></cmd>"#),
        ),
        (
            Command::CreatableCategories,
            r#"<cmd id="cmd:nodespermcreatechild" seqid="1"><data/></cmd>"#.to_owned(),
        ),
        (
            Command::Preference { label: "kedzie.GroupChannels".to_owned(), version: 71 },
            r#"<cmd id="cmd:getpref" seqid="1"><data><pref label="kedzie.GroupChannels" seqid="71" createdefault="true"/></data></cmd>"#.to_owned(),
        ),
        (
            Command::UploadToken { room: ops(), file: "report.txt".to_owned() },
            format!(
                r#"<cmd id="cmd:getfutok" seqid="1"><data><ftdb channelUri="{OPS}" fileUrl="report.txt"/></data></cmd>"#
            ),
        ),
    ];
    for (command, inside) in cases {
        let envelope = Envelope::command(183_809_312, command);
        assert_eq!(encode(&envelope), client(&inside));
        assert_eq!(read(&client(&inside)), envelope);
    }
}

/// The sizes that the dossier's transcript states for these bodies.
#[test]
fn bodies_have_the_recorded_lengths() {
    let body = |envid: u32, command| encode(&Envelope::command(envid, command)).len();
    assert_eq!(body(1_877_240_112, Command::RequestUri), 119);
    assert_eq!(body(1_877_240_113, Command::ServerInfo { domain: "contoso.com".to_owned() }), 174);
    assert_eq!(body(1_877_240_114, Command::BatchJoin { rooms: vec![ops(), lab()] }), 290);
    assert_eq!(body(1_877_240_115, Command::BackContext { room: ops(), last: 25 }), 229);
}

/// SIPE's post of the recorded session, 2026-11-22T14:51:34Z.
#[test]
fn a_post_leaves_as_established_clients_send_it() {
    let sent = Duration::new(1_795_359_094, 75_288_000);
    let message = ChatMessage::outgoing(ops(), "sip:alice@contoso.com", "hello  & ü", sent);
    let body = client(&format!(
        r#"<grpchat id="grpchat" seqid="1" chanUri="{OPS}" author="sip:alice@contoso.com" ts="2026-11-22T14:51:34Z"><chat>hello  &amp; ü</chat></grpchat>"#
    ));
    let envelope = Envelope::post(183_809_312, message);
    assert_eq!(encode(&envelope), body);
    assert_eq!(read(&body), envelope);
}

/// The echo of that post, as the recorded server sent it.
#[test]
fn a_live_post_of_the_server() {
    let message = ChatMessage {
        author_name: Some("Alice".to_owned()),
        alert: Some(false),
        id: Some(43),
        ts: Some(timestamp::ticks(Duration::new(1_795_359_094, 75_288_000))),
        ..ChatMessage::outgoing(ops(), "sip:alice@contoso.com", "hello  & ü", Duration::ZERO)
    };
    let body = server(&format!(
        r#"<grpchat id="grpchat" seqid="1" chanUri="{OPS}" author="sip:alice@contoso.com" authdisp="Alice" alert="false" chatId="43" ts="2026-11-22T14:51:34.0752880Z"><chat>hello  &amp; ü</chat></grpchat>"#
    ));
    let envelope = Envelope::server("7962449779256945057", vec![Child::Chat(message.clone())]);
    assert_eq!(encode(&envelope), body);
    assert_eq!(read(&body).children, [Child::Chat(message)]);
}

/// Replies of the recorded session are read without an oddity and written back as they came.
#[test]
fn replies_of_the_recorded_session_come_back() {
    let info = r#"<info id="urn:parlano:ma:info:ucnt">3</info><info id="urn:parlano:ma:info:visibilty">SCOPE</info><prop id="urn:parlano:ma:prop:filepost">true</prop><prop id="urn:parlano:ma:prop:invite">false</prop><prop id="urn:parlano:ma:prop:logged">true</prop>"#;
    let users = r#"<uib id="0" uri="sip:roombot@contoso.com"/><uib id="1" uri="sip:anna.keller@contoso.com"/><uib id="2" uri="sip:marc.ober@contoso.com"/>"#;
    let room = format!(r#"name="Ops Desk" description="Operations" uri="{OPS}" topic="""#);
    let post = format!(
        r#"<msg id="grpchat" seqid="1" chanUri="{OPS}" author="sip:marc.ober@contoso.com" authdisp="Marc Ober" alert="false" chatId="41" ts="2014-03-03T09:02:30.9130000Z"><chat>Disk on db-7 &gt; 90 %, ticket 4711 &amp; watching.</chat></msg>"#
    );
    let bodies = [
        ("requri", r#"<uib uri="sip:GC-1-PersistentChatService-2@contoso.com"/>"#.to_owned()),
        (
            "getserverinfo",
            r#"<sib infoType="123" serverTime="2014-03-03T09:15:04.1280000Z" searchLimit="999" messageSizeLimit="512" storySizeLimit="4096" rootUri="ma-cat://contoso.com/2f0f6c1d-9d37-4f0e-8a55-0b6a4f6f7f10" dbVersion="3ea3a5a8-ef36-46cf-898f-7a5133931d63"/>"#.to_owned(),
        ),
        (
            "bjoin",
            format!(
                r#"<chanib {room}><aib key="3984" value="0,1"/><aib key="12276" value="2"/>{info}</chanib>{users}<fib key="OPERATION_FAILED" value="8a2c9d34-71b6-4b0c-8f12-2f6f0d9c7e55" domain="contoso.com"/>"#
            ),
        ),
        ("chansrch", format!("<chanib {room}>{info}</chanib>")),
        ("bccontext", format!(r#"<chanib uri="{OPS}">{post}</chanib>"#)),
        ("part", format!(r#"<chanib uri="{OPS}"/>"#)),
    ];
    for (name, data) in bodies {
        let body = reply_body(name, &data);
        let mut envelope = read(&body);
        assert_eq!(only_reply(&envelope).command, command_id());
        envelope.from_server = true;
        assert_eq!(encode(&envelope), body);
    }
    let empty = read(&reply_body("getinv", ""));
    assert!(only_reply(&empty).is_success() && only_reply(&empty).data.blocks.is_empty());
}

#[test]
fn a_batch_join_tells_who_is_there_and_what_failed() {
    let envelope = read(&reply_body(
        "bjoin",
        &format!(
            r#"<chanib name="Ops Desk" uri="{OPS}"><aib key="3984" value="0,1"/><aib key="12276" value="2,9"/></chanib><uib id="0" uri="sip:roombot@contoso.com" /><uib id="1" uri="sip:anna.keller@contoso.com" /><uib id="2" uri="sip:marc.ober@contoso.com" /><fib key="OPERATION_FAILED" value="{}" domain="contoso.com" />"#,
            lab().guid()
        ),
    ));
    let data = &only_reply(&envelope).data;
    assert_eq!(data.failures().collect::<Vec<_>>(), [&lab()]);
    let participants = data.participants(data.room(&ops()).unwrap());
    let seen: Vec<_> = participants.iter().map(|p| (p.address.as_str(), p.rights)).collect();
    assert_eq!(
        seen,
        [
            ("sip:roombot@contoso.com", Rights::MEMBER),
            ("sip:anna.keller@contoso.com", Rights::MEMBER),
            ("sip:marc.ober@contoso.com", Rights::MANAGER),
        ]
    );
}

/// Notices of the recorded session, and two users in two rooms.
#[test]
fn notices_come_and_go() {
    let guid = ops().guid().to_owned();
    let entered = |address: &str, room: RoomUri| Entered {
        room,
        address: address.to_owned(),
        name: None,
        rights: Rights::MEMBER,
    };
    let left = |address: &str| Left { room: ops(), address: address.to_owned() };
    let eva = "sip:eva.lind@contoso.com";
    let aib = |room: &RoomUri| {
        format!(r#"<aib key="3984" domain="contoso.com" value="{}"/>"#, room.guid())
    };
    let cases = [
        (
            Notice::Join(vec![entered(eva, ops())]),
            format!(
                r#"<ntc id="ntc:join" seqid="1"><data><uib uri="{eva}"><aib key="3984" domain="contoso.com" value="{guid}"/></uib></data></ntc>"#
            ),
        ),
        (
            Notice::BatchJoin(vec![
                entered(eva, ops()),
                entered(eva, lab()),
                entered("sip:b@c", ops()),
            ]),
            format!(
                r#"<ntc id="ntc:bjoin" seqid="1"><data><uib uri="{eva}">{0}{1}</uib><uib uri="sip:b@c">{0}</uib></data></ntc>"#,
                aib(&ops()),
                aib(&lab())
            ),
        ),
        (
            Notice::Part(vec![left(eva)]),
            format!(
                r#"<ntc id="ntc:part" seqid="1"><data><chanib uri="{OPS}"><uib uri="{eva}"/></chanib></data></ntc>"#
            ),
        ),
        (
            Notice::Quit(vec![eva.to_owned()]),
            format!(r#"<ntc id="ntc:quit" seqid="1"><data><uib uri="{eva}"/></data></ntc>"#),
        ),
    ];
    for (notice, inside) in cases {
        let envelope = Envelope::server("7962449779256945057", vec![Child::Notice(notice)]);
        assert_eq!(encode(&envelope), server(&inside));
        assert_eq!(read(&server(&inside)).children, envelope.children);
    }
}

#[test]
fn an_unknown_notice_names_its_rooms() {
    let body = server(&format!(
        r#"<ntc id="ntc:Chanmod" seqid="1"><data><chanib uri="{OPS}"/><uib uri="sip:a@c"><aib key="1" domain="contoso.com" value="{}"/></uib></data></ntc>"#,
        lab().guid()
    ));
    let envelope = decode(body.as_bytes(), &Quirks::default()).unwrap();
    assert_eq!(envelope.oddities, ["ntc:chanmod"]);
    let [Child::Notice(notice)] = envelope.children.as_slice() else { panic!("{envelope:?}") };
    assert_eq!((notice.name(), notice.rooms()), ("chanmod", vec![ops(), lab()]));
}

/// Children keep their order, a bad one costs none of its neighbours.
#[test]
fn several_children_in_document_order() {
    let post = |author: &str| {
        format!(r#"<grpchat id="grpchat" chanUri="{OPS}" {author}><chat>x</chat></grpchat>"#)
    };
    let body = server(&format!(
        r#"{}<rpl id="RPL:Join"/>{}<cmd id="cmd:join" seqid="4"><data/></cmd><what/>"#,
        post(r#"author="sip:a@c""#),
        post("")
    ));
    let envelope = decode(body.as_bytes(), &Quirks::default()).unwrap();
    let [Child::Chat(chat), Child::Reply(reply), bad, command, Child::Unknown(_)] =
        envelope.children.as_slice()
    else {
        panic!("{envelope:?}")
    };
    assert_eq!(chat.author, "sip:a@c");
    assert_eq!((reply.name.as_str(), reply.code), ("join", CODE_MISSING));
    assert!(matches!(bad, Child::Invalid { reason: Reason::Missing("author"), .. }));
    assert!(matches!(command, Child::Invalid { seqid, id, reason: Reason::Missing("chanid"), .. }
            if seqid == "4" && id == "cmd:join"));
    assert_eq!(envelope.oddities, ["xccos/what"]);
}

#[test]
fn exceptions_among_reply_names() {
    let reply = |name: &str| Reply::new(name, command_id(), CODE_OK, TEXT_OK, Data::empty());
    assert!(reply("getservinfo").answers("getserverinfo"));
    assert!(reply("getftok").answers("getfutok"));
    assert!(reply("GetFTok").answers("getfdtok"));
    assert!(!reply("join").answers("bjoin"));
    let upload = Command::UploadToken { room: ops(), file: String::new() };
    assert_eq!(upload.reply_name(), "getftok");
    let refused = Reply::failure("join", command_id(), assumed::Cause::Permission);
    assert_eq!((refused.code, refused.is_success()), (403, false));
}

#[test]
fn names_in_other_cases_are_understood() {
    let body = client(&format!(
        r#"<CMD ID="CMD:BcContext" SeqId="1"><Data><ChanIb URI="{OPS}"/><BCQ><LAST Cnt="3"/></BCQ></Data></CMD>"#
    ));
    let command = Command::BackContext { room: ops(), last: 3 };
    assert_eq!(read(&body), Envelope::command(183_809_312, command));
}

#[test]
fn forbidden_characters_cost_no_message() {
    let body = server(&format!(
        "<grpchat id=\"grpchat\" chanUri=\"{OPS}\" author=\"sip:a@c\"><chat>a\u{1}b&#2;c</chat></grpchat>"
    ));
    let envelope = decode(body.as_bytes(), &Quirks::default()).unwrap();
    assert!(envelope.repaired);
    let [Child::Chat(chat)] = envelope.children.as_slice() else { panic!("{envelope:?}") };
    assert_eq!(chat.chat, "a\u{fffd}b\u{fffd}c");
}

#[test]
fn utf_16_with_its_mark_is_read() {
    let body = client(r#"<cmd id="cmd:requri" seqid="1"><data/></cmd>"#);
    let little = [0xff, 0xfe].into_iter().chain(body.encode_utf16().flat_map(u16::to_le_bytes));
    let envelope = decode(&little.collect::<Vec<_>>(), &Quirks::default()).unwrap();
    assert_eq!(envelope, Envelope::command(183_809_312, Command::RequestUri));
}

#[test]
fn what_is_no_envelope_is_refused() {
    let refused = |body: &str| decode(body.as_bytes(), &Quirks::default()).unwrap_err();
    assert_eq!(refused("<html/>"), XccosError::Root);
    assert_eq!(refused(r#"<xccos xmlns="urn:other"/>"#), XccosError::Root);
    assert!(matches!(refused("hello"), XccosError::Xml(_)));
    assert!(matches!(refused(""), XccosError::Xml(_)));
    let deep = format!("<xccos>{}", "<a>".repeat(DEPTH_MAX));
    assert!(matches!(refused(&deep), XccosError::Xml(xml::Error::TooComplex { .. })));
}

/// 16 KB of everything that hurts, there and back.
#[test]
fn hard_text_comes_through() {
    let piece = "<b>&amp; ]]> \u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{1f600}\u{200d}\u{1f4bb} \"'\t|\n";
    let text: String = piece.repeat(16 * 1024 / piece.len() + 1);
    let message = ChatMessage {
        rtf: Some("{\\rtf1\r\n\\'cf<&>}".to_owned()),
        ..ChatMessage::outgoing(ops(), "sip:a@c", &text, Duration::ZERO)
    };
    let dirty = ChatMessage { chat: text.replace('|', "\u{1}\u{b}"), ..message.clone() };
    let clean = ChatMessage { chat: text.replace('|', ""), ..message.clone() };
    for (sent, expected) in [(message.clone(), message), (dirty, clean)] {
        let body = encode(&Envelope::post(1, sent));
        assert_eq!(read(&body).children, [Child::Chat(expected)]);
    }
}

#[test]
fn every_cut_is_an_error_and_no_panic() {
    let whole = reply_body(
        "bjoin",
        &format!(r#"<chanib uri="{OPS}"><aib key="1" value="0"/></chanib><uib id="0" uri="ü"/>"#),
    );
    for cut in 0..whole.len() {
        assert!(decode(&whole.as_bytes()[..cut], &Quirks::embedded()).is_err(), "cut at {cut}");
    }
}

/// One byte changed at a time: any answer but a panic.
#[test]
fn every_changed_byte_is_survived() {
    let whole = client(&format!(
        r#"<cmd id="cmd:bcbymsg" seqid="1"><data><chanib uri="{OPS}"/><bcq><limit cnt="1"/><msgid from="2"/></bcq></data></cmd>"#
    ));
    for at in 0..whole.len() {
        for byte in [b' ', b'<', b'"', 0, 0xff] {
            let mut body = whole.clone().into_bytes();
            body[at] = byte;
            let _ = decode(&body, &Quirks::embedded());
        }
    }
}

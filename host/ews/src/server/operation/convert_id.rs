//! `ConvertId`. Clients ask it while they log in (ews.md 9.2, 9.3): exchangelib to see the
//! version, DavMail to learn the address of whoever logged in.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use xml::Element;

use crate::soap::Fault;

use super::{
    super::{
        answer::{Answers, Refusal, piece},
        call::Call,
        id::Id,
    },
    inputs,
};

pub(super) fn convert_id(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    let format = element.attribute("DestinationFormat").unwrap_or("EwsId");
    let mut answers = Answers::new();
    for source in inputs(element, "SourceIds")? {
        answers.push(|| {
            call.begin_item()?;
            convert(call, source, format)
        });
    }
    Ok(answers.finish_raw("ConvertId"))
}

fn convert(call: &Call<'_>, source: &Element, format: &str) -> Result<String, Refusal> {
    let given = source.attribute("Id").unwrap_or_default().trim();
    let id = match source.attribute("Format") {
        Some("HexEntryId") => hex_decode(given).map(|bytes| STANDARD.encode(bytes)),
        _ => Some(given.to_owned()),
    };
    let id = id.ok_or_else(Refusal::malformed_id)?;
    Id::decode(&id, call.exchange.config.instance)
        .map_err(|error| Refusal::id(error, Refusal::item_not_found()))?;
    let bytes = STANDARD.decode(&id).map_err(|_| Refusal::malformed_id())?;
    let converted = match format {
        "HexEntryId" => bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
        _ => id,
    };
    let owner = call.exchange.directory.user(call.mailbox);
    let owner = owner.ok_or_else(Refusal::non_existent_mailbox)?;
    Ok(piece(|writer| {
        let attributes = [
            ("xsi:type", "t:AlternateIdType"),
            ("Format", format),
            ("Id", &converted),
            // Not what was asked with, but whose it is: DavMail asks for "blah@blah.com".
            ("Mailbox", &owner.mailbox),
        ];
        writer.empty("m:AlternateId", &attributes);
    }))
}

fn hex_decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits
        .len()
        .is_multiple_of(2)
        .then(|| digits.chunks(2).map(byte).collect::<Option<_>>())
        .flatten()
}

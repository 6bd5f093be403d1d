//! What a path of a request finds in an item: for restrictions, sorting and extended properties.

use std::{cmp::Ordering, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    date_time::DateTime,
    property::{ExtendedFieldUri, PropertyPath, PropertyType, PropertyValue},
    values,
};

use super::{
    item::{Address, StoredItem},
    property::{INTERNET_HEADERS, PUBLIC_STRINGS, PropertyId},
    time,
};

/// A value that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// The values of an array; equal or containing if one of them is.
    Texts(Vec<String>),
    Number(i64),
    Flag(bool),
    Time(Duration),
}

/// What the path finds in the item.
pub(crate) fn value(path: &PropertyPath, item: &StoredItem) -> Option<Value> {
    match path {
        PropertyPath::Field(uri) => field(uri, item),
        PropertyPath::Indexed { uri, index } if uri == "item:InternetMessageHeader" => {
            item.header(index).map(|value| Value::Text(value.to_owned()))
        }
        PropertyPath::Indexed { .. } => None,
        PropertyPath::Extended(uri) => extended(uri, item),
    }
}

impl Value {
    /// Reads a constant of a request as the kind of value that it is compared with.
    pub(crate) fn like(&self, constant: &str) -> Option<Self> {
        match self {
            Self::Text(_) | Self::Texts(_) => Some(Self::Text(constant.to_owned())),
            Self::Number(_) => constant.trim().parse().ok().map(Self::Number),
            Self::Flag(_) => values::boolean(constant).map(Self::Flag),
            Self::Time(_) => DateTime::parse(constant).map(|date| Self::Time(time::unix(date))),
        }
    }

    /// Compares as the store does: text without case; values of different kinds not at all.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.to_lowercase().cmp(&b.to_lowercase())),
            (Self::Texts(a), Self::Text(b)) => {
                let b = b.to_lowercase();
                let orders = a.iter().map(|a| a.to_lowercase().cmp(&b));
                orders.min_by_key(|order| *order != Ordering::Equal)
            }
            (Self::Texts(a), Self::Texts(b)) => Some(a.cmp(b)),
            (Self::Number(a), Self::Number(b)) => Some(a.cmp(b)),
            (Self::Flag(a), Self::Flag(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

fn field(uri: &str, item: &StoredItem) -> Option<Value> {
    let content = item.content();
    Some(match uri {
        "item:Subject" | "message:ConversationTopic" => Value::Text(content.subject.clone()),
        "item:ItemClass" => Value::Text(content.item_class.clone()),
        "item:Body" | "item:TextBody" | "item:Preview" => Value::Text(item.text()),
        "item:Importance" => Value::Number(importance(&content.importance)),
        "item:Sensitivity" => Value::Text(content.sensitivity.clone()),
        "item:Categories" => Value::Texts(content.categories.clone()),
        "item:Size" => number(item.size_bytes()),
        "item:HasAttachments" => Value::Flag(!content.attachments.is_empty()),
        "item:DateTimeReceived" => Value::Time(item.received),
        "item:DateTimeSent" => Value::Time(item.sent?),
        "item:DateTimeCreated" => Value::Time(item.created),
        "item:LastModifiedTime" => Value::Time(item.modified),
        "item:IsDraft" => Value::Flag(item.is_draft),
        "item:IsSubmitted" => Value::Flag(item.is_submitted),
        "item:IsAssociated" | "item:IsResend" | "item:ReminderIsSet" => Value::Flag(false),
        "item:InReplyTo" => Value::Text(content.in_reply_to.clone()?),
        "item:DisplayTo" => Value::Text(display(&content.to)),
        "item:DisplayCc" => Value::Text(display(&content.cc)),
        "item:Culture" => Value::Text(content.culture.clone()?),
        "message:IsRead" => Value::Flag(item.is_read),
        "message:InternetMessageId" => Value::Text(content.message_id.clone()),
        "message:References" => Value::Text(content.references.clone()?),
        "message:From" => Value::Text(shown(content.from.as_ref()?)),
        "message:Sender" => Value::Text(shown(content.sender.as_ref().or(content.from.as_ref())?)),
        "message:ToRecipients" => Value::Texts(content.to.iter().map(shown).collect()),
        "message:CcRecipients" => Value::Texts(content.cc.iter().map(shown).collect()),
        "message:BccRecipients" => Value::Texts(item.bcc.iter().map(shown).collect()),
        _ => return None,
    })
}

/// The value of an extended property: what the store derives (ews.md 9.3), or the item's own.
fn extended(uri: &ExtendedFieldUri, item: &StoredItem) -> Option<Value> {
    let id = PropertyId::from(uri);
    let derived = match &id {
        PropertyId::Tag(tag) => derived(*tag, item),
        PropertyId::Named(set, name) if set == INTERNET_HEADERS => {
            item.header(name).map(|value| Value::Text(value.to_owned()))
        }
        PropertyId::Named(set, name) if set == PUBLIC_STRINGS && name == "Keywords" => {
            let categories = &item.content().categories;
            (!categories.is_empty()).then(|| Value::Texts(categories.clone()))
        }
        _ => None,
    };
    derived.or_else(|| own(&id, uri.property_type(), item))
}

fn own(id: &PropertyId, kind: PropertyType, item: &StoredItem) -> Option<Value> {
    let value = match &item.property(id)?.value {
        PropertyValue::Many(values) => return Some(Value::Texts(values.clone())),
        PropertyValue::One(value) => value,
    };
    let like = match kind {
        PropertyType::Integer | PropertyType::Long | PropertyType::Short => Value::Number(0),
        PropertyType::Boolean => Value::Flag(false),
        PropertyType::SystemTime => Value::Time(Duration::ZERO),
        _ => Value::Text(String::new()),
    };
    like.like(value)
}

/// Properties that MS-OXPROPS defines and the store knows from elsewhere.
fn derived(tag: u16, item: &StoredItem) -> Option<Value> {
    let content = item.content();
    let from = content.from.as_ref();
    let sender = content.sender.as_ref().or(from);
    Some(match tag {
        0x0017 => Value::Number(importance(&content.importance)),
        0x001a => Value::Text(content.item_class.clone()),
        0x0037 | 0x0070 | 0x0e1d => Value::Text(content.subject.clone()),
        0x0039 => Value::Time(item.sent?),
        0x0042 => Value::Text(shown(from?)),
        0x007d => Value::Text(header_block(item)?),
        0x0c1a => Value::Text(shown(sender?)),
        0x0c1f | 0x5d01 => Value::Text(sender?.smtp.clone()),
        0x0e03 => Value::Text(display(&content.cc)),
        0x0e04 => Value::Text(display(&content.to)),
        0x0e06 => Value::Time(item.received),
        0x0e07 => Value::Number(i64::from(item.flags())),
        0x0e08 => number(item.size_bytes()),
        0x0e1b => Value::Flag(!content.attachments.is_empty()),
        // The IMAP UID (PidTagInternetArticleNumber).
        0x0e23 => Value::Number(i64::from(item.uid)),
        0x1000 => Value::Text(item.text()),
        0x1013 => Value::Text(STANDARD.encode(content.html.as_ref()?)),
        0x1035 => Value::Text(content.message_id.clone()),
        0x1039 => Value::Text(content.references.clone()?),
        0x1042 => Value::Text(content.in_reply_to.clone()?),
        0x10f3 => Value::Text(format!("{}.EML", item.key)),
        0x3007 => Value::Time(item.created),
        0x3008 => Value::Time(item.modified),
        0x300b => Value::Text(STANDARD.encode(item.created_change.to_be_bytes())),
        // DavMail takes this as the item's name on the server: stable, and telling nothing.
        0x670e => Value::Text(format!("/items/{}.EML", item.key)),
        _ => return None,
    })
}

/// The value as an extended property of this type holds it.
pub(crate) fn property_value(value: Value, kind: PropertyType) -> PropertyValue {
    let is_array = kind.as_str().ends_with("Array");
    let mut texts = match value {
        Value::Text(text) => vec![text],
        Value::Texts(texts) => texts,
        Value::Number(number) => vec![number.to_string()],
        Value::Flag(flag) => vec![flag.to_string()],
        Value::Time(at) => vec![time::date(at).to_string()],
    };
    if is_array {
        PropertyValue::Many(texts)
    } else {
        PropertyValue::One(if texts.is_empty() { String::new() } else { texts.swap_remove(0) })
    }
}

/// `Name` or else the address.
pub(crate) fn shown(address: &Address) -> String {
    if address.name.is_empty() { address.smtp.clone() } else { address.name.clone() }
}

/// Recipients as `item:DisplayTo` shows them.
pub(crate) fn display(addresses: &[Address]) -> String {
    addresses.iter().map(shown).collect::<Vec<_>>().join("; ")
}

fn header_block(item: &StoredItem) -> Option<String> {
    let headers = &item.content().headers;
    let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    (!headers.is_empty()).then(|| lines.collect())
}

fn importance(text: &str) -> i64 {
    match text {
        "Low" => 0,
        "High" => 2,
        _ => 1,
    }
}

fn number(count: usize) -> Value {
    Value::Number(i64::try_from(count).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn tag(tag: u16) -> PropertyPath {
        PropertyPath::Extended(ExtendedFieldUri::tag(tag, PropertyType::Integer).unwrap())
    }

    #[test]
    fn derived_properties_come_from_the_item() {
        let mut item = StoredItem::draft(Duration::from_secs(60));
        item.uid = 7;
        assert_eq!(value(&tag(0xe23), &item), Some(Value::Number(7)));
        assert_eq!(value(&tag(0xe07), &item), Some(Value::Number(9)));
        item.content_mut().headers.push(("X-Room".to_owned(), "ops".to_owned()));
        let name = crate::property::PropertyName::Name("x-room".to_owned());
        let kind = PropertyType::String;
        let header = ExtendedFieldUri::distinguished("InternetHeaders", name, kind).unwrap();
        let header = value(&PropertyPath::Extended(header), &item);
        assert_eq!(header, Some(Value::Text("ops".to_owned())));
    }

    #[test]
    fn inapplicable_fields_have_no_value() {
        let item = StoredItem::draft(Duration::ZERO);
        assert_eq!(value(&PropertyPath::field("calendar:Start"), &item), None);
        assert_eq!(value(&tag(0x7ffe), &item), None);
    }

    #[test]
    fn text_compares_without_case_and_arrays_by_any() {
        let texts = Value::Texts(vec!["a".to_owned(), "B".to_owned()]);
        let b = texts.like("b").unwrap();
        assert_eq!(texts.compare(&b), Some(Ordering::Equal));
        assert_eq!(Value::Number(1).compare(&b), None);
        assert_eq!(Value::Number(2).like("x"), None);
    }
}

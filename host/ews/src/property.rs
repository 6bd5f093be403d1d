//! Paths to properties: `t:FieldURI`, `t:IndexedFieldURI`, `t:ExtendedFieldURI`; and the extended
//! property itself (ews.md 1.4).

use xml::{Element, Writer};

use crate::{
    code::ResponseCode,
    values::{number_attribute, wire_enum},
};

wire_enum! {
    /// The MAPI type of an extended property. `Integer` is 32 bits wide, `Long` 64.
    pub enum PropertyType {
        /// A floating time.
        ApplicationTime = "ApplicationTime",
        /// Floating times.
        ApplicationTimeArray = "ApplicationTimeArray",
        /// Base64.
        Binary = "Binary",
        /// Base64, many.
        BinaryArray = "BinaryArray",
        /// `true` or `false`.
        Boolean = "Boolean",
        /// A GUID.
        Clsid = "CLSID",
        /// GUIDs.
        ClsidArray = "CLSIDArray",
        /// 64 bits, in ten-thousandths.
        Currency = "Currency",
        /// Many of them.
        CurrencyArray = "CurrencyArray",
        /// 64 bits.
        Double = "Double",
        /// Many of them.
        DoubleArray = "DoubleArray",
        /// Only for reporting.
        Error = "Error",
        /// 32 bits.
        Float = "Float",
        /// Many of them.
        FloatArray = "FloatArray",
        /// 32 bits (`PT_LONG`).
        Integer = "Integer",
        /// Many of them.
        IntegerArray = "IntegerArray",
        /// 64 bits.
        Long = "Long",
        /// Many of them.
        LongArray = "LongArray",
        /// Only for reporting.
        Null = "Null",
        /// Only for reporting.
        Object = "Object",
        /// Only for reporting.
        ObjectArray = "ObjectArray",
        /// 16 bits.
        Short = "Short",
        /// Many of them.
        ShortArray = "ShortArray",
        /// `2026-11-22T07:00:00Z`.
        SystemTime = "SystemTime",
        /// Many of them.
        SystemTimeArray = "SystemTimeArray",
        /// Text.
        String = "String",
        /// Many of them.
        StringArray = "StringArray",
    }
}

/// The first tag that belongs to named properties; they have no tag of their own.
const NAMED_TAGS: u16 = 0x8000;

const DISTINGUISHED_SETS: &[&str] = &[
    "Meeting",
    "Appointment",
    "Common",
    "PublicStrings",
    "Address",
    "InternetHeaders",
    "CalendarAssistant",
    "UnifiedMessaging",
    "Task",
    "Sharing",
];

/// The set that a named property belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PropertySet {
    /// By GUID, lower case, without braces.
    Guid(String),
    /// By one of the schema's names, e.g. `InternetHeaders`.
    Distinguished(String),
}

/// Which property of its set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PropertyName {
    /// By name.
    Name(String),
    /// By number.
    Id(i32),
}

/// What names an extended property, apart from its type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PropertyKey {
    /// By tag, below 0x8000.
    Tag(u16),
    /// By set and name.
    Named(PropertySet, PropertyName),
}

/// `t:ExtendedFieldURI`. Compares as Exchange does: GUIDs are kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExtendedFieldUri {
    pub(crate) key: PropertyKey,
    pub(crate) property_type: PropertyType,
}

impl ExtendedFieldUri {
    /// A property by tag.
    ///
    /// # Errors
    /// `ErrorNoPropertyTagForCustomProperties` for a tag at or above 0x8000.
    pub fn tag(tag: u16, property_type: PropertyType) -> Result<Self, ResponseCode> {
        if tag >= NAMED_TAGS {
            return Err(ResponseCode::NO_PROPERTY_TAG_FOR_CUSTOM_PROPERTIES);
        }
        Ok(Self { key: PropertyKey::Tag(tag), property_type })
    }

    /// A property by the GUID of its set and its name.
    ///
    /// # Errors
    /// `ErrorInvalidExtendedProperty` if `set` is no GUID (8-4-4-4-12 hexadecimal digits).
    pub fn named(
        set: &str,
        name: PropertyName,
        property_type: PropertyType,
    ) -> Result<Self, ResponseCode> {
        if !is_guid(set) {
            return Err(ResponseCode::INVALID_EXTENDED_PROPERTY);
        }
        let set = PropertySet::Guid(set.to_ascii_lowercase());
        Ok(Self { key: PropertyKey::Named(set, name), property_type })
    }

    /// A property of one of the schema's named sets.
    ///
    /// # Errors
    /// `ErrorInvalidExtendedProperty` if the schema does not know `set`.
    pub fn distinguished(
        set: &str,
        name: PropertyName,
        property_type: PropertyType,
    ) -> Result<Self, ResponseCode> {
        if !DISTINGUISHED_SETS.contains(&set) {
            return Err(ResponseCode::INVALID_EXTENDED_PROPERTY);
        }
        let set = PropertySet::Distinguished(set.to_owned());
        Ok(Self { key: PropertyKey::Named(set, name), property_type })
    }

    /// What names the property.
    #[must_use]
    pub fn key(&self) -> &PropertyKey {
        &self.key
    }

    /// Its type.
    #[must_use]
    pub fn property_type(&self) -> PropertyType {
        self.property_type
    }

    /// Writes `t:ExtendedFieldURI` in Exchange's own spelling: tags in lower-case hexadecimal
    /// without leading zeros (`0xe23`), GUIDs in lower case (ews.md 9.3).
    pub fn write(&self, writer: &mut Writer) {
        let (number, mut attributes): (String, Vec<(&str, &str)>) = match &self.key {
            PropertyKey::Tag(tag) => (format!("{tag:#x}"), Vec::new()),
            PropertyKey::Named(set, name) => {
                let set = match set {
                    PropertySet::Guid(guid) => ("PropertySetId", guid.as_str()),
                    PropertySet::Distinguished(set) => ("DistinguishedPropertySetId", set.as_str()),
                };
                match name {
                    PropertyName::Name(name) => {
                        (String::new(), vec![set, ("PropertyName", name.as_str())])
                    }
                    PropertyName::Id(id) => (id.to_string(), vec![set]),
                }
            }
        };
        match &self.key {
            PropertyKey::Tag(_) => attributes.push(("PropertyTag", &number)),
            PropertyKey::Named(_, PropertyName::Id(_)) => attributes.push(("PropertyId", &number)),
            PropertyKey::Named(_, PropertyName::Name(_)) => {}
        }
        attributes.push(("PropertyType", self.property_type.as_str()));
        writer.empty("t:ExtendedFieldURI", &attributes);
    }

    /// Reads `ExtendedFieldURI`.
    ///
    /// # Errors
    /// `ErrorInvalidExtendedProperty` for a combination of attributes that names nothing,
    /// `ErrorNoPropertyTagForCustomProperties` for a tag at or above 0x8000.
    pub fn read(element: &Element) -> Result<Self, ResponseCode> {
        let invalid = ResponseCode::INVALID_EXTENDED_PROPERTY;
        let kind = element.attribute("PropertyType").and_then(PropertyType::from_wire);
        let kind = kind.ok_or_else(|| invalid.clone())?;
        let name =
            element.attribute("PropertyName").map(|name| PropertyName::Name(name.to_owned()));
        let id = element.attribute("PropertyId");
        let id = id.map(|_| number_attribute(element, "PropertyId").ok_or(&invalid)).transpose();
        let id = id.map_err(Clone::clone)?.map(PropertyName::Id);
        let set = element.attribute("PropertySetId");
        let distinguished = element.attribute("DistinguishedPropertySetId");
        let member = match (name, id) {
            (Some(_), Some(_)) => return Err(invalid),
            (name, id) => name.or(id),
        };
        match (element.attribute("PropertyTag"), set, distinguished, member) {
            (Some(tag), None, None, None) => Self::tag(read_tag(tag).ok_or(invalid)?, kind),
            (None, Some(set), None, Some(member)) => Self::named(set.trim(), member, kind),
            (None, None, Some(set), Some(member)) => Self::distinguished(set.trim(), member, kind),
            _ => Err(invalid),
        }
    }
}

fn read_tag(text: &str) -> Option<u16> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    match digits {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u16::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None => text.parse().ok(),
    }
}

fn is_guid(text: &str) -> bool {
    let mut groups = text.split('-');
    let right = [8, 4, 4, 4, 12].iter().all(|length| {
        groups.next().is_some_and(|group| {
            group.len() == *length && group.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    });
    right && groups.next().is_none()
}

/// Any path to a property.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PropertyPath {
    /// `t:FieldURI`, e.g. `item:Subject`. Not checked: clients ask for properties of calendar
    /// items too, and unknown ones are to be ignored (ews.md 9.2).
    Field(String),
    /// `t:IndexedFieldURI`, e.g. `item:InternetMessageHeader` of one name.
    Indexed {
        /// The family.
        uri: String,
        /// Which one of it.
        index: String,
    },
    /// `t:ExtendedFieldURI`.
    Extended(ExtendedFieldUri),
}

impl PropertyPath {
    /// A property by the schema's name, e.g. `item:DateTimeCreated`.
    #[must_use]
    pub fn field(uri: impl Into<String>) -> Self {
        Self::Field(uri.into())
    }

    /// Writes the element.
    pub fn write(&self, writer: &mut Writer) {
        match self {
            Self::Field(uri) => {
                writer.empty("t:FieldURI", &[("FieldURI", uri)]);
            }
            Self::Indexed { uri, index } => {
                writer.empty("t:IndexedFieldURI", &[("FieldURI", uri), ("FieldIndex", index)]);
            }
            Self::Extended(uri) => uri.write(writer),
        }
    }

    /// Reads any of the three elements; nothing for another or an invalid one.
    #[must_use]
    pub fn read(element: &Element) -> Option<Self> {
        let uri = || element.attribute("FieldURI").map(|uri| uri.trim().to_owned());
        match element.name.as_str() {
            "FieldURI" => Some(Self::Field(uri()?)),
            "IndexedFieldURI" => Some(Self::Indexed {
                uri: uri()?,
                index: element.attribute("FieldIndex")?.to_owned(),
            }),
            "ExtendedFieldURI" => ExtendedFieldUri::read(element).ok().map(Self::Extended),
            _ => None,
        }
    }
}

/// What an extended property holds, in the schema's spelling of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyValue {
    /// `t:Value`.
    One(String),
    /// `t:Values`, for the `…Array` types.
    Many(Vec<String>),
}

/// `t:ExtendedProperty`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedProperty {
    /// Which property.
    pub uri: ExtendedFieldUri,
    /// Its value.
    pub value: PropertyValue,
}

impl ExtendedProperty {
    /// A property with one value.
    #[must_use]
    pub fn new(uri: ExtendedFieldUri, value: impl Into<String>) -> Self {
        Self { uri, value: PropertyValue::One(value.into()) }
    }

    /// The value if it is one.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match &self.value {
            PropertyValue::One(value) => Some(value),
            PropertyValue::Many(_) => None,
        }
    }

    /// Writes the element.
    pub fn write(&self, writer: &mut Writer) {
        writer.element("t:ExtendedProperty", &[], |writer| {
            self.uri.write(writer);
            match &self.value {
                PropertyValue::One(value) => {
                    writer.leaf("t:Value", value);
                }
                PropertyValue::Many(values) => {
                    writer.element("t:Values", &[], |writer| {
                        for value in values {
                            writer.leaf("t:Value", value);
                        }
                    });
                }
            }
        });
    }

    /// Reads the element.
    ///
    /// # Errors
    /// As [`ExtendedFieldUri::read`]; also `ErrorInvalidExtendedProperty` without a value.
    pub fn read(element: &Element) -> Result<Self, ResponseCode> {
        let uri = element.child("ExtendedFieldURI");
        let uri =
            uri.ok_or(ResponseCode::INVALID_EXTENDED_PROPERTY).and_then(ExtendedFieldUri::read)?;
        let value = match (element.child("Value"), element.child("Values")) {
            (Some(value), _) => PropertyValue::One(value.text()),
            (None, Some(values)) => {
                PropertyValue::Many(values.children_named("Value").map(Element::text).collect())
            }
            (None, None) => return Err(ResponseCode::INVALID_EXTENDED_PROPERTY),
        };
        Ok(Self { uri, value })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::test::parse;

    fn written(uri: &ExtendedFieldUri) -> String {
        let mut writer = Writer::new();
        uri.write(&mut writer);
        writer.finish()
    }

    #[test]
    fn exchange_spelling() {
        let tag = ExtendedFieldUri::tag(0x0e23, PropertyType::Integer).unwrap();
        assert_eq!(
            written(&tag),
            r#"<t:ExtendedFieldURI PropertyTag="0xe23" PropertyType="Integer"/>"#
        );
        let name = PropertyName::Name("DigestDeliveryKey".to_owned());
        let guid = "9C1F6A2E-5D0B-4B6E-8A57-3F0A4F2F6B11";
        let named = ExtendedFieldUri::named(guid, name, PropertyType::String).unwrap();
        assert_eq!(
            written(&named),
            "<t:ExtendedFieldURI PropertySetId=\"9c1f6a2e-5d0b-4b6e-8a57-3f0a4f2f6b11\" \
             PropertyName=\"DigestDeliveryKey\" PropertyType=\"String\"/>"
        );
        let common = ExtendedFieldUri::distinguished(
            "Common",
            PropertyName::Id(34160),
            PropertyType::SystemTime,
        )
        .unwrap();
        assert_eq!(
            written(&common),
            "<t:ExtendedFieldURI DistinguishedPropertySetId=\"Common\" PropertyId=\"34160\" \
             PropertyType=\"SystemTime\"/>"
        );
    }

    #[test]
    fn any_spelling_of_a_tag_is_the_same_property() {
        for tag in ["0x0E07", "0xe07", "0XE07", "3591", " 0x0e07 "] {
            let document = format!(r#"<E PropertyTag="{tag}" PropertyType="Integer"/>"#);
            let read = ExtendedFieldUri::read(&parse(&document)).unwrap();
            assert_eq!(read, ExtendedFieldUri::tag(0x0e07, PropertyType::Integer).unwrap());
        }
    }

    #[test]
    fn combinations_that_name_nothing_are_refused() {
        let guid = "9c1f6a2e-5d0b-4b6e-8a57-3f0a4f2f6b11";
        for attributes in [
            String::new(),
            r#"PropertyTag="0x1""#.to_owned(),
            r#"PropertyType="String""#.to_owned(),
            r#"PropertyTag="0x1" PropertyType="Text""#.to_owned(),
            r#"PropertyTag="0x12345" PropertyType="String""#.to_owned(),
            r#"PropertyTag="0x+1" PropertyType="String""#.to_owned(),
            r#"PropertyTag="0x1" PropertyName="a" PropertyType="String""#.to_owned(),
            format!(r#"PropertySetId="{guid}" PropertyType="String""#),
            format!(
                r#"PropertySetId="{guid}" PropertyName="a" PropertyId="1" PropertyType="String""#
            ),
            format!(r#"PropertySetId="{guid}" PropertyId="x" PropertyType="String""#),
            format!(r#"PropertySetId="{{{guid}}}" PropertyName="a" PropertyType="String""#),
            r#"DistinguishedPropertySetId="Mine" PropertyName="a" PropertyType="String""#
                .to_owned(),
            format!(
                r#"DistinguishedPropertySetId="Common" PropertySetId="{guid}" PropertyName="a" PropertyType="String""#
            ),
        ] {
            let element = parse(&format!("<E {attributes}/>"));
            let refusal = ExtendedFieldUri::read(&element).unwrap_err();
            assert_eq!(refusal, ResponseCode::INVALID_EXTENDED_PROPERTY, "{attributes}");
        }
        let element = parse(r#"<E PropertyTag="0x8001" PropertyType="String"/>"#);
        let refusal = ExtendedFieldUri::read(&element).unwrap_err();
        assert_eq!(refusal, ResponseCode::NO_PROPERTY_TAG_FOR_CUSTOM_PROPERTIES);
    }
}

//! Extended properties as the store keeps them: one identity, whatever way a request spells it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    code::ResponseCode,
    date_time::DateTime,
    property::{
        ExtendedFieldUri, ExtendedProperty, PropertyKey, PropertyName, PropertySet, PropertyValue,
    },
    values,
};

use super::answer::Refusal;

/// The distinguished property sets (MS-OXPROPS 1.3.2) as the GUIDs they stand for.
const SETS: [(&str, &str); 10] = [
    ("Meeting", "6ed8da90-450b-101b-98da-00aa003f1305"),
    ("Appointment", "00062002-0000-0000-c000-000000000046"),
    ("Common", "00062008-0000-0000-c000-000000000046"),
    ("PublicStrings", PUBLIC_STRINGS),
    ("Address", "00062004-0000-0000-c000-000000000046"),
    ("InternetHeaders", INTERNET_HEADERS),
    ("CalendarAssistant", "11000e07-b51b-40d6-af21-caa85edab1d0"),
    ("UnifiedMessaging", "4442858e-a9e3-4e80-b900-317a210cc15b"),
    ("Task", "00062003-0000-0000-c000-000000000046"),
    ("Sharing", "00062040-0000-0000-c000-000000000046"),
];

pub(crate) const INTERNET_HEADERS: &str = "00020386-0000-0000-c000-000000000046";
pub(crate) const PUBLIC_STRINGS: &str = "00020329-0000-0000-c000-000000000046";

/// Bytes of one property's values, all together.
pub(crate) const PROPERTY_BYTES_MAX: usize = 64 << 10;
/// Extended properties of one item.
pub(crate) const PROPERTIES_MAX: usize = 100;

/// The identity of a property, whatever way a request spells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PropertyId {
    /// A tag of MAPI without its type, below 0x8000.
    Tag(u16),
    /// A name in a set: GUID in lower case; names compare exactly, those of headers without case.
    Named(String, String),
    /// A number in a set.
    Numbered(String, i32),
}

impl From<&ExtendedFieldUri> for PropertyId {
    fn from(uri: &ExtendedFieldUri) -> Self {
        let guid = |set: &PropertySet| match set {
            PropertySet::Guid(guid) => guid.clone(),
            PropertySet::Distinguished(name) => {
                let known = SETS.iter().find(|(set, _)| set == name);
                known.map_or(name.as_str(), |(_, guid)| guid).to_owned()
            }
        };
        match uri.key() {
            PropertyKey::Tag(tag) => Self::Tag(*tag),
            PropertyKey::Named(set, PropertyName::Name(name)) => Self::named(guid(set), name),
            PropertyKey::Named(set, PropertyName::Id(id)) => Self::Numbered(guid(set), *id),
        }
    }
}

impl PropertyId {
    /// A name in the set with this GUID, which is in lower case.
    pub(crate) fn named(guid: String, name: &str) -> Self {
        let is_header = guid == INTERNET_HEADERS;
        let name = if is_header { name.to_ascii_lowercase() } else { name.to_owned() };
        Self::Named(guid, name)
    }
}

/// A property of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) id: PropertyId,
    pub(crate) value: PropertyValue,
}

impl Property {
    /// Takes a property that a request sets.
    ///
    /// # Errors
    /// `ErrorInvalidExtendedPropertyValue` for a value that does not fit its type.
    pub(crate) fn new(property: &ExtendedProperty) -> Result<Self, Refusal> {
        let kind = property.uri.property_type().as_str();
        let element = kind.strip_suffix("Array");
        let (values, fits_shape) = match &property.value {
            PropertyValue::One(value) => (std::slice::from_ref(value), element.is_none()),
            PropertyValue::Many(values) => (values.as_slice(), element.is_some()),
        };
        let bytes: usize = values.iter().map(String::len).sum();
        let kind = element.unwrap_or(kind);
        let fits_type = values.iter().all(|value| fits(kind, value.trim()));
        if !fits_shape || !fits_type || bytes > PROPERTY_BYTES_MAX {
            let text = "The extended property's value does not fit its type.";
            return Err(Refusal::new(ResponseCode::INVALID_EXTENDED_PROPERTY_VALUE, text));
        }
        Ok(Self { id: (&property.uri).into(), value: property.value.clone() })
    }

    /// All its values.
    pub(crate) fn values(&self) -> &[String] {
        match &self.value {
            PropertyValue::One(value) => std::slice::from_ref(value),
            PropertyValue::Many(values) => values,
        }
    }
}

fn fits(kind: &str, value: &str) -> bool {
    match kind {
        "Integer" => value.parse::<i32>().is_ok(),
        "Short" => value.parse::<i16>().is_ok(),
        "Long" | "Currency" => value.parse::<i64>().is_ok(),
        "Double" | "Float" | "ApplicationTime" => value.parse::<f64>().is_ok(),
        "Boolean" => values::boolean(value).is_some(),
        "SystemTime" => DateTime::parse(value).is_some(),
        "Binary" => STANDARD.decode(value).is_ok(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::property::PropertyType;

    fn keywords(kind: PropertyType) -> ExtendedFieldUri {
        let name = PropertyName::Name("Keywords".to_owned());
        ExtendedFieldUri::distinguished("PublicStrings", name, kind).unwrap()
    }

    #[test]
    fn a_distinguished_set_is_its_guid() {
        let name = PropertyName::Name("Keywords".to_owned());
        let guid = "00020329-0000-0000-C000-000000000046";
        let long = ExtendedFieldUri::named(guid, name, PropertyType::StringArray).unwrap();
        let short = keywords(PropertyType::StringArray);
        assert_eq!(PropertyId::from(&short), PropertyId::from(&long));
    }

    #[test]
    fn header_names_have_no_case() {
        let named = |name| PropertyId::named(INTERNET_HEADERS.to_owned(), name);
        assert_eq!(named("X-Room"), named("x-room"));
        let other = |name| PropertyId::named("set".to_owned(), name);
        assert_ne!(other("Key"), other("key"));
    }

    #[test]
    fn values_are_checked_against_the_type() {
        let tag = |kind| ExtendedFieldUri::tag(0x37, kind).unwrap();
        for (kind, value, right) in [
            (PropertyType::Integer, "12", true),
            (PropertyType::Integer, "x", false),
            (PropertyType::Boolean, "yes", false),
            (PropertyType::SystemTime, "2026-11-22T07:00:00Z", true),
            (PropertyType::Binary, "?", false),
            (PropertyType::StringArray, "one", false),
        ] {
            let property = Property::new(&ExtendedProperty::new(tag(kind), value));
            assert_eq!(property.is_ok(), right, "{kind} {value}");
        }
        let uri = keywords(PropertyType::StringArray);
        let many = PropertyValue::Many(vec!["a".to_owned()]);
        assert!(Property::new(&ExtendedProperty { uri, value: many }).is_ok());
    }
}

//! Which items of a folder a restriction lets through.

use std::cmp::Ordering;

use crate::{
    property::{PropertyPath, PropertyType},
    restriction::{Comparison, ContainmentComparison, ContainmentMode, Operand, Restriction},
};

use super::{
    field::{self, Value},
    item::StoredItem,
    property::{INTERNET_HEADERS, PropertyId},
};

/// Whether the item is wanted.
pub(crate) fn matches(restriction: &Restriction, item: &StoredItem) -> bool {
    holds(restriction, &|path| field::value(path, item))
}

/// Whether the condition holds where `value` tells what a path finds.
pub(crate) fn holds(
    restriction: &Restriction,
    value: &dyn Fn(&PropertyPath) -> Option<Value>,
) -> bool {
    match restriction {
        Restriction::And(all) => all.iter().all(|one| holds(one, value)),
        Restriction::Or(any) => any.iter().any(|one| holds(one, value)),
        Restriction::Not(inner) => !holds(inner, value),
        Restriction::Exists(path) => value(path).is_some(),
        Restriction::Compare { comparison, path, operand } => match (value(path), operand) {
            (Some(found), Operand::Constant(constant)) => {
                found.like(constant).is_some_and(|other| compare(*comparison, &found, &other))
            }
            (Some(found), Operand::Property(other)) => {
                value(other).is_some_and(|other| compare(*comparison, &found, &other))
            }
            // What is not there is different from everything.
            (None, _) => *comparison == Comparison::NotEqualTo,
        },
        Restriction::Contains { path, constant, mode, comparison } => {
            let inside = |text: &str| contains(text, constant, *mode, *comparison);
            match value(path) {
                Some(Value::Text(text)) => inside(&text),
                Some(Value::Texts(texts)) => texts.iter().any(|text| inside(text)),
                _ => false,
            }
        }
        Restriction::Excludes { path, bitmask } => match value(path) {
            Some(Value::Number(number)) => number & i64::from(*bitmask) == 0,
            _ => true,
        },
    }
}

/// An extended property that every wanted item has with one certain value: the store looks it up
/// in an index rather than at every item.
pub(crate) fn key(restriction: &Restriction) -> Option<(PropertyId, &str)> {
    match restriction {
        Restriction::Compare {
            comparison: Comparison::EqualTo,
            path: PropertyPath::Extended(uri),
            operand: Operand::Constant(constant),
        } if uri.property_type() == PropertyType::String => match PropertyId::from(uri) {
            PropertyId::Named(set, _) if set == INTERNET_HEADERS => None,
            id @ PropertyId::Named(..) => Some((id, constant)),
            _ => None,
        },
        Restriction::And(all) => all.iter().find_map(key),
        _ => None,
    }
}

fn compare(comparison: Comparison, left: &Value, right: &Value) -> bool {
    let Some(order) = left.compare(right) else {
        return false;
    };
    match comparison {
        Comparison::EqualTo => order == Ordering::Equal,
        Comparison::NotEqualTo => order != Ordering::Equal,
        Comparison::GreaterThan => order == Ordering::Greater,
        Comparison::GreaterThanOrEqualTo => order != Ordering::Less,
        Comparison::LessThan => order == Ordering::Less,
        Comparison::LessThanOrEqualTo => order != Ordering::Greater,
    }
}

fn contains(
    text: &str,
    constant: &str,
    mode: Option<ContainmentMode>,
    comparison: Option<ContainmentComparison>,
) -> bool {
    let exact = matches!(
        comparison,
        Some(ContainmentComparison::Exact | ContainmentComparison::IgnoreNonSpacingCharacters)
    );
    if exact {
        contains_exactly(text, constant, mode)
    } else {
        contains_exactly(&text.to_lowercase(), &constant.to_lowercase(), mode)
    }
}

fn contains_exactly(text: &str, constant: &str, mode: Option<ContainmentMode>) -> bool {
    match mode {
        Some(ContainmentMode::FullString) => text == constant,
        Some(ContainmentMode::Prefixed) => text.starts_with(constant),
        Some(ContainmentMode::PrefixOnWords) => {
            text.split(|c: char| !c.is_alphanumeric()).any(|word| word.starts_with(constant))
        }
        None | Some(ContainmentMode::Substring | ContainmentMode::ExactPhrase) => {
            text.contains(constant)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{property::PropertyValue, server::property::Property};

    const SET: &str = "9c1f6a2e-5d0b-4b6e-8a57-3f0a4f2f6b11";
    const KEY: &str = r#"<ExtendedFieldURI PropertySetId="9C1F6A2E-5D0B-4B6E-8A57-3F0A4F2F6B11" PropertyName="Key" PropertyType="String"/>"#;

    fn restriction(text: &str) -> Restriction {
        let element = xml::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
        Restriction::read(&element).unwrap()
    }

    fn relation(name: &str, path: &str, constant: &str) -> String {
        format!(
            r#"<{name}>{path}<FieldURIOrConstant><Constant Value="{constant}"/></FieldURIOrConstant></{name}>"#
        )
    }

    fn item() -> StoredItem {
        let mut item = StoredItem::draft(Duration::from_secs(1_795_330_800));
        item.content_mut().subject = "Ops room".to_owned();
        item.content_mut().categories = vec!["Chat digest".to_owned()];
        let id = PropertyId::named(SET.to_owned(), "Key");
        let key = Property { id, value: PropertyValue::One("k1".to_owned()) };
        item.properties = Arc::new(vec![key]);
        item
    }

    #[test]
    fn relations() {
        let created = r#"<FieldURI FieldURI="item:DateTimeCreated"/>"#;
        for (name, constant, expected) in [
            ("IsEqualTo", "2026-11-22T08:00:00+01:00", true),
            ("IsNotEqualTo", "2026-11-22T07:00:00Z", false),
            ("IsGreaterThan", "2026-11-20T00:00:00Z", true),
            ("IsGreaterThanOrEqualTo", "2026-11-22T07:00:00Z", true),
            ("IsLessThan", "2026-11-22T07:00:00Z", false),
            ("IsLessThanOrEqualTo", "2026-11-22T07:00:00Z", true),
            ("IsLessThan", "no time", false),
        ] {
            let it = restriction(&relation(name, created, constant));
            assert_eq!(matches(&it, &item()), expected, "{name} {constant}");
        }
    }

    #[test]
    fn the_key_is_found_inside_an_and() {
        let created = r#"<FieldURI FieldURI="item:DateTimeCreated"/>"#;
        let text = format!(
            "<And>{}{}</And>",
            relation("IsGreaterThan", created, "2026-11-20T00:00:00Z"),
            relation("IsEqualTo", KEY, "K1")
        );
        let it = restriction(&text);
        let id = PropertyId::named(SET.to_owned(), "Key");
        assert_eq!(key(&it), Some((id, "K1")));
        assert!(matches(&it, &item()));
        assert_eq!(key(&restriction(&format!("<Not>{text}</Not>"))), None);
    }

    #[test]
    fn contains_in_its_modes() {
        let contains = |mode: &str, comparison: &str, constant: &str| {
            let text = format!(
                r#"<Contains ContainmentMode="{mode}" ContainmentComparison="{comparison}"><FieldURI FieldURI="item:Subject"/><Constant Value="{constant}"/></Contains>"#
            );
            matches(&restriction(&text), &item())
        };
        assert!(contains("Substring", "IgnoreCase", "S RO"));
        assert!(!contains("Substring", "Exact", "S RO"));
        assert!(contains("Prefixed", "Exact", "Ops"));
        assert!(contains("PrefixOnWords", "Exact", "roo"));
        assert!(!contains("FullString", "Loose", "ops"));
    }

    #[test]
    fn the_rest_of_the_grammar() {
        let exists = format!("<Exists>{KEY}</Exists>");
        assert!(matches(&restriction(&exists), &item()));
        let category =
            relation("IsEqualTo", r#"<FieldURI FieldURI="item:Categories"/>"#, "chat digest");
        assert!(matches(&restriction(&category), &item()));
        let or = format!("<Or><Not>{exists}</Not>{category}</Or>");
        assert!(matches(&restriction(&or), &item()));
        let draft = r#"<Excludes><ExtendedFieldURI PropertyTag="0xe07" PropertyType="Integer"/><Bitmask Value="8"/></Excludes>"#;
        assert!(!matches(&restriction(draft), &item()));
    }
}

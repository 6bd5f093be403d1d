//! The schema's rules for requests: which elements, in which order, with which values.
//!
//! Exchange refuses a request that breaks them as a whole. So does our server, for the operations
//! that have a codec here: this keeps our client honest. The rules themselves stand in
//! [`super::types`].

use xml::{Element, Node};

use super::{Details, Fault, namespace, types};
use crate::{
    base64_text, code::ResponseCode, date_time::DateTime, property::ExtendedFieldUri, values,
};

/// The rules for one kind of element.
pub(crate) struct Type {
    pub(crate) attributes: &'static [Attribute],
    pub(crate) content: Content,
}

/// The rules for one attribute. Others than those named are borne.
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) value: Simple,
    pub(crate) required: bool,
}

/// What may stand inside an element.
pub(crate) enum Content {
    /// Anything; not looked into.
    Any,
    /// Text of this form.
    Text(Simple),
    /// Elements, part after part.
    Sequence(&'static [Part]),
}

/// One step of a sequence: any of `members`.
pub(crate) struct Part {
    pub(crate) namespace: &'static str,
    pub(crate) members: &'static [(&'static str, &'static Type)],
    /// Whether one has to be there.
    pub(crate) required: bool,
    /// Whether more than one may be there.
    pub(crate) many: bool,
}

/// The form of a text or of an attribute's value.
#[derive(Clone, Copy)]
pub(crate) enum Simple {
    Text,
    NonEmpty,
    Boolean,
    Integer,
    DateTime,
    Base64,
    /// One of an enumeration's values.
    OneOf(fn(&str) -> bool),
    /// Values of an enumeration, blanks between.
    ListOf(fn(&str) -> bool),
}

/// Checks the element of an operation; those without rules here pass.
///
/// # Errors
/// `ErrorSchemaValidation`, or what is wrong with a path to an extended property.
pub(crate) fn check(operation: &Element) -> Result<(), Fault> {
    let Some((_, rules)) = types::OPERATIONS.iter().find(|(name, _)| *name == operation.name)
    else {
        return Ok(());
    };
    check_element(operation, rules).map_err(|violation| {
        let text = "The request failed schema validation: ".to_owned() + &violation;
        let details = Details { violation: Some(violation), ..Details::default() };
        Fault::new(ResponseCode::SCHEMA_VALIDATION, &text).with(details)
    })?;
    check_paths(operation)
}

fn check_element(element: &Element, rules: &Type) -> Result<(), String> {
    for attribute in rules.attributes {
        match element.attribute(attribute.name) {
            Some(value) if !holds(attribute.value, value) => {
                return Err(format!("attribute {} of {}", attribute.name, element.name));
            }
            None if attribute.required => {
                return Err(format!("{} lacks its attribute {}", element.name, attribute.name));
            }
            _ => {}
        }
    }
    match rules.content {
        Content::Any => Ok(()),
        Content::Text(form) => check_text(element, form),
        Content::Sequence(parts) => check_sequence(element, parts),
    }
}

fn check_text(element: &Element, form: Simple) -> Result<(), String> {
    if element.children().next().is_some() {
        return Err(format!("{} holds an element instead of text", element.name));
    }
    if holds(form, &element.text()) {
        Ok(())
    } else {
        Err(format!("the value of {}", element.name))
    }
}

fn check_sequence(element: &Element, parts: &[Part]) -> Result<(), String> {
    let blank = |node: &Node| matches!(node, Node::Element(_) | Node::Text(_) if is_blank(node));
    if !element.nodes.iter().all(blank) {
        return Err(format!("{} holds text", element.name));
    }
    let mut children = element.children().peekable();
    for part in parts {
        let mut count = 0_usize;
        while let Some((child, rules)) = children.peek().and_then(|child| part.rules(child)) {
            check_element(child, rules)?;
            children.next();
            count += 1;
            if !part.many {
                break;
            }
        }
        if part.required && count == 0 {
            let wanted = part.members.first().map_or("element", |(name, _)| name);
            return Err(format!("{} lacks {wanted}, or has it in the wrong place", element.name));
        }
    }
    match children.next() {
        None => Ok(()),
        Some(child) => {
            Err(format!("{} in {} is unknown or in the wrong place", child.name, element.name))
        }
    }
}

fn is_blank(node: &Node) -> bool {
    match node {
        Node::Element(_) => true,
        Node::Text(text) => text.trim().is_empty(),
    }
}

impl Part {
    fn rules<'e>(&self, child: &'e Element) -> Option<(&'e Element, &'static Type)> {
        let member = self.members.iter().find(|(name, _)| child.is(self.namespace, name))?;
        Some((child, member.1))
    }
}

fn holds(form: Simple, text: &str) -> bool {
    match form {
        Simple::Text => true,
        Simple::NonEmpty => !text.trim().is_empty(),
        Simple::Boolean => values::boolean(text).is_some(),
        Simple::Integer => text.trim().parse::<i32>().is_ok(),
        Simple::DateTime => DateTime::parse(text).is_some(),
        Simple::Base64 => base64_text::read(text).is_some(),
        Simple::OneOf(known) => known(text),
        Simple::ListOf(known) => text.split_ascii_whitespace().all(known),
    }
}

/// The schema cannot say which attributes of `ExtendedFieldURI` go together; Exchange does.
fn check_paths(element: &Element) -> Result<(), Fault> {
    if element.is(namespace::TYPES, "ExtendedFieldURI") {
        let text = "The extended property is named in a way that is not allowed.";
        ExtendedFieldUri::read(element).map_err(|code| Fault::new(code, text))?;
    }
    element.children().try_for_each(check_paths)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::test::parse_types;

    const CREATE: &str = r#"<m:CreateItem MessageDisposition="SaveOnly"><m:Items><t:Message>
        <t:Subject>s</t:Subject><t:Body BodyType="HTML">b</t:Body><t:Importance>Low</t:Importance>
        <t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0xe07" PropertyType="Integer"/>
        <t:Value>1</t:Value></t:ExtendedProperty><t:IsRead>true</t:IsRead>
        </t:Message></m:Items></m:CreateItem>"#;

    fn refusal(document: &str) -> ResponseCode {
        check(&parse_types(document)).unwrap_err().code
    }

    #[test]
    fn a_right_request_passes() {
        check(&parse_types(CREATE)).unwrap();
    }

    #[test]
    fn what_exchange_refuses_is_refused() {
        for (from, to) in [
            ("SaveOnly", "SaveAndHope"),
            ("<m:Items>", "<t:Items>"),
            ("<m:Items>", "<m:Items>text"),
            (
                "<t:Subject>s</t:Subject><t:Body BodyType=\"HTML\">b</t:Body>",
                "<t:Body BodyType=\"HTML\">b</t:Body><t:Subject>s</t:Subject>",
            ),
            ("BodyType=\"HTML\"", "BodyType=\"RTF\""),
            (" BodyType=\"HTML\"", ""),
            (">b<", "><b/><"),
            ("<t:Importance>Low</t:Importance>", ""),
            ("<t:IsRead>true", "<t:IsRead>yes"),
            ("t:IsRead>", "t:IsReed>"),
            ("<t:Value>1</t:Value>", ""),
        ] {
            let document = CREATE
                .replace(from, to)
                .replace("</m:Items>", if to == "<t:Items>" { "</t:Items>" } else { "</m:Items>" });
            if from.starts_with("<t:Importance") {
                let late = document
                    .replace("</t:Message>", "<t:Importance>Low</t:Importance></t:Message>");
                assert_eq!(refusal(&late), ResponseCode::SCHEMA_VALIDATION);
                continue;
            }
            assert_ne!(document, CREATE);
            assert_eq!(refusal(&document), ResponseCode::SCHEMA_VALIDATION, "{from} -> {to}");
        }
        let twice = CREATE.replace("<t:IsRead>", "<t:IsRead>true</t:IsRead><t:IsRead>");
        assert_eq!(refusal(&twice), ResponseCode::SCHEMA_VALIDATION);
        let empty = r#"<m:SendItem SaveItemToFolder="true"><m:ItemIds/></m:SendItem>"#;
        assert_eq!(refusal(empty), ResponseCode::SCHEMA_VALIDATION);
    }

    #[test]
    fn extended_properties_are_looked_at_everywhere() {
        let custom = CREATE.replace("0xe07", "0x8007");
        assert_eq!(refusal(&custom), ResponseCode::NO_PROPERTY_TAG_FOR_CUSTOM_PROPERTIES);
        let both =
            CREATE.replace("PropertyTag=\"0xe07\"", "PropertyTag=\"0xe07\" PropertyName=\"a\"");
        assert_eq!(refusal(&both), ResponseCode::INVALID_EXTENDED_PROPERTY);
    }

    #[test]
    fn operations_without_rules_pass() {
        check(&parse_types("<m:GetFolder><x/></m:GetFolder>")).unwrap();
    }
}

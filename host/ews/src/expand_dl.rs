//! `ExpandDL`: lists the members of one group, without those of groups inside it (ews.md 4.2).
//!
//! <https://learn.microsoft.com/exchange/client-developer/web-service-reference/expanddl-operation>

use xml::{Element, Writer};

use crate::{
    mailbox::Mailbox,
    operation::Operation,
    soap::{Fault, response::Form},
    values::{boolean, boolean_text, number_attribute},
};

/// The request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandDl {
    /// The group.
    pub mailbox: Mailbox,
}

/// `m:DLExpansion`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// How many members there are.
    pub total: Option<u32>,
    /// Whether all are listed.
    pub includes_last: bool,
    /// The members; some without an address.
    pub members: Vec<Mailbox>,
}

impl Default for Expansion {
    fn default() -> Self {
        Self { total: None, includes_last: true, members: Vec::new() }
    }
}

impl Operation for ExpandDl {
    const FORM: Form = Form::of("ExpandDL");

    type Payload = Expansion;

    fn write(&self, writer: &mut Writer) {
        writer.element("m:ExpandDL", &[], |writer| self.mailbox.write(writer, "m:Mailbox"));
    }

    fn read(element: &Element) -> Result<Self, Fault> {
        Ok(Self { mailbox: element.child("Mailbox").map(Mailbox::read).unwrap_or_default() })
    }

    fn write_payload(payload: &Expansion, writer: &mut Writer) {
        let total = payload.total.map(|total| total.to_string());
        let mut attributes = Vec::new();
        attributes.extend(total.as_deref().map(|total| ("TotalItemsInView", total)));
        attributes.push(("IncludesLastItemInRange", boolean_text(payload.includes_last)));
        writer.element("m:DLExpansion", &attributes, |writer| {
            for member in &payload.members {
                member.write(writer, "t:Mailbox");
            }
        });
    }

    fn read_payload(message: &Element) -> Expansion {
        let Some(expansion) = message.child("DLExpansion") else {
            return Expansion::default();
        };
        let includes_last = expansion.attribute("IncludesLastItemInRange").and_then(boolean);
        Expansion {
            total: number_attribute(expansion, "TotalItemsInView"),
            includes_last: includes_last.unwrap_or(true),
            members: expansion.children_named("Mailbox").map(Mailbox::read).collect(),
        }
    }
}

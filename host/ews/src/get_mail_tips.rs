//! `GetMailTips`: what a recipient will do with mail; advice, never a gate (ews.md 4.3).
//!
//! <https://learn.microsoft.com/exchange/client-developer/web-service-reference/getmailtips-operation>

use xml::{Element, Writer};

use crate::{
    mailbox::{self, Mailbox},
    operation::Operation,
    soap::{Fault, response::Form},
    values::{self, wire_enum},
};

/// The most recipients that our client asks for at once, whatever the server says.
pub const RECIPIENTS_MAX: usize = 50;

wire_enum! {
    /// What is asked for.
    pub enum MailTip {
        /// Everything.
        All = "All",
        /// The out-of-office text.
        OutOfOfficeMessage = "OutOfOfficeMessage",
        /// Whether the mailbox is full.
        MailboxFullStatus = "MailboxFullStatus",
        /// A text of the administrator.
        CustomMailTip = "CustomMailTip",
        /// How many members of a group are outside.
        ExternalMemberCount = "ExternalMemberCount",
        /// How many members a group has.
        TotalMemberCount = "TotalMemberCount",
        /// How large mail may be.
        MaxMessageSize = "MaxMessageSize",
        /// Whether mail will be refused.
        DeliveryRestriction = "DeliveryRestriction",
        /// Whether somebody has to approve.
        ModerationStatus = "ModerationStatus",
        /// Whether there is no such recipient.
        InvalidRecipient = "InvalidRecipient",
        /// Newer servers only.
        Scope = "Scope",
        /// Newer servers only.
        RecipientSuggestions = "RecipientSuggestions",
        /// Newer servers only.
        PreferAccessibleContent = "PreferAccessibleContent",
    }
}

/// The request; one response message for each recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetMailTips {
    /// Who would send.
    pub sending_as: Mailbox,
    /// Who would receive.
    pub recipients: Vec<Mailbox>,
    /// What is asked for.
    pub requested: Vec<MailTip>,
}

/// `m:MailTips`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailTips {
    /// Who.
    pub recipient: Mailbox,
    /// What could not be found out in time: unknown, not no.
    pub pending: Vec<MailTip>,
    /// The out-of-office text; `None` when at work.
    pub out_of_office: Option<String>,
    /// The mailbox is full.
    pub mailbox_full: Option<bool>,
    /// A text of the administrator.
    pub custom: Option<String>,
    /// Members of the group.
    pub total_member_count: Option<u32>,
    /// Members of the group that are outside.
    pub external_member_count: Option<u32>,
    /// Bytes.
    pub message_bytes_max: Option<u32>,
    /// Mail will be refused.
    pub delivery_restricted: Option<bool>,
    /// Somebody has to approve.
    pub is_moderated: Option<bool>,
    /// There is no such recipient.
    pub invalid_recipient: Option<bool>,
}

fn list(tips: &[MailTip]) -> String {
    tips.iter().map(|tip| tip.as_str()).collect::<Vec<_>>().join(" ")
}

fn read_list(text: &str) -> Vec<MailTip> {
    text.split_ascii_whitespace().filter_map(MailTip::from_wire).collect()
}

impl Operation for GetMailTips {
    const FORM: Form =
        Form { message: Some("MailTipsResponseMessageType"), ..Form::of("GetMailTips") };

    /// `None` on errors.
    type Payload = Option<MailTips>;

    fn inputs(&self) -> usize {
        self.recipients.len()
    }

    fn write(&self, writer: &mut Writer) {
        writer.element("m:GetMailTips", &[], |writer| {
            self.sending_as.write(writer, "m:SendingAs");
            writer.element("m:Recipients", &[], |writer| {
                for recipient in &self.recipients {
                    recipient.write(writer, "t:Mailbox");
                }
            });
            writer.leaf("m:MailTipsRequested", &list(&self.requested));
        });
    }

    fn read(element: &Element) -> Result<Self, Fault> {
        let requested = element.child_text("MailTipsRequested").unwrap_or_default();
        Ok(Self {
            sending_as: element.child("SendingAs").map(Mailbox::read).unwrap_or_default(),
            recipients: mailbox::read_list(element, "Recipients"),
            requested: read_list(&requested),
        })
    }

    fn write_payload(payload: &Option<MailTips>, writer: &mut Writer) {
        let Some(tips) = payload else {
            return;
        };
        writer.element("m:MailTips", &[], |writer| {
            tips.recipient.write(writer, "t:RecipientAddress");
            writer.leaf("t:PendingMailTips", &list(&tips.pending));
            if let Some(text) = &tips.out_of_office {
                writer.element("t:OutOfOffice", &[], |writer| {
                    writer.element("t:ReplyBody", &[], |writer| {
                        writer.leaf("t:Message", text);
                    });
                });
            }
            values::optional_flag(writer, "t:MailboxFull", tips.mailbox_full);
            values::optional(writer, "t:CustomMailTip", tips.custom.as_deref());
            values::optional_value(writer, "t:TotalMemberCount", tips.total_member_count);
            values::optional_value(writer, "t:ExternalMemberCount", tips.external_member_count);
            values::optional_value(writer, "t:MaxMessageSize", tips.message_bytes_max);
            values::optional_flag(writer, "t:DeliveryRestricted", tips.delivery_restricted);
            values::optional_flag(writer, "t:IsModerated", tips.is_moderated);
            values::optional_flag(writer, "t:InvalidRecipient", tips.invalid_recipient);
        });
    }

    fn read_payload(message: &Element) -> Option<MailTips> {
        let tips = message.child("MailTips")?;
        let away = tips.at(&["OutOfOffice", "ReplyBody", "Message"]).map(Element::text);
        Some(MailTips {
            recipient: tips.child("RecipientAddress").map(Mailbox::read).unwrap_or_default(),
            pending: read_list(&tips.child_text("PendingMailTips").unwrap_or_default()),
            out_of_office: away.filter(|text| !text.trim().is_empty()),
            mailbox_full: values::flag(tips, "MailboxFull"),
            custom: values::text(tips, "CustomMailTip").filter(|text| !text.is_empty()),
            total_member_count: values::number(tips, "TotalMemberCount"),
            external_member_count: values::number(tips, "ExternalMemberCount"),
            message_bytes_max: values::number(tips, "MaxMessageSize"),
            delivery_restricted: values::flag(tips, "DeliveryRestricted"),
            is_moderated: values::flag(tips, "IsModerated"),
            invalid_recipient: values::flag(tips, "InvalidRecipient"),
        })
    }
}

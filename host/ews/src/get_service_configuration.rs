//! `GetServiceConfiguration`: the server's limits for mail tips (ews.md 4.3).
//!
//! <https://learn.microsoft.com/exchange/client-developer/web-service-reference/getserviceconfiguration-operation>

use xml::{Element, Writer};

use crate::{
    get_mail_tips::RECIPIENTS_MAX,
    mailbox::Mailbox,
    operation::Operation,
    soap::{Fault, response::Form},
    values::{self, boolean, boolean_text, wire_enum},
};

wire_enum! {
    /// What can be asked for. Only the first has an answer here.
    pub enum ConfigurationName {
        /// Limits of `GetMailTips`.
        MailTips = "MailTips",
        /// Telephony.
        UnifiedMessaging = "UnifiedMessagingConfiguration",
        /// Rights management.
        ProtectionRules = "ProtectionRules",
        /// Policies.
        PolicyNudges = "PolicyNudges",
        /// Addresses of SharePoint.
        SharePointUrls = "SharePointURLs",
        /// Office.
        OfficeIntegration = "OfficeIntegrationConfiguration",
    }
}

/// The request; one response message for each configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetServiceConfiguration {
    /// Who asks.
    pub acting_as: Option<Mailbox>,
    /// What is asked for.
    pub requested: Vec<ConfigurationName>,
}

impl GetServiceConfiguration {
    /// Asks for the limits of `GetMailTips`.
    #[must_use]
    pub fn mail_tips(acting_as: Option<Mailbox>) -> Self {
        Self { acting_as, requested: vec![ConfigurationName::MailTips] }
    }
}

/// `m:MailTipsConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailTipsConfiguration {
    /// Whether the server answers `GetMailTips`.
    pub enabled: bool,
    /// Recipients in one request, as the server says.
    pub recipients_max: u32,
    /// Bytes of a message.
    pub message_bytes_max: u32,
    /// From how many recipients on an audience is large.
    pub large_audience_threshold: u32,
    /// Whether outside recipients are counted.
    pub show_external_recipient_count: bool,
    /// Domains of the organisation, and whether those below are too.
    pub internal_domains: Vec<(String, bool)>,
    /// Whether policy tips are shown.
    pub policy_tips_enabled: bool,
    /// How far recipients are counted.
    pub large_audience_cap: u32,
}

impl Default for MailTipsConfiguration {
    /// What is assumed when the server does not tell.
    fn default() -> Self {
        Self {
            enabled: true,
            recipients_max: 50,
            message_bytes_max: 10 << 20,
            large_audience_threshold: 25,
            show_external_recipient_count: true,
            internal_domains: Vec::new(),
            policy_tips_enabled: false,
            large_audience_cap: 1000,
        }
    }
}

impl MailTipsConfiguration {
    /// How many recipients to ask for at once: what the server says, within bounds of our own.
    #[must_use]
    pub fn recipients_at_once(&self) -> usize {
        usize::try_from(self.recipients_max).unwrap_or(usize::MAX).clamp(1, RECIPIENTS_MAX)
    }

    fn write(&self, writer: &mut Writer) {
        writer.element("m:MailTipsConfiguration", &[], |writer| {
            writer.leaf("t:MailTipsEnabled", boolean_text(self.enabled));
            let recipients_max = self.recipients_max.to_string();
            writer.leaf("t:MaxRecipientsPerGetMailTipsRequest", &recipients_max);
            writer.leaf("t:MaxMessageSize", &self.message_bytes_max.to_string());
            writer.leaf("t:LargeAudienceThreshold", &self.large_audience_threshold.to_string());
            let show_external = boolean_text(self.show_external_recipient_count);
            writer.leaf("t:ShowExternalRecipientCount", show_external);
            writer.element("t:InternalDomains", &[], |writer| {
                for (name, below) in &self.internal_domains {
                    let below = ("IncludeSubdomains", boolean_text(*below));
                    writer.empty("t:Domain", &[("Name", name), below]);
                }
            });
            writer.leaf("t:PolicyTipsEnabled", boolean_text(self.policy_tips_enabled));
            writer.leaf("t:LargeAudienceCap", &self.large_audience_cap.to_string());
        });
    }

    fn read(element: &Element) -> Self {
        let default = Self::default();
        let flag = |name, default| values::flag(element, name).unwrap_or(default);
        let number = |name, default| values::number(element, name).unwrap_or(default);
        let domain = |domain: &Element| {
            let below = domain.attribute("IncludeSubdomains").and_then(boolean);
            Some((domain.attribute("Name")?.to_owned(), below.unwrap_or(false)))
        };
        let domains = element.child("InternalDomains").into_iter();
        let domains = domains.flat_map(|domains| domains.children_named("Domain"));
        Self {
            enabled: flag("MailTipsEnabled", default.enabled),
            recipients_max: number("MaxRecipientsPerGetMailTipsRequest", default.recipients_max),
            message_bytes_max: number("MaxMessageSize", default.message_bytes_max),
            large_audience_threshold: number(
                "LargeAudienceThreshold",
                default.large_audience_threshold,
            ),
            show_external_recipient_count: flag("ShowExternalRecipientCount", true),
            internal_domains: domains.filter_map(domain).collect(),
            policy_tips_enabled: flag("PolicyTipsEnabled", false),
            large_audience_cap: number("LargeAudienceCap", default.large_audience_cap),
        }
    }
}

impl Operation for GetServiceConfiguration {
    const FORM: Form = Form {
        message: Some("ServiceConfigurationResponseMessageType"),
        ..Form::of("GetServiceConfiguration")
    };

    /// `None` on errors, and for other configurations than mail tips.
    type Payload = Option<MailTipsConfiguration>;

    fn inputs(&self) -> usize {
        self.requested.len()
    }

    fn write(&self, writer: &mut Writer) {
        writer.element("m:GetServiceConfiguration", &[], |writer| {
            if let Some(mailbox) = &self.acting_as {
                mailbox.write(writer, "m:ActingAs");
            }
            writer.element("m:RequestedConfiguration", &[], |writer| {
                for name in &self.requested {
                    writer.leaf("m:ConfigurationName", name.as_str());
                }
            });
        });
    }

    fn read(element: &Element) -> Result<Self, Fault> {
        let names = element.child("RequestedConfiguration").into_iter();
        let names = names.flat_map(|names| names.children_named("ConfigurationName"));
        Ok(Self {
            acting_as: element.child("ActingAs").map(Mailbox::read),
            requested: names
                .filter_map(|name| ConfigurationName::from_wire(&name.text()))
                .collect(),
        })
    }

    fn write_payload(payload: &Option<MailTipsConfiguration>, writer: &mut Writer) {
        if let Some(configuration) = payload {
            configuration.write(writer);
        }
    }

    fn read_payload(message: &Element) -> Option<MailTipsConfiguration> {
        message.child("MailTipsConfiguration").map(MailTipsConfiguration::read)
    }
}

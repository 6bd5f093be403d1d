//! `GetMailTips` and `GetServiceConfiguration` (ews.md 4.3).

use crate::{
    get_mail_tips::{GetMailTips, MailTips, RECIPIENTS_MAX},
    get_service_configuration::{
        ConfigurationName, GetServiceConfiguration, MailTipsConfiguration,
    },
    mailbox::Mailbox,
};

use super::super::{
    Exchange,
    answer::{Answers, Refusal},
    call::{Call, described},
    directory::Entry,
};

pub(in super::super) fn get_mail_tips(call: &mut Call<'_>, request: &GetMailTips) -> String {
    let mut answers = Answers::new();
    for (recipient, place) in request.recipients.iter().zip(0..) {
        answers.push(|| {
            call.begin_item()?;
            if place >= RECIPIENTS_MAX {
                return Err(Refusal::invalid_request());
            }
            Ok(Some(tips(call.exchange, recipient)))
        });
    }
    answers.finish::<GetMailTips>()
}

/// All tips, whichever were asked for: a client has to bear more than it wants.
fn tips(exchange: &Exchange, recipient: &Mailbox) -> MailTips {
    let directory = &exchange.directory;
    let address = recipient.smtp_address().unwrap_or_default();
    let found = directory.by_address(address);
    let tips = MailTips {
        recipient: Mailbox { item_id: None, ..described(exchange, address) },
        message_bytes_max: u32::try_from(exchange.config.message_bytes_max).ok(),
        mailbox_full: Some(false),
        delivery_restricted: Some(false),
        is_moderated: Some(false),
        // Someone outside is no invalid recipient; someone missing inside is.
        invalid_recipient: Some(found.is_none() && is_internal(exchange, address)),
        ..MailTips::default()
    };
    match found {
        Some(Entry::User(number)) => MailTips {
            out_of_office: directory.user(number).and_then(|user| user.out_of_office.clone()),
            mailbox_full: exchange.mailbox(number).map(|mailbox| mailbox.is_full()),
            total_member_count: Some(1),
            external_member_count: Some(0),
            ..tips
        },
        Some(Entry::Group(_)) => {
            let members = directory.expand(std::iter::once(address));
            let outside = members.unknown.len();
            MailTips {
                total_member_count: u32::try_from(members.mailboxes.len() + outside).ok(),
                external_member_count: u32::try_from(outside).ok(),
                ..tips
            }
        }
        None => tips,
    }
}

pub(in super::super) fn get_service_configuration(
    call: &mut Call<'_>,
    request: &GetServiceConfiguration,
) -> String {
    let mut answers = Answers::new();
    for name in &request.requested {
        answers.push(|| {
            call.begin_item()?;
            Ok((*name == ConfigurationName::MailTips).then(|| MailTipsConfiguration {
                message_bytes_max: u32::try_from(call.exchange.config.message_bytes_max)
                    .unwrap_or(u32::MAX),
                internal_domains: domains(call.exchange),
                ..MailTipsConfiguration::default()
            }))
        });
    }
    answers.finish::<GetServiceConfiguration>()
}

fn domains(exchange: &Exchange) -> Vec<(String, bool)> {
    let addresses = exchange.directory.users().iter().map(|user| user.mailbox.as_str());
    let mut domains: Vec<_> = addresses.filter_map(domain).map(|name| (name, false)).collect();
    domains.sort_unstable();
    domains.dedup();
    domains
}

fn is_internal(exchange: &Exchange, address: &str) -> bool {
    domain(address).is_none_or(|of| domains(exchange).iter().any(|(name, _)| *name == of))
}

fn domain(address: &str) -> Option<String> {
    address.rsplit_once('@').map(|(_, domain)| domain.to_lowercase())
}

//! `ResolveNames` and `ExpandDL`: the directory (ews.md 4.1, 4.2).

use crate::{
    code::ResponseCode,
    expand_dl::{ExpandDl, Expansion},
    resolve_names::{Contact, Resolution, Resolutions, ResolveNames, SearchScope},
};

use super::super::{
    Exchange,
    answer::{Answers, Refusal},
    call::{Call, described},
    directory::{Directory, Entry, RECIPIENTS_MAX},
};

/// Candidates that are listed.
const CANDIDATES_MAX: usize = 100;

pub(in super::super) fn resolve_names(call: &mut Call<'_>, request: &ResolveNames) -> String {
    let mut answers = Answers::new();
    let found = call.begin_item().and_then(|()| resolve(call.exchange, request));
    match found {
        Ok(found) if found.resolutions.len() > 1 => {
            let text = "Multiple results were found.";
            let code = ResponseCode::NAME_RESOLUTION_MULTIPLE_RESULTS;
            answers.push_warning(&Refusal::new(code, text), found);
        }
        outcome => answers.push(|| outcome),
    }
    answers.finish::<ResolveNames>()
}

fn resolve(exchange: &Exchange, request: &ResolveNames) -> Result<Resolutions, Refusal> {
    // Nobody has contacts here.
    let entries = match request.scope {
        SearchScope::Contacts => Vec::new(),
        _ => exchange.directory.resolve(&request.entry),
    };
    if entries.is_empty() {
        return Err(no_results());
    }
    let shown = entries.iter().take(CANDIDATES_MAX);
    Ok(Resolutions {
        total: u32::try_from(entries.len().min(CANDIDATES_MAX)).ok(),
        includes_last: entries.len() <= CANDIDATES_MAX,
        resolutions: shown
            .filter_map(|entry| resolution(exchange, *entry, request.full_contact_data))
            .collect(),
    })
}

fn resolution(exchange: &Exchange, entry: Entry, with_contact: bool) -> Option<Resolution> {
    let directory = &exchange.directory;
    let (smtp, contact) = match entry {
        Entry::User(number) => {
            let user = directory.user(number)?;
            let mut words = user.name.split_whitespace();
            let contact = Contact {
                display_name: Some(user.name.clone()),
                given_name: words.next().map(str::to_owned),
                email_addresses: Directory::proxies(user),
                surname: words.next_back().map(str::to_owned),
            };
            (user.mailbox.as_str(), contact)
        }
        Entry::Group(number) => {
            let group = directory.group(number)?;
            let contact = Contact {
                display_name: Some(group.name.clone()),
                email_addresses: vec![format!("SMTP:{}", group.smtp)],
                ..Contact::default()
            };
            (group.smtp.as_str(), contact)
        }
    };
    let contact = with_contact.then_some(contact);
    Some(Resolution { mailbox: described(exchange, smtp), contact })
}

pub(in super::super) fn expand_dl(call: &mut Call<'_>, request: &ExpandDl) -> String {
    let mut answers = Answers::new();
    answers.push(|| {
        call.begin_item()?;
        let address = request.mailbox.smtp_address().ok_or_else(no_results)?;
        expand(call.exchange, address)
    });
    answers.finish::<ExpandDl>()
}

/// One level only: members that are groups come as groups.
fn expand(exchange: &Exchange, address: &str) -> Result<Expansion, Refusal> {
    let directory = &exchange.directory;
    let Some(Entry::Group(number)) = directory.by_address(address) else {
        return Err(no_results());
    };
    let members = &directory.group(number).ok_or_else(no_results)?.members;
    Ok(Expansion {
        total: u32::try_from(members.len()).ok(),
        includes_last: members.len() <= RECIPIENTS_MAX,
        members: members
            .iter()
            .take(RECIPIENTS_MAX)
            .map(|member| described(exchange, member))
            .collect(),
    })
}

fn no_results() -> Refusal {
    let text = "No results were found.";
    Refusal::new(ResponseCode::NAME_RESOLUTION_NO_RESULTS, text)
}

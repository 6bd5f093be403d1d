//! From a company to a pool and an Exchange that know it, and from what happens there to the page.

use std::{collections::HashMap, sync::Arc};

use anyhow::Result;
use ews::server::{Directory, Exchange, ExchangeConfig, ExchangeUser, Quota};
use lync::{
    content::{Kind, Part},
    members::{Principal, PrincipalKind, Roles},
    server::{Pool, PoolConfig, PoolEvent, RoomKind, RoomMember, RoomSpec, User},
    xccos::{self, RoomUri},
};
use ntlm::ServerNames;
use sha2::{Digest, Sha256};
use tokio::sync::broadcast::error::RecvError;

use super::{
    company::{self, Company, Privacy},
    exchange::ExchangeHandle,
    pool::PoolHandle,
};
use crate::{
    clock::{self, OsEntropy},
    page::{Arrived, Board, Content, Said},
};

/// Longest post and longest story that the embedded pool takes, in bytes: guests are to be tried
/// with long ones too.
const POST_BYTES_MAX: u32 = 64 << 10;
/// Characters of a post that the page's column shows.
const SAID_CHARACTERS_MAX: usize = 600;

pub(super) fn pool(company: &Company) -> Result<Pool> {
    let config = PoolConfig {
        netbios_domain: company.netbios_domain.clone(),
        message_bytes_max: POST_BYTES_MAX,
        story_bytes_max: POST_BYTES_MAX,
        ..PoolConfig::new(&company.domain)
    };
    let users = company.users.iter().map(|user| User {
        address: company.sip(&user.login),
        login: user.login.clone(),
        domain: company.netbios_domain.clone(),
        password: user.password.clone(),
        name: user.name.clone(),
        chat_enabled: user.chat,
        groups: groups_of(company, &user.login),
    });
    let rooms =
        company.rooms.iter().map(|room| room_spec(company, room)).collect::<Result<Vec<_>>>()?;
    Ok(Pool::new(config, users.collect::<Vec<_>>(), rooms, OsEntropy))
}

fn room_spec(company: &Company, room: &company::Room) -> Result<RoomSpec> {
    let uri = RoomUri::parse(&company.room_uri(room)).ok_or_else(|| {
        anyhow::anyhow!("room `{}`: `{}` makes no room address", room.name, room.guid)
    })?;
    let mut members: Vec<RoomMember> = Vec::new();
    let member = Roles { member: true, ..Roles::default() };
    let lists = [
        (&room.members, member),
        (&room.presenters, Roles { presenter: true, ..member }),
        (&room.managers, Roles { manager: true, ..member }),
    ];
    for (names, roles) in lists {
        for name in names {
            let principal = principal(company, name);
            match members.iter_mut().find(|known| known.principal == principal) {
                Some(known) => known.roles = known.roles.union(roles),
                None => members.push(RoomMember { principal, roles }),
            }
        }
    }
    Ok(RoomSpec {
        description: room.description.clone(),
        topic: room.topic.clone(),
        kind: if room.auditorium { RoomKind::Auditorium } else { RoomKind::Normal },
        privacy: match room.privacy {
            Privacy::Open => xccos::Privacy::Open,
            Privacy::Closed => xccos::Privacy::Closed,
            Privacy::Secret => xccos::Privacy::Secret,
        },
        members,
        ..RoomSpec::new(uri, &room.name)
    })
}

fn principal(company: &Company, name: &str) -> Principal {
    match (company.user(name), company.group(name)) {
        (None, Some(group)) => Principal {
            address: group_principal(&group.address),
            name: group.name.clone(),
            kind: PrincipalKind::Group,
        },
        (user, _) => Principal {
            address: company.sip(name),
            name: user.map(|user| user.name.clone()).unwrap_or_default(),
            kind: PrincipalKind::User,
        },
    }
}

/// A directory group as the chat database names it: `ma-grp:<guid>@u.g` (dossier 4.2). The guid is
/// made of the group's address, so that it is the same at every start.
#[must_use]
pub(crate) fn group_principal(address: &str) -> String {
    let hex: String =
        Sha256::digest(address).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "ma-grp:{}-{}-{}-{}-{}@u.g",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

/// The groups that hold a user, through other groups too.
fn groups_of(company: &Company, login: &str) -> Vec<String> {
    let mut found: Vec<&str> = Vec::new();
    let mut waiting = vec![login];
    while let Some(name) = waiting.pop() {
        for group in &company.groups {
            if group.members.iter().any(|member| member == name)
                && !found.contains(&group.address.as_str())
            {
                found.push(&group.address);
                waiting.push(&group.address);
            }
        }
    }
    found.into_iter().map(group_principal).collect()
}

pub(super) fn exchange(company: &Company) -> Exchange {
    let user = |user: &company::User| ExchangeUser {
        login: user.login.clone(),
        domain: company.netbios_domain.clone(),
        sip_addresses: vec![company.sip(&user.login)],
        quota: user
            .quota_bytes
            .map_or_else(Quota::default, |bytes| Quota { bytes, ..Quota::default() }),
        ..ExchangeUser::new(&company.mailbox(&user.login), &user.name, user.password.clone())
    };
    let group = |group: &company::Group| ews::server::Group {
        smtp: group.address.clone(),
        name: group.name.clone(),
        members: group
            .members
            .iter()
            .map(|name| if name.contains('@') { name.clone() } else { company.mailbox(name) })
            .collect(),
    };
    let directory = Directory::new(
        company.users.iter().map(user).collect(),
        company.groups.iter().map(group).collect(),
    );
    let config = ExchangeConfig {
        host_name: format!("mail.{}", company.domain),
        instance: u64::from_le_bytes(clock::random()),
        ..ExchangeConfig::default()
    };
    Exchange::new(config, directory)
}

/// How the embedded Exchange names itself in NTLM.
pub(super) fn names(company: &Company) -> ServerNames {
    ServerNames {
        netbios_domain: company.netbios_domain.clone(),
        netbios_computer: "MAIL".to_owned(),
        dns_domain: company.domain.clone(),
        dns_computer: format!("mail.{}", company.domain),
    }
}

/// Puts posts and mails onto the page as they happen.
pub(super) fn watch(
    company: &Company,
    pool: &PoolHandle,
    exchange: &ExchangeHandle,
    board: &Board,
) {
    let names: HashMap<String, String> = company
        .rooms
        .iter()
        .map(|room| (company.room_uri(room).to_lowercase(), room.name.clone()))
        .collect();
    let mut posts = pool.events();
    let shown = board.clone();
    tokio::spawn(async move {
        loop {
            match posts.recv().await {
                Ok(event) => show_post(&event, &names, &shown),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    });
    let mut mails = exchange.deliveries();
    let shown = board.clone();
    tokio::spawn(async move {
        loop {
            match mails.recv().await {
                Ok(mail) => shown.arrived(arrived(&mail)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    });
}

fn show_post(event: &PoolEvent, rooms: &HashMap<String, String>, board: &Board) {
    let PoolEvent::Posted { room, name, content, .. } = event else { return };
    let text: String = content.parts.iter().map(part_text).collect();
    board.said(Said {
        room: rooms.get(room.key()).cloned().unwrap_or_default(),
        author: name.clone(),
        title: match &content.kind {
            Kind::Story { title } => Some(title.clone()),
            _ => None,
        },
        text: text.chars().take(SAID_CHARACTERS_MAX).collect(),
        alert: content.alert,
    });
}

fn part_text(part: &Part) -> &str {
    match part {
        Part::LineBreak => "\n",
        Part::Text(text) | Part::Emoticon(text) => text,
        Part::Hyperlink { text, .. } | Part::RoomLink { text, .. } | Part::Mention { text, .. } => {
            text
        }
        Part::FileLink { name, .. } => name,
    }
}

fn arrived(mail: &Arc<ews::server::Delivered>) -> Arrived {
    let content = mail.item.content();
    let html = content.html.clone().unwrap_or_default();
    let text = content.text.clone().unwrap_or_default();
    let shown = |addresses: &[ews::server::Address]| {
        let one = |address: &ews::server::Address| format!("{} <{}>", address.name, address.smtp);
        addresses.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    Arrived {
        id: 0,
        mailbox: mail.mailbox.clone(),
        subject: content.subject.clone(),
        preview: preview(&html, &text),
        importance: content.importance.clone(),
        received_ms: clock::unix_ms(),
        content: Arc::new(Content {
            from: shown(content.from.as_slice()),
            to: shown(&content.to),
            subject: content.subject.clone(),
            html,
            text,
        }),
    }
}

/// What an inbox shows beside the subject: the hidden first line of the HTML, else the text.
fn preview(html: &str, text: &str) -> String {
    let hidden = html.split_once("mso-hide:all").and_then(|(_, rest)| rest.split_once('>'));
    let hidden = hidden.and_then(|(_, rest)| rest.split_once("</div>")).map(|(line, _)| line);
    let line = match hidden {
        Some(line) if !line.trim().is_empty() => line
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&"),
        _ => text.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    line.chars().take(120).collect()
}

//! The NTLM handshake inside REGISTER, and what is said to those who have none (dossier 2.10).

use std::time::{Duration, Instant};

use ntlm::{NtHash, ServerNames};

use super::{
    ConnectionId, Pool, PoolConfig,
    connection::{Diagnosed, Signing},
};
use crate::{
    Now,
    auth::{
        AuthError, AuthHeader, AuthVersion, NTLM, REALM, SecurityAssociation, ServerHandshake,
        ServerParameters, ServerStep,
    },
    sip::Message,
    xccos::timestamp,
};

/// Longest life of a security association (MS-SIPAE 3.2.2).
const ASSOCIATION_LIFE: Duration = Duration::from_secs(8 * 3600);
/// A finished handshake: signs and verifies for one user.
#[derive(Debug)]
pub(super) struct Association {
    pub(super) security: SecurityAssociation,
    /// The user's SIP address.
    pub(super) address: String,
    pub(super) until: Instant,
}

impl Pool {
    /// One step of the handshake. Until it is through, an older association stays in force.
    pub(super) fn handshake(&mut self, id: ConnectionId, request: &Message, now: Now) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let users = &self.users;
        let lookup = |user: &str, domain: &str| {
            users.by_account(user, domain).map(|user| NtHash::of(&user.password))
        };
        let entropy = &mut *self.entropy;
        match connection.handshake.receive(request, lookup, entropy, now) {
            ServerStep::Challenge(challenge) => {
                self.unauthorized(id, request, &challenge, None, now);
            }
            ServerStep::Refused(AuthError::UnknownAssociation, offer) => {
                self.unauthorized(id, request, &offer, None, now);
            }
            ServerStep::Refused(_, offer) => {
                let reason = self.diagnostics(1000, "Final handshake failed");
                self.unauthorized(id, request, &offer, Some(reason), now);
            }
            ServerStep::Accepted(accepted) => {
                let owner = self.users.by_account(&accepted.user, &accepted.domain);
                let owner = owner.map(|user| user.address.clone()).unwrap_or_default();
                self.associate(id, request, accepted.association, owner, now);
            }
        }
    }

    /// The password was right; is the address theirs?
    fn associate(
        &mut self,
        id: ConnectionId,
        request: &Message,
        security: SecurityAssociation,
        owner: String,
        now: Now,
    ) {
        let addresses = [request.to().uri, request.from().uri];
        let is_own = addresses.iter().all(|address| address.eq_ignore_ascii_case(&owner));
        let until = now.instant + ASSOCIATION_LIFE;
        let association = Some(Association { security, address: owner, until });
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.association = association;
        if is_own {
            return self.admit(id, request, now);
        }
        // Signed, so that the client believes it; it is the last thing that is.
        self.refuse(id, request, Diagnosed::NOT_OWNER);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.association = None;
        }
    }

    /// 401 with the scheme on offer, to anybody unknown.
    pub(super) fn offer(&mut self, id: ConnectionId, request: &Message, now: Now) {
        let Some(connection) = self.connections.get(&id) else { return };
        let offer = connection.handshake.offer();
        self.unauthorized(id, request, &offer, None, now);
    }

    /// 401, not signed: there may be nothing to sign with.
    fn unauthorized(
        &mut self,
        id: ConnectionId,
        request: &Message,
        challenge: &str,
        diagnostics: Option<String>,
        now: Now,
    ) {
        let mut response = self.response(id, request, 401);
        response.headers.push("Date", http_date(now.unix));
        response.headers.push("WWW-Authenticate", challenge);
        if let Some(diagnostics) = diagnostics {
            response.headers.push("ms-diagnostics", diagnostics);
        }
        self.send(id, response, Signing::Plain);
    }
}

/// How the front end presents itself in the handshake.
pub(super) fn server_handshake(config: &PoolConfig) -> ServerHandshake {
    let computer = config.server_name.split('.').next().unwrap_or_default();
    ServerHandshake::new(ServerParameters {
        realm: REALM.to_owned(),
        target_name: config.server_name.clone(),
        version: AuthVersion::V4,
        names: ServerNames {
            netbios_domain: config.netbios_domain.clone(),
            netbios_computer: computer.to_ascii_uppercase(),
            dns_domain: config.domain.clone(),
            dns_computer: config.server_name.clone(),
        },
    })
}

/// Whether a REGISTER comes signed with an association at hand, and not with a proof.
pub(super) fn is_refresh(request: &Message) -> bool {
    let names = ["Authorization", "Proxy-Authorization"];
    let values = names.into_iter().flat_map(|name| request.headers.all(name));
    let own = values.filter_map(AuthHeader::parse).find(|header| header.is(NTLM));
    own.is_some_and(|header| header.get("gssapi-data").is_none())
}

/// `Mon, 03 Mar 2014 09:15:02 GMT`.
fn http_date(since_1970: Duration) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = timestamp::seconds_only(since_1970);
    let (date, time) = text.trim_end_matches('Z').split_once('T').unwrap_or_default();
    let mut parts = date.split('-');
    let mut next = || parts.next().unwrap_or_default();
    let (year, month, day) = (next(), next(), next());
    let weekday = usize::try_from(since_1970.as_secs() / 86_400 % 7).unwrap_or_default();
    let month = month.parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    let (weekday, month) = (DAYS.get(weekday).unwrap_or(&"Thu"), month.unwrap_or(&"Jan"));
    format!("{weekday}, {day} {month} {year} {time} GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_http_writes_them() {
        assert_eq!(http_date(Duration::ZERO), "Thu, 01 Jan 1970 00:00:00 GMT");
        let time = Duration::from_secs(1_393_838_102);
        assert_eq!(http_date(time), "Mon, 03 Mar 2014 09:15:02 GMT");
    }
}

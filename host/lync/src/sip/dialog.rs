//! Dialogs (RFC 3261 section 12), from either end.

use super::address::{Address, split_list};
use super::message::{Message, StartLine};
use super::method::Method;

/// Most `Record-Route` entries taken into a route set.
const ROUTES_MAX: usize = 32;

/// A dialog as one of its ends sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    call_id: String,
    /// Our `From` in requests, as it was first written: the other end compares it.
    local: String,
    remote: String,
    local_tag: String,
    remote_tag: String,
    routes: Vec<String>,
    target: String,
    local_cseq: u32,
    invite_cseq: u32,
    remote_cseq: Option<u32>,
}

/// Why no dialog came about, or why a request does not fit into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialogError {
    /// The other end named no `Contact`: there is nowhere to send requests to.
    #[error("no Contact in the message that makes the dialog")]
    NoContact,
    /// `CSeq` is missing or unreadable.
    #[error("no CSeq")]
    NoCseq,
    /// The request is older than one already seen; RFC 3261 12.2.2 answers 500.
    #[error("CSeq out of order")]
    OutOfOrder,
}

impl Dialog {
    /// The dialog that `response`, a 2xx, makes at the end that sent `invite`.
    ///
    /// # Errors
    /// [`DialogError`] if the response lacks what a dialog needs.
    pub fn uac(invite: &Message, response: &Message) -> Result<Self, DialogError> {
        let mut routes = record_routes(response);
        routes.reverse();
        let (cseq, _) = invite.cseq().ok_or(DialogError::NoCseq)?;
        Ok(Self {
            call_id: invite.call_id().to_owned(),
            local: raw(invite, "From"),
            remote: raw(response, "To"),
            local_tag: tag(&invite.from()),
            remote_tag: tag(&response.to()),
            routes,
            target: contact(response).ok_or(DialogError::NoContact)?,
            local_cseq: cseq,
            invite_cseq: cseq,
            remote_cseq: None,
        })
    }

    /// The dialog that `response`, our 2xx with our tag in `To`, makes at the end that answers.
    ///
    /// # Errors
    /// [`DialogError`] if the request lacks what a dialog needs.
    pub fn uas(invite: &Message, response: &Message) -> Result<Self, DialogError> {
        let (cseq, _) = invite.cseq().ok_or(DialogError::NoCseq)?;
        Ok(Self {
            call_id: invite.call_id().to_owned(),
            local: raw(response, "To"),
            remote: raw(invite, "From"),
            local_tag: tag(&response.to()),
            remote_tag: tag(&invite.from()),
            routes: record_routes(invite),
            target: contact(invite).ok_or(DialogError::NoContact)?,
            local_cseq: 0,
            invite_cseq: cseq,
            remote_cseq: Some(cseq),
        })
    }

    /// The dialog's Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Our tag.
    #[must_use]
    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// The other end's tag.
    #[must_use]
    pub fn remote_tag(&self) -> &str {
        &self.remote_tag
    }

    /// The other end's address.
    #[must_use]
    pub fn remote(&self) -> Address {
        Address::parse(&self.remote)
    }

    /// Where requests go: the other end's `Contact`.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Builds the next request of this end: From, To, Max-Forwards, CSeq, Call-ID and Route.
    /// `Via` and everything else is the caller's. An ACK has its INVITE's number (RFC 3261 13.2.2.4).
    pub fn request(&mut self, method: &Method) -> Message {
        let cseq = if *method == Method::ACK {
            self.invite_cseq
        } else {
            self.local_cseq = self.local_cseq.saturating_add(1);
            self.local_cseq
        };
        if *method == Method::INVITE {
            self.invite_cseq = cseq;
        }
        let (uri, routes) = self.path();
        let mut request = Message::request(method.clone(), &uri);
        request.headers.push("From", self.local.as_str());
        request.headers.push("To", self.remote.as_str());
        request.headers.push("Max-Forwards", "70");
        request.headers.push("CSeq", format!("{cseq} {method}"));
        request.headers.push("Call-ID", self.call_id.as_str());
        for route in routes {
            request.headers.push("Route", route);
        }
        request
    }

    /// Request URI and `Route` values; the first route without `lr` wants strict routing
    /// (RFC 3261 12.2.1.1).
    fn path(&self) -> (String, Vec<String>) {
        match self.routes.split_first() {
            Some((first, rest)) if !is_loose(first) => {
                let mut routes = rest.to_vec();
                routes.push(format!("<{}>", self.target));
                (Address::parse(first).uri, routes)
            }
            _ => (self.target.clone(), self.routes.clone()),
        }
    }

    /// Whether a message of the other end belongs to this dialog. Tags count where both ends
    /// named one.
    #[must_use]
    pub fn matches(&self, message: &Message) -> bool {
        let (from, to) = (tag(&message.from()), tag(&message.to()));
        let (local, remote) = match message.start {
            StartLine::Request { .. } => (to, from),
            StartLine::Response { .. } => (from, to),
        };
        let same =
            |ours: &str, theirs: &str| ours.is_empty() || theirs.is_empty() || ours == theirs;
        message.call_id() == self.call_id
            && same(&self.local_tag, &local)
            && same(&self.remote_tag, &remote)
    }

    /// Takes note of a request of the other end: its number, and a new target if it brings one.
    ///
    /// # Errors
    /// [`DialogError::OutOfOrder`] if its number is not above the last one's; an ACK has the number
    /// of its INVITE and is never out of order.
    pub fn receive(&mut self, request: &Message) -> Result<(), DialogError> {
        let (cseq, method) = request.cseq().ok_or(DialogError::NoCseq)?;
        if method == Method::ACK.as_str() || method == Method::CANCEL.as_str() {
            return Ok(());
        }
        if self.remote_cseq.is_some_and(|last| cseq <= last) {
            return Err(DialogError::OutOfOrder);
        }
        self.remote_cseq = Some(cseq);
        if method == Method::INVITE.as_str() || method == Method::UPDATE.as_str() {
            self.refresh_target(request);
        }
        Ok(())
    }

    /// Takes a new target from a re-INVITE, an UPDATE, or the 2xx to one.
    pub fn refresh_target(&mut self, message: &Message) {
        if let Some(target) = contact(message) {
            self.target = target;
        }
    }
}

fn raw(message: &Message, name: &str) -> String {
    message.headers.first(name).unwrap_or("").to_owned()
}

fn tag(address: &Address) -> String {
    address.tag().unwrap_or("").to_owned()
}

fn contact(message: &Message) -> Option<String> {
    message.contact().map(|contact| contact.uri).filter(|uri| is_word(uri))
}

/// Whether anything is left for a request line, which holds no blanks and control characters.
fn is_word(uri: &str) -> bool {
    uri.chars().any(|c| !c.is_whitespace() && !c.is_control())
}

fn record_routes(message: &Message) -> Vec<String> {
    let values = message.headers.all("Record-Route").flat_map(split_list);
    let values = values.filter(|value| is_word(&Address::parse(value).uri));
    values.map(str::to_owned).take(ROUTES_MAX).collect()
}

fn is_loose(route: &str) -> bool {
    let uri = Address::parse(route).uri;
    uri.split(';')
        .skip(1)
        .any(|p| p.split('=').next().is_some_and(|n| n.eq_ignore_ascii_case("lr")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::{Dialog, DialogError};
    use crate::sip::{Message, Method};

    const FE: &str = "<sip:fe.contoso.com:5061;transport=tls;opaque=state:T:F;lr>";
    const CHAT: &str = "sip:pchat01@contoso.com;gruu;opaque=srvr:PersistentChat:kX2m";

    fn invite() -> Message {
        let mut m = Message::request(Method::INVITE, "sip:gc@contoso.com");
        for (name, value) in [
            ("From", "<sip:bot@contoso.com>;tag=L;epid=f2"),
            ("To", "<sip:gc@contoso.com>"),
            ("CSeq", "1 INVITE"),
            ("Call-ID", "c1"),
            ("Contact", "<sip:bot@contoso.com;gruu>"),
        ] {
            m.headers.push(name, value);
        }
        m
    }

    fn ok(routes: &[&str]) -> Message {
        let mut m = Message::answer(&invite(), 200);
        m.headers.set("To", "<sip:gc@contoso.com>;tag=R");
        m.headers.push("Contact", format!("<{CHAT}>"));
        for route in routes {
            m.headers.push("Record-Route", *route);
        }
        m
    }

    #[test]
    fn caller_sends_along_the_reversed_routes() {
        let two = format!("<sip:b;lr>, {FE}");
        let mut dialog = Dialog::uac(&invite(), &ok(&["<sip:a;lr>", &two])).unwrap();
        let ack = dialog.request(&Method::ACK);
        assert_eq!((ack.uri(), ack.cseq()), (Some(CHAT), Some((1, "ACK"))));
        let routes: Vec<_> = ack.headers.all("Route").collect();
        assert_eq!(routes, [FE, "<sip:b;lr>", "<sip:a;lr>"]);
        let info = dialog.request(&Method::INFO);
        assert_eq!(info.cseq(), Some((2, "INFO")));
        assert_eq!(info.headers.first("From"), Some("<sip:bot@contoso.com>;tag=L;epid=f2"));
        assert_eq!(info.headers.first("To"), Some("<sip:gc@contoso.com>;tag=R"));
        assert_eq!(dialog.request(&Method::BYE).cseq(), Some((3, "BYE")));
    }

    #[test]
    fn strict_routes_swap_the_request_uri() {
        let mut dialog = Dialog::uac(&invite(), &ok(&["<sip:a;lr>", "<sip:old;x=1>"])).unwrap();
        let info = dialog.request(&Method::INFO);
        assert_eq!(info.uri(), Some("sip:old;x=1"));
        let routes: Vec<_> = info.headers.all("Route").map(str::to_owned).collect();
        assert_eq!(routes, ["<sip:a;lr>".to_owned(), format!("<{CHAT}>")]);
    }

    #[test]
    fn answering_end_keeps_the_order_of_routes() {
        let mut invite = invite();
        invite.headers.push("Record-Route", "<sip:a;lr>,<sip:b;lr>");
        let mut dialog = Dialog::uas(&invite, &ok(&[])).unwrap();
        let info = dialog.request(&Method::INFO);
        assert_eq!(info.uri(), Some("sip:bot@contoso.com;gruu"));
        assert_eq!(info.headers.all("Route").collect::<Vec<_>>(), ["<sip:a;lr>", "<sip:b;lr>"]);
        assert_eq!(info.cseq(), Some((1, "INFO")));
        assert_eq!(info.from().tag(), Some("R"));
    }

    #[test]
    fn both_ends_recognise_each_other() {
        let mut caller = Dialog::uac(&invite(), &ok(&[])).unwrap();
        let mut callee = Dialog::uas(&invite(), &ok(&[])).unwrap();
        let request = callee.request(&Method::INFO);
        assert!(caller.matches(&request));
        assert_eq!(caller.receive(&request), Ok(()));
        assert_eq!(caller.receive(&request), Err(DialogError::OutOfOrder));
        assert!(callee.matches(&Message::answer(&request, 200)));
        assert!(callee.matches(&caller.request(&Method::INFO)));
        let mut other = request.clone();
        other.headers.set("From", "<sip:gc@contoso.com>;tag=X");
        assert!(!caller.matches(&other));
        other.headers.set("Call-ID", "c2");
        assert!(!caller.matches(&other));
    }

    #[test]
    fn a_new_contact_moves_the_target() {
        let mut dialog = Dialog::uac(&invite(), &ok(&[])).unwrap();
        let mut update = Dialog::uas(&invite(), &ok(&[])).unwrap().request(&Method::UPDATE);
        update.headers.push("Contact", "<sip:new@contoso.com>");
        dialog.receive(&update).unwrap();
        assert_eq!(dialog.request(&Method::INFO).uri(), Some("sip:new@contoso.com"));
    }

    #[test]
    fn no_contact_no_dialog() {
        let mut ok = ok(&[]);
        ok.headers.remove("Contact");
        assert_eq!(Dialog::uac(&invite(), &ok), Err(DialogError::NoContact));
        ok.headers.push("Contact", "<\u{a0}>");
        assert_eq!(Dialog::uac(&invite(), &ok), Err(DialogError::NoContact));
    }

    /// Found by fuzzing: taken for a strict route, it left the request without a URI.
    #[test]
    fn a_route_without_a_uri_is_none() {
        let mut dialog = Dialog::uac(&invite(), &ok(&["<>", "\u{1}", FE])).unwrap();
        let info = dialog.request(&Method::INFO);
        assert_eq!(info.uri(), Some(CHAT));
        assert_eq!(info.headers.all("Route").collect::<Vec<_>>(), [FE]);
    }
}

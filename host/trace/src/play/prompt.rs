//! What the host asked of the session when it was recorded, told from what the session said then.

use lync::{
    Now,
    client::{RoomRequest, Session},
    sip::{Message, Method},
    xccos::{Child, Command, RoomUri, assumed::Request},
};

use super::line;

/// Asks the session for what was recorded; `false` if nobody could have asked for it.
pub(super) fn prompt(session: &mut Session, recorded: &Message, now: Now) -> bool {
    match recorded.method() {
        Some(Method::BYE | Method::REGISTER) => session.sign_out(now),
        Some(Method::INFO) => return prompt_command(session, recorded, now),
        _ => return false,
    }
    true
}

fn prompt_command(session: &mut Session, recorded: &Message, now: Now) -> bool {
    let Some(envelope) = line::envelope(recorded) else { return false };
    let mut is_known = false;
    for command in line::commands_in(&envelope) {
        is_known = true;
        match command {
            Command::ChannelSearch { criteria, .. } => session.search_rooms(criteria, now),
            Command::Join { room } => join(session, std::slice::from_ref(room), now),
            Command::BatchJoin { rooms } => join(session, rooms, now),
            Command::Part { room } => session.part(room.as_str(), now),
            Command::BackContext { room, last } => session.review(room.as_str(), *last, now),
            Command::Assumed(Request::Associations { .. }) => session.my_rooms(now),
            Command::Assumed(Request::Members { room }) => session.members(room.as_str(), now),
            _ => is_known = false,
        }
    }
    for child in &envelope.children {
        if let Child::Chat(message) = child {
            let _ = session.post(message.room.as_str(), &message.chat, now);
            is_known = true;
        }
    }
    is_known
}

fn join(session: &mut Session, rooms: &[RoomUri], now: Now) {
    let request = |room: &RoomUri| RoomRequest {
        uri: room.as_str().to_owned(),
        last_id: None,
        known: Vec::new(),
    };
    session.join(rooms.iter().map(request).collect(), now);
}

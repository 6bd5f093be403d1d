//! What the session tells, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use bridge::message::{Address, RoomId};
use lync::{
    client::{
        CommandError, Event, KNOWN_MAX, Loss, Post, Provisioned, Receipt, RoomRequest, RoomsQuery,
        Unavailable,
    },
    members::MemberDirectory,
    xccos::{Participant, Rights, RoomInfo, RoomUri},
};
use tracing::{debug, error, info, warn};

use super::{choose::Ask, drive::Driver, translate};
use crate::{clock, database::Error, state::ChatState};

impl Driver {
    pub(super) async fn on_event(&mut self, event: Event) {
        match event {
            Event::SignedIn { server, expires } => {
                self.worked = true;
                info!(
                    server = server.as_deref().unwrap_or("unnamed"),
                    "chat: signed in for {} s",
                    expires.as_secs()
                );
                let server = server.unwrap_or_else(|| "a server without a name".to_owned());
                let words = format!("{server} took it, for {} s", expires.as_secs());
                self.chat.state.progress(|progress| progress.signed_in = Some(words));
                self.chat.state.chat(ChatState::SignedIn);
            }
            Event::Provisioned(provisioned) => {
                debug!(?provisioned.enabled, "chat: provisioned");
                let words = told(&provisioned);
                self.chat.state.progress(|progress| progress.provisioned = Some(words));
            }
            Event::ChatReady(info) => {
                info!(limit = info.search_limit, "chat: the chat service answers");
                let limit = info.search_limit;
                let words = limit.map_or_else(
                    || "answers".to_owned(),
                    |limit| format!("answers; it shows at most {limit} rooms to one search"),
                );
                self.chat.state.progress(|progress| progress.service = Some(words));
                self.ready = true;
                self.ask().await;
            }
            Event::ChatUnavailable { reason, retry_in } => {
                self.ready = false;
                self.unavailable(&reason, retry_in.as_secs());
            }
            Event::DialogLost(loss) => {
                self.ready = false;
                self.lost(loss);
            }
            Event::Rooms { query, result } => match result {
                Ok(rooms) => self.found(&query, &rooms).await,
                Err(error) => error!("chat: looking for rooms: {error}"),
            },
            Event::Joined { room, participants, rights } => {
                self.joined(&room, &participants, rights).await
            }
            Event::JoinRefused { uri, reason, .. } => self.refused(&uri, &reason.to_string()),
            Event::Posted(post, receipt) => self.posted(&post, receipt),
            Event::Begun { room, last_id } => {
                let room = translate::room_id(&room);
                if let Err(error) = self.chat.database.begin_at(&room, last_id).await {
                    self.failed.get_or_insert(error);
                }
            }
            Event::CaughtUp { room } => {
                debug!(room, "chat: caught up");
                self.report_rooms();
            }
            Event::Gap { room, from, to } => self.gap(&room, from, to).await,
            Event::Entered { room, address, name, rights } => {
                self.observe(&room, &address, name.as_deref(), Some(rights));
                self.chat.rooms.entered(&translate::room_id(&room), Address::new(&address));
            }
            Event::Left { room, address } => {
                self.chat.rooms.left(&translate::room_id(&room), &Address::new(&address));
            }
            Event::Parted { room, retry_in } => {
                let room = translate::room_id(&room);
                if let Some(retry_in) = retry_in {
                    warn!("chat: put out of a room; trying again in {} s", retry_in.as_secs());
                }
                self.chat.rooms.parted(&room);
                self.report_rooms();
            }
            Event::Members { room, result } => self.members(&room, result),
            Event::Reviewed { room, result } => self.reviewed(&room, result).await,
            Event::PostResult { result, .. } => {
                if let Err(error) = result {
                    warn!("chat: our own post was not taken: {error}");
                }
            }
            Event::RoomChanged { .. } => self.session.my_rooms(clock::now()),
            Event::Oddities(names) => {
                info!(?names, "chat: wire forms that nobody knows; please report them")
            }
        }
    }

    pub(super) async fn ask(&mut self) {
        for ask in self.chooser.begin() {
            match ask {
                Ask::Join(uri) => self.join(vec![uri]).await,
                Ask::Search(words) => self.session.search_rooms(&words, clock::now()),
                Ask::Mine => self.session.my_rooms(clock::now()),
            }
        }
    }

    async fn found(&mut self, query: &RoomsQuery, rooms: &[RoomInfo]) {
        self.chat.state.progress(|progress| {
            let before = progress.rooms_found.unwrap_or(0);
            progress.rooms_found = Some(before.saturating_add(rooms.len()));
        });
        self.renew(rooms).await;
        let wanted = self.chooser.found(query, rooms);
        if let RoomsQuery::Search(words) = query
            && self.chooser.is_missed(words)
        {
            self.refuse(
                &format!("{query:?}"),
                "no room has a name that fits: check `name` under [[rooms]], and that the account may see the room",
            );
        }
        self.join(wanted).await;
    }

    /// Takes over what has changed of rooms already known.
    async fn renew(&mut self, rooms: &[RoomInfo]) {
        for info in rooms {
            let id = translate::room_id(info.uri.key());
            let Some((known, _)) = self.chat.rooms.snapshot(&id) else { continue };
            let room = translate::changed(&known, info);
            if room == known {
                continue;
            }
            if let Err(error) = self.chat.database.save_room(&room, info.uri.as_str()).await {
                error!("chat: {error}");
            }
            self.chat.rooms.lists(|lists| lists.name_room(&info.uri, &room.name));
            self.chat.rooms.changed(room);
        }
    }

    async fn join(&mut self, uris: Vec<String>) {
        if uris.is_empty() {
            return;
        }
        if let Err(error) = self.chat.leases.want(&uris).await {
            error!("chat: {error}; rooms are joined when it works again");
        }
        self.be_in_our_rooms().await;
    }

    /// Joins the rooms that have become this host's, and leaves those that are another's by now.
    pub(super) async fn be_in_our_rooms(&mut self) {
        let ours: BTreeMap<RoomId, String> = self
            .chat
            .leases
            .rooms()
            .into_iter()
            .map(|uri| (translate::room_id(&uri), uri))
            .collect();
        let others: Vec<RoomId> =
            self.asked.keys().filter(|room| !ours.contains_key(*room)).cloned().collect();
        for room in others {
            if let Some(uri) = self.asked.remove(&room) {
                info!("chat: a room is left to another host");
                self.session.part(&uri, clock::now());
            }
        }
        let mut requests = Vec::new();
        for (room, uri) in ours {
            if self.asked.contains_key(&room) {
                continue;
            }
            match self.place(&room, &uri).await {
                Ok((last_id, known)) => {
                    debug!(room = room.as_str(), last_id, "chat: to be joined");
                    self.asked.insert(room, uri.clone());
                    requests.push(RoomRequest { uri, last_id, known });
                }
                Err(error) => error!("chat: {error}; a room is joined when it works again"),
            }
        }
        if !requests.is_empty() {
            self.session.join(requests, clock::now());
        }
    }

    /// How far a room was read: the highest number, or where there are none the last posts. Another
    /// host may have had it meanwhile, so what is known of its people comes from the database too.
    async fn place(
        &mut self,
        room: &RoomId,
        uri: &str,
    ) -> Result<(Option<u64>, Vec<String>), Error> {
        let seen = self.chat.database.seen_in(room).await?;
        self.chat.rooms.begin_lists(uri, seen, self.chat.config.chat.assumed.members_command);
        let last_id = self.chat.database.cursor(room).await?;
        let known = match last_id {
            Some(_) => Vec::new(),
            None => self.chat.database.last_posts(room, KNOWN_MAX).await?,
        };
        Ok((last_id, known))
    }

    async fn joined(&mut self, info: &RoomInfo, participants: &[Participant], own: Option<Rights>) {
        let room = translate::room(info, own);
        let uri = info.uri.to_string();
        info!(room = %room.name, present = participants.len(), "chat: joined");
        if let Err(error) = self.chat.database.save_room(&room, &uri).await {
            error!("chat: {error}");
        }
        let own_address = self.chat.config.chat.address.as_str();
        let large =
            participants.is_empty() && info.participants_count.is_some_and(|count| count > 1);
        let present: BTreeSet<Address> =
            participants.iter().map(|one| Address::new(&one.address)).collect();
        let name = room.name.clone();
        self.chat.rooms.joined(room, &uri, (!large).then_some(present));
        self.chat.rooms.lists(|lists| lists.name_room(&info.uri, &name));
        for one in participants.iter().filter(|one| !one.address.eq_ignore_ascii_case(own_address))
        {
            self.observe(&uri, &one.address, one.name.as_deref(), Some(one.rights));
        }
        if self.chat.config.chat.assumed.members_command {
            self.session.members(&uri, clock::now());
        } else {
            self.chat.state.members_changed();
        }
    }

    fn refused(&self, uri: &str, why: &str) {
        if self.chooser.named(uri) {
            self.refuse(uri, &format!("cannot be joined ({why}): is the address right, and is the service account a member of the room?"));
        } else {
            debug!(uri, "chat: a room found by search cannot be joined: {why}");
        }
    }

    fn posted(&mut self, post: &Post, receipt: Receipt) {
        let room = translate::room_id(&post.room);
        let rooms = &self.chat.rooms;
        let room_name = |uri: &str| rooms.name_of(uri);
        let message = translate::message(post, &rooms.names(&room), &room_name, clock::unix_ms());
        self.observe(&post.room, &post.author, Some(&message.author.name), None);
        self.fresh.push((message, post.id, receipt));
    }

    async fn gap(&mut self, room: &str, from: u64, to: Option<u64>) {
        error!(
            from,
            ?to,
            "chat: messages of a room were missed and its history no longer has them"
        );
        // The cursor would pass over the gap with the next post, and nobody would hear of it.
        if let Err(error) = self.chat.database.note_gap(&translate::room_id(room), from, to).await {
            self.failed.get_or_insert(error);
        }
    }

    fn members(&self, room: &str, result: Result<Vec<lync::xccos::assumed::Member>, CommandError>) {
        let Some(uri) = RoomUri::parse(room) else { return };
        match result {
            Ok(members) => {
                let now = clock::now().unix;
                self.chat.rooms.lists(|lists| lists.take_wire(&uri, members, now));
            }
            // They are asked for again when the room is joined again.
            Err(CommandError::DialogLost | CommandError::NotConnected) => return,
            Err(error) => {
                warn!("chat: the members of a room cannot be listed: {error}");
                let snapshot = self.chat.rooms.snapshot(&translate::room_id(room));
                // The list of before is better than none.
                if snapshot.is_none_or(|(_, members)| members.is_none()) {
                    self.chat.rooms.lists(|lists| lists.no_wire(&uri));
                }
            }
        }
        self.chat.state.members_changed();
    }

    fn observe(&self, room: &str, address: &str, name: Option<&str>, rights: Option<Rights>) {
        if let Some(uri) = RoomUri::parse(room)
            && !address.eq_ignore_ascii_case(self.chat.config.chat.address.as_str())
        {
            let now = clock::now().unix;
            let observe =
                |lists: &mut MemberDirectory| lists.observe(&uri, address, name, rights, now);
            if self.chat.rooms.lists(observe) {
                self.chat.state.members_changed();
            }
        }
    }

    fn lost(&self, loss: Loss) {
        let how = match loss {
            Loss::Unknown => "the chat server has forgotten our dialog",
            Loss::Bye => "the chat server ended our dialog",
            Loss::Silent => "the chat server does not answer",
        };
        warn!("chat: {how}; making a new one");
        self.chat.rooms.lost();
        self.chat.state.chat(ChatState::SignedIn);
        self.report_rooms();
    }

    fn unavailable(&self, reason: &Unavailable, retry_s: u64) {
        let what = match reason {
            Unavailable::Refused { status: 0, .. } => "the chat server does not answer the INVITE".to_owned(),
            Unavailable::Refused { status, diagnostics } => format!(
                "the chat server refused the INVITE with {status}{}: is `chat_server` under [chat] right?",
                diagnostics.as_ref().map(|told| format!(" (diagnostics {}: {})", told.id, told.reason)).unwrap_or_default()
            ),
            Unavailable::NotProvisioned => "the chat server ended the dialog at the first command: grant the account a Persistent Chat policy (Grant-CsPersistentChatPolicy)".to_owned(),
            Unavailable::NoDialog => "the chat server's answer to the INVITE makes no dialog".to_owned(),
        };
        error!("chat: {what}; next try in {retry_s} s");
        self.chat.state.chat(ChatState::Offline(what));
    }

    fn report_rooms(&self) {
        let all = self.chat.rooms.all();
        let live = all.iter().filter(|known| known.joined).count();
        if live > 0 {
            self.chat.state.chat(ChatState::Live);
        }
        let with_members = all.iter().filter(|known| known.members().is_some()).count();
        self.chat.state.rooms(live, with_members);
    }
}

/// What the provisioning document says of Persistent Chat.
fn told(provisioned: &Provisioned) -> Result<String, String> {
    let pools = match (&provisioned.default_pool, provisioned.pools.len()) {
        (Some(_), 0 | 1) => "one chat pool is named",
        (Some(_), _) => "several chat pools are named, and one of them as the one to use",
        (None, 0) => "no chat pool is named",
        (None, _) => "chat pools are named, and none of them as the one to use",
    };
    match provisioned.enabled {
        Some(true) => Ok(format!("Persistent Chat is allowed; {pools}")),
        None => Ok(format!("nothing is said of Persistent Chat; {pools}")),
        Some(false) => Err(format!(
            "Persistent Chat is not allowed ({pools}): grant the account a policy that allows it (Grant-CsPersistentChatPolicy)"
        )),
    }
}

//! Who is in a room: what notices tell (dossier 4.14).

use super::Session;
use super::events::Event;
use super::limits::{PRESENT_MAX, REJOIN_FIRST};
use super::rooms::Place;
use crate::Now;
use crate::xccos::{Entered, Left, Notice};

impl Session {
    pub(super) fn on_notice(&mut self, notice: Notice, now: Now) {
        match notice {
            Notice::Join(entered) | Notice::BatchJoin(entered) => {
                for one in entered {
                    self.on_entered(one);
                }
            }
            Notice::Part(left) => {
                for one in left {
                    self.on_left(&one, now);
                }
            }
            Notice::Quit(addresses) => {
                let rooms = self.rooms.uris();
                for address in addresses {
                    for room in &rooms {
                        let one = Left { room: room.clone(), address: address.clone() };
                        self.on_left(&one, now);
                    }
                }
            }
            Notice::Other { .. } => {
                for uri in notice.rooms() {
                    if self.rooms.is_entered(&uri) {
                        self.link.event(Event::RoomChanged { room: uri.key().to_owned() });
                    }
                }
            }
        }
    }

    fn on_entered(&mut self, one: Entered) {
        let Some(room) = self.rooms.joined(&one.room) else {
            return;
        };
        if room.present.len() < PRESENT_MAX {
            room.present.insert(one.address.to_ascii_lowercase());
        }
        self.link.event(Event::Entered {
            room: one.room.key().to_owned(),
            address: one.address,
            name: one.name,
            rights: one.rights,
        });
    }

    fn on_left(&mut self, one: &Left, now: Now) {
        let own = one.address.eq_ignore_ascii_case(&self.config.address);
        let Some(room) = self.rooms.joined(&one.room) else {
            return;
        };
        let was_there = room.present.remove(&one.address.to_ascii_lowercase());
        let name = one.room.key().to_owned();
        if own {
            // Put out. Not at once again: somebody wanted it so (dossier 4.14).
            room.place = Place::Out { retry_at: Some(now.instant + REJOIN_FIRST) };
            let held = room.resume.leave();
            self.link.event(Event::Parted { room: name, retry_in: Some(REJOIN_FIRST) });
            self.settle_infos(held, now);
        } else if was_there {
            self.link.event(Event::Left { room: name, address: one.address.clone() });
        }
    }
}

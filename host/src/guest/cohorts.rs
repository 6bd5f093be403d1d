//! Members put together of whom a guest is told the same.

use std::collections::BTreeMap;

use super::types::{Cohort, Member};

/// Makes cohorts, in the order of their first members. Each holds its members in their order.
pub(super) fn of(members: &[Member]) -> Vec<Cohort> {
    let mut cohorts: Vec<Cohort> = Vec::new();
    let mut places = BTreeMap::new();
    for member in members {
        let place = *places.entry(told(member)).or_insert(cohorts.len());
        match cohorts.get_mut(place) {
            Some(cohort) => cohort.members.push(member.id),
            None => cohorts.push(begun_by(member)),
        }
    }
    cohorts
}

/// All that a guest is told of a member but for his id, in one number.
const fn told(member: &Member) -> u64 {
    let Member { id: _, role, presence, named, wish, language, offset_minutes } = *member;
    let small = [role as u8, presence as u8, named as u8, wish as u8];
    let [a, b] = language.to_le_bytes();
    let [c, d] = offset_minutes.to_le_bytes();
    let [e, f, g, h] = small;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn begun_by(member: &Member) -> Cohort {
    let Member { id, role, presence, named, wish, language, offset_minutes } = *member;
    Cohort { role, presence, named, wish, language, offset_minutes, members: vec![id] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::types::{Presence, Role, Wish};

    fn member(id: u32) -> Member {
        let (role, presence, wish) = (Role::Member, Presence::Absent, Wish::None);
        Member { id, role, presence, named: false, wish, language: 0x6465, offset_minutes: -60 }
    }

    #[test]
    fn who_differs_in_anything_stands_apart() {
        let like = member(0);
        let members = [
            member(9),
            Member { id: 1, role: Role::Presenter, ..like },
            Member { id: 2, presence: Presence::Joined, ..like },
            Member { id: 3, named: true, ..like },
            Member { id: 4, wish: Wish::Off, ..like },
            Member { id: 5, language: 0x656e, ..like },
            Member { id: 6, offset_minutes: 60, ..like },
            member(8),
            Member { id: 7, wish: Wish::Off, ..like },
        ];
        let cohorts = of(&members);
        let ids: Vec<_> = cohorts.iter().map(|cohort| cohort.members.as_slice()).collect();
        let expected: [&[u32]; 7] = [&[9, 8], &[1], &[2], &[3], &[4, 7], &[5], &[6]];
        assert_eq!(ids, expected);
        for (cohort, expected) in cohorts.iter().zip(&members) {
            assert_eq!(*cohort, Cohort { members: cohort.members.clone(), ..begun_by(expected) });
        }
        assert_eq!(of(&[]), []);
    }
}

//! What each of several hosts does alone: an equal share of what there is to do, with as few moves
//! as it takes.

use std::collections::{BTreeMap, BTreeSet};

/// What a host begins and ceases to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// What nobody does and this host is to do from now on.
    pub take: Vec<String>,
    /// What this host does and is to leave to others.
    pub give: Vec<String>,
}

/// Compares what a host wants to do with who does what (duty to host), where so many `hosts` share
/// the work. A host gives what it no longer wants, and what goes beyond its share; it takes what
/// nobody does, up to its share. Both go by name, so that two hosts want the same thing rarely.
#[must_use]
pub fn balance(
    host: &str,
    wanted: &BTreeSet<String>,
    leases: &BTreeMap<String, String>,
    hosts: usize,
) -> Moves {
    let all = wanted.iter().chain(leases.keys()).collect::<BTreeSet<_>>().len();
    let share = all.div_ceil(hosts.max(1));
    let mine = leases.iter().filter(|(_, whose)| *whose == host).map(|(duty, _)| duty);
    let (mut keep, mut give): (Vec<_>, Vec<_>) =
        mine.cloned().partition(|duty| wanted.contains(duty));
    give.extend(keep.split_off(keep.len().min(share)));
    let free = wanted.iter().filter(|duty| !leases.contains_key(*duty)).cloned();
    Moves { take: free.take(share - keep.len()).collect(), give }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duties(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn leases(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(duty, host)| ((*duty).to_owned(), (*host).to_owned())).collect()
    }

    #[test]
    fn a_host_alone_does_everything() {
        let moves = balance("a", &duties(&["r1", "r2", "r3"]), &leases(&[]), 1);
        assert_eq!(
            moves,
            Moves { take: vec!["r1".into(), "r2".into(), "r3".into()], give: vec![] }
        );
    }

    #[test]
    fn a_second_host_gets_its_half() {
        let wanted = duties(&["r1", "r2", "r3"]);
        let all = leases(&[("r1", "a"), ("r2", "a"), ("r3", "a")]);
        assert_eq!(balance("b", &wanted, &all, 2), Moves::default());
        assert_eq!(balance("a", &wanted, &all, 2).give, ["r3"]);
        let free = leases(&[("r1", "a"), ("r2", "a")]);
        assert_eq!(balance("a", &wanted, &free, 2), Moves::default());
        assert_eq!(balance("b", &wanted, &free, 2).take, ["r3"]);
    }

    #[test]
    fn what_is_no_longer_wanted_is_given() {
        let moves = balance("a", &duties(&["r2"]), &leases(&[("r1", "a"), ("r2", "a")]), 1);
        assert_eq!(moves, Moves { take: vec![], give: vec!["r1".into()] });
    }

    /// Whatever the start, each duty comes to have one host, and no host more than its share.
    #[test]
    fn hosts_come_to_an_agreement() {
        for (count, names) in [(1, 1), (5, 2), (7, 3), (2, 3), (500, 4)] {
            let wanted: BTreeSet<String> = (0..count).map(|n| format!("r{n}")).collect();
            let hosts: Vec<String> = (0..names).map(|n| format!("h{n}")).collect();
            let mut leases: BTreeMap<String, String> =
                wanted.iter().map(|duty| (duty.clone(), "h0".to_owned())).collect();
            for _ in 0..3 {
                for host in &hosts {
                    let moves = balance(host, &wanted, &leases, names);
                    leases.retain(|duty, _| !moves.give.contains(duty));
                    leases.extend(moves.take.into_iter().map(|duty| (duty, host.clone())));
                }
            }
            assert_eq!(leases.len(), count);
            for host in &hosts {
                let held = leases.values().filter(|whose| *whose == host).count();
                assert!(held <= count.div_ceil(names), "{host} holds {held} of {count}");
            }
        }
    }
}

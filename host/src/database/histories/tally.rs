//! What happened, for the figures.

macro_rules! tally {
    ($($(#[doc = $doc:literal])* $name:ident,)+) => {
        /// How often what happened.
        #[derive(Clone, Copy, Debug, Default)]
        pub(super) struct Tally {
            $($(#[doc = $doc])* pub(super) $name: u64,)+
        }

        impl Tally {
            pub(super) fn add(&mut self, other: Self) {
                $(self.$name += other.$name;)+
            }
        }

        impl std::fmt::Display for Tally {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let all = [$((stringify!($name), self.$name),)+];
                let shown: Vec<_> = all.iter().map(|(name, count)| format!("{name} {count}")).collect();
                f.write_str(&shown.join(", "))
            }
        }
    };
}

tally! {
    histories,
    steps,
    effects,
    posts,
    kills,
    kills_before_a_commit,
    connections,
    cuts,
    pool_restarts,
    pool_faults,
    truncations,
    gaps,
    removals,
    clock_jumps,
    requests,
    answers_lost,
    late_effects,
    throttled,
    refused,
    mailbox_full,
    queued,
    retries,
    mails,
}

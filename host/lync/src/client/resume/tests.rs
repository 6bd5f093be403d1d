//! Posts, jumps and pages in every order, and what follows.

use super::*;
use crate::client::post::test_post;

fn posts(ids: impl IntoIterator<Item = u64>) -> Vec<Post> {
    ids.into_iter().map(|id| test_post(Some(id), "text")).collect()
}

fn live(id: u64) -> Arrival {
    Arrival { post: test_post(Some(id), "text"), info: Some(InfoId(id)) }
}

/// One word per step.
fn told(steps: Vec<Step>) -> String {
    let word = |step| match step {
        Step::Ask(count) => format!("ask{count}"),
        Step::Hand(one) => match (one.post.id, one.info) {
            (Some(id), Some(_)) => format!("{id}!"),
            (Some(id), None) => id.to_string(),
            (None, _) => one.post.chat,
        },
        Step::Skip(info) => format!("skip{}", info.0),
        Step::Gap { from, to } => format!("gap{from}-{}", to.unwrap_or(0)),
        Step::Begin(place) => format!("begin{place}"),
        Step::CaughtUp => "live".to_owned(),
    };
    steps.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn first_start_takes_the_configured_history() {
    let mut room = Resume::new(None, [], 25, 999);
    assert_eq!(told(room.join(true)), "ask25");
    assert_eq!(told(room.page(posts([41, 40]), 0)), "40 41 live");
    assert_eq!(told(room.live(live(42))), "42!");
}

#[test]
fn first_start_without_history() {
    let mut room = Resume::new(None, [], 0, 999);
    assert_eq!(told(room.join(true)), "ask1");
    assert_eq!(told(room.page(posts([6]), 0)), "begin6 live");
    assert_eq!(told(room.live(live(7))), "7!");
}

#[test]
fn what_comes_live_during_the_first_join_is_handed_over() {
    let mut room = Resume::new(None, [], 0, 999);
    assert_eq!(told(room.join(true)), "ask1");
    assert_eq!(told(room.live(live(8))), "");
    assert_eq!(told(room.page(posts([8]), 0)), "begin7 8! live");
}

/// What is posted in a silent room while we are away is ours, wherever its ids begin.
#[test]
fn a_room_in_which_nothing_was_ever_said() {
    let mut room = Resume::new(None, [], 0, 999);
    room.join(true);
    assert_eq!(told(room.page(posts([]), 0)), "begin0 live");
    let mut later = Resume::new(Some(0), [], 0, 999);
    assert_eq!(told(later.join(true)), "ask50");
    assert_eq!(told(later.page(posts([4711, 4712]), 0)), "ask100");
    assert_eq!(told(later.page(posts([4711, 4712]), 0)), "4711 4712 live");
    let mut live_first = Resume::new(Some(0), [], 0, 999);
    live_first.join(true);
    live_first.page(posts([]), 0);
    assert_eq!(told(live_first.live(live(4711))), "ask999");
    assert_eq!(told(live_first.page(posts([4711]), 0)), "4711!");
}

/// Of an empty room's very first posts one was lost on its way.
#[test]
fn a_room_that_was_empty_is_counted_from_1() {
    let empty = || {
        let mut room = Resume::new(Some(0), [], 0, 999);
        room.join(true);
        room.page(posts([]), 0);
        room
    };
    let mut room = empty();
    assert_eq!(told(room.live(live(2))), "ask12");
    assert_eq!(told(room.page(posts([1, 2]), 0)), "1 2!");
    let mut room = empty();
    assert_eq!(told(room.live(live(3))), "ask13");
    assert_eq!(told(room.page(posts([3]), 0)), "ask50");
    assert_eq!(told(room.page(posts([3]), 0)), "gap1-2 3!");
    let mut room = Resume::new(Some(0), [], 0, 999);
    room.join(true);
    assert_eq!(told(room.page(posts(2001..=2006), 0)), "ask100");
    let steps = told(room.page(posts(2001..=2006), 0));
    assert!(steps.starts_with("gap1-2000 2001 "), "{steps}");
}

#[test]
fn live_posts_wait_for_history_and_are_handed_once() {
    let mut room = Resume::new(Some(42), [], 0, 999);
    assert_eq!(told(room.live(live(45))), "");
    assert_eq!(told(room.join(true)), "ask50");
    assert_eq!(told(room.live(live(46))), "");
    assert_eq!(told(room.page(posts(40..=45), 0)), "43 44 45! 46! live");
    assert_eq!(told(room.live(live(46))), "skip46");
}

#[test]
fn pages_double_until_they_cover() {
    let mut room = Resume::new(Some(100), [], 0, 999);
    assert_eq!(told(room.join(true)), "ask50");
    assert_eq!(told(room.page(posts(201..=250), 0)), "ask100");
    assert_eq!(told(room.page(posts(151..=250), 0)), "ask200");
    let steps = told(room.page(posts(51..=250), 0));
    assert!(steps.starts_with("101 102 ") && steps.ends_with("250 live"));
}

#[test]
fn a_gap_at_the_limit_is_told() {
    let mut room = Resume::new(Some(100), [], 0, 60);
    room.join(true);
    assert_eq!(told(room.page(posts(901..=950), 0)), "ask60");
    let steps = told(room.page(posts(891..=950), 0));
    assert!(steps.starts_with("gap101-890 891 "), "{steps}");
}

#[test]
fn a_server_that_gives_fewer_than_asked_is_seen_through() {
    let mut room = Resume::new(Some(100), [], 0, 999);
    room.join(true);
    assert_eq!(told(room.page(posts(471..=500), 0)), "ask100");
    let steps = told(room.page(posts(471..=500), 0));
    assert!(steps.starts_with("gap101-470 471 "), "{steps}");
}

#[test]
fn what_left_the_history_before_it_was_read_is_a_gap() {
    let mut room = Resume::new(Some(100), [], 0, 999);
    room.join(true);
    assert_eq!(told(room.page(posts([103, 104]), 0)), "ask100");
    assert_eq!(told(room.page(posts([103, 104]), 0)), "gap101-102 103 104 live");
    // That what was read has left it too means nothing.
    let mut room = Resume::new(Some(100), [], 0, 999);
    room.join(true);
    assert_eq!(told(room.page(posts([101, 104]), 0)), "101 104 live");
}

#[test]
fn an_empty_history_hides_nothing_once_somebody_posts() {
    let mut room = Resume::new(Some(100), [], 0, 999);
    room.join(true);
    assert_eq!(told(room.page(posts([]), 0)), "live");
    assert_eq!(told(room.live(live(104))), "ask14");
    assert_eq!(told(room.page(posts([]), 0)), "gap101-103 104!");
}

/// The post came after the page was made, and one before it was lost on its way.
#[test]
fn a_jump_behind_the_page_is_probed() {
    let joined = || {
        let mut room = Resume::new(Some(4), [], 0, 999);
        room.join(true);
        for id in [6, 8, 10] {
            room.live(live(id));
        }
        room
    };
    let mut room = joined();
    assert_eq!(told(room.page(posts(1..=7), 0)), "5 6! 7 8! ask12");
    assert_eq!(told(room.page(posts(1..=10), 0)), "9 10! live");
    // What history cannot show, though it should, is a gap.
    let mut room = joined();
    assert_eq!(told(room.page(posts(1..=5), 0)), "5 6! ask14");
    assert_eq!(told(room.page(posts(1..=8), 0)), "gap9-9 7 8! 10! live");
}

#[test]
fn a_jump_is_probed_and_holes_are_accepted() {
    let mut room = Resume::new(Some(5), [], 0, 999);
    room.join(true);
    room.page(posts(1..=5), 0);
    assert_eq!(told(room.live(live(9))), "ask14");
    assert_eq!(told(room.live(live(10))), "");
    assert_eq!(told(room.page(posts([4, 5, 7, 9, 10]), 0)), "7 9! 10!");
    assert_eq!(told(room.live(live(11))), "11!");
}

#[test]
fn sparse_ids_are_not_probed() {
    let mut room = Resume::new(Some(500), [], 0, 999);
    room.join(true);
    assert_eq!(told(room.page(posts([100, 200, 300, 400, 500, 600]), 0)), "600 live");
    assert_eq!(told(room.live(live(900))), "900!");
    assert_eq!(told(room.recheck()), "ask10");
    assert_eq!(told(room.page(posts([600, 900, 950]), 0)), "950");
}

#[test]
fn a_quiet_room_is_checked() {
    let mut room = Resume::new(Some(5), [], 0, 999);
    room.join(true);
    room.page(posts(1..=5), 0);
    assert_eq!(told(room.recheck()), "ask1");
    assert_eq!(told(room.page(posts([5]), 0)), "");
    assert_eq!(told(room.recheck()), "ask1");
    assert_eq!(told(room.page(posts([8]), 0)), "ask50");
    assert_eq!(told(room.page(posts(1..=8), 0)), "6 7 8");
}

#[test]
fn refused_history_is_a_gap_of_unknown_end() {
    let mut room = Resume::new(Some(5), [], 0, 999);
    room.join(true);
    assert_eq!(told(room.page_failed()), "ask50");
    assert_eq!(told(room.page_failed()), "gap6-0 live");
    let mut room = Resume::new(Some(5), [], 0, 999);
    room.join(true);
    room.live(live(9));
    room.live(live(11));
    assert_eq!(told(room.page_failed()), "ask50");
    assert_eq!(told(room.page_failed()), "gap6-8 gap10-10 9! 11! live");
}

#[test]
fn a_page_that_fails_is_asked_again_and_then_in_part() {
    let mut room = Resume::new(Some(5), [], 0, 999);
    room.join(true);
    assert_eq!(told(room.page(posts(101..=150), 0)), "ask100");
    assert_eq!(told(room.page_failed()), "ask100");
    assert_eq!(told(room.page(posts(51..=150), 0)), "ask200");
    assert_eq!(told(room.page_failed()), "ask200");
    assert_eq!(told(room.page_failed()), "ask100");
    let steps = told(room.page(posts(51..=150), 0));
    assert!(steps.starts_with("gap6-50 51 ") && steps.ends_with("150 live"), "{steps}");
}

#[test]
fn rooms_without_history_are_live_at_once() {
    let mut room = Resume::new(Some(5), [], 10, 999);
    assert_eq!(told(room.join(false)), "live");
    assert_eq!(told(room.live(live(9))), "9!");
}

#[test]
fn posts_without_ids_are_known_by_what_they_are() {
    let mut room = Resume::new(None, [], 10, 999);
    room.join(true);
    let page = || vec![test_post(None, "a"), test_post(None, "b")];
    assert_eq!(told(room.page(page(), 0)), "a b live");
    let _ = room.leave();
    room.join(true);
    room.live(Arrival { post: test_post(None, "c"), info: Some(InfoId(1)) });
    let mut next = page();
    next.push(test_post(None, "c"));
    assert_eq!(told(room.page(next, 0)), "c live");
}

fn unnumbered(texts: &str) -> Vec<Post> {
    texts.split(' ').map(|text| test_post(None, text)).collect()
}

fn keys(texts: &str) -> Vec<String> {
    unnumbered(texts).into_iter().map(|post| post.key).collect()
}

/// History wanted or not: what was said while we were away follows what we know.
#[test]
fn without_ids_a_room_is_read_on_from_the_last_posts_kept() {
    for history_first in [0, 25] {
        let mut room = Resume::new(None, keys("b c"), history_first, 999);
        assert_eq!(told(room.join(true)), "ask50");
        assert_eq!(told(room.page(unnumbered("a b c d e"), 0)), "d e live");
        let _ = room.leave();
        assert_eq!(told(room.join(true)), "ask50");
        assert_eq!(told(room.page(unnumbered("d e f"), 0)), "f live");
    }
}

#[test]
fn without_ids_a_first_start_goes_on_from_what_it_passed_over() {
    let mut room = Resume::new(None, [], 0, 999);
    assert_eq!(told(room.join(true)), "ask1");
    let live = |text| Arrival { post: test_post(None, text), info: Some(InfoId(1)) };
    assert_eq!(told(room.live(live("b"))), "");
    assert_eq!(told(room.page(unnumbered("a b"), 0)), "b live");
    let _ = room.leave();
    assert_eq!(told(room.join(true)), "ask50");
    assert_eq!(told(room.page(unnumbered("a b c"), 0)), "c live");
}

#[test]
fn without_ids_pages_double_until_they_meet_what_is_known() {
    let mut room = Resume::new(None, keys("x"), 0, 60);
    let texts: Vec<String> = (0..60).map(|n| format!("m{n}")).collect();
    let late: Vec<String> = texts.iter().skip(10).cloned().collect();
    assert_eq!(told(room.join(true)), "ask50");
    assert_eq!(told(room.page(unnumbered(&late.join(" ")), 0)), "ask60");
    let steps = told(room.page(unnumbered(&texts.join(" ")), 0));
    assert!(steps.starts_with("gap0-0 m0 m1 ") && steps.ends_with("m59 live"), "{steps}");
    assert_eq!(told(room.recheck()), "ask10");
    assert_eq!(told(room.page(unnumbered("m58 m59 new"), 0)), "new");
}

#[test]
fn numbers_where_there_were_none_are_a_new_beginning() {
    let mut room = Resume::new(None, keys("a b"), 25, 999);
    assert_eq!(told(room.join(true)), "ask50");
    assert_eq!(told(room.page(posts(1..=9), 0)), "begin9 live");
    assert_eq!(told(room.live(live(10))), "10!");
}

/// Nothing probes a jump there: the check of the quiet room finds what was lost on the way.
#[test]
fn sparse_ids_are_compared_as_sets() {
    let mut room = Resume::new(Some(500), [], 0, 999);
    room.join(true);
    room.page(posts([100, 200, 300, 400, 500, 600]), 0);
    assert_eq!(told(room.live(live(900))), "900!");
    assert_eq!(told(room.recheck()), "ask10");
    assert_eq!(told(room.page(posts([400, 500, 600, 850, 900, 950]), 0)), "850 950");
    assert_eq!(told(room.recheck()), "ask10");
    assert_eq!(told(room.page(posts([400, 500, 600, 850, 900, 950]), 0)), "");
}

#[test]
fn what_is_remembered_of_sparse_ids_is_bounded() {
    let mut room = Resume::new(Some(0), [], 0, 999);
    room.join(true);
    assert_eq!(told(room.page(posts([10, 20, 30, 40, 50]), 0)), "ask100");
    room.page(posts([10, 20, 30, 40, 50]), 0);
    for id in 1..=1000 {
        room.live(live(id * 100));
    }
    assert_eq!(room.handed.len(), SEEN_MAX);
    assert_eq!(told(room.live(live(150))), "skip150", "below all that is remembered");
    assert_eq!(told(room.live(live(99_950))), "99950!");
    assert_eq!(told(room.live(live(99_950))), "skip99950");
}

/// The pool falls silent just when a quiet room is checked: nothing was missed.
#[test]
fn a_check_that_fails_tells_of_no_gap() {
    let mut room = Resume::new(Some(5), [], 0, 999);
    room.join(true);
    room.page(posts(4..=5), 0);
    assert_eq!(told(room.recheck()), "ask1");
    assert_eq!(told(room.page_failed()), "");
    assert_eq!(told(room.live(live(6))), "6!");
}

#[test]
fn posts_held_back_give_their_infos_back() {
    let mut room = Resume::new(Some(5), [], 0, 999);
    room.join(true);
    room.live(live(6));
    room.live(live(7));
    assert_eq!(room.leave(), [InfoId(6), InfoId(7)]);
    assert_eq!(room.leave(), []);
}

#[test]
fn a_full_buffer_is_made_good_from_history() {
    let mut room = Resume::new(Some(0), [], 0, 999);
    room.join(true);
    for id in 1..=512 {
        assert_eq!(told(room.live(live(id))), "");
    }
    assert_eq!(told(room.live(live(513))), "skip513");
    let steps = told(room.page(posts(0..=0), 0));
    assert!(steps.ends_with("511! 512! ask50"), "{steps}");
    assert_eq!(told(room.page(posts(464..=513), 0)), "513 live");
}

#[test]
fn after_a_loss_the_session_goes_on_where_it_was() {
    let mut room = Resume::new(None, [], 25, 999);
    room.join(true);
    room.page(posts(40..=41), 0);
    let _ = room.leave();
    assert_eq!(told(room.join(true)), "ask50");
    assert_eq!(told(room.page(posts(40..=43), 0)), "42 43 live");
}

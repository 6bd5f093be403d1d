//! A guest that takes all it can get: it plans without end, and composes until memory ends.

wit_bindgen::generate!({ path: "../../../wit/0.3.0", world: "guest" });

struct Spin;

impl Guest for Spin {
    fn plan(_: Room, _: Message, _: Vec<Cohort>) -> Result<Vec<Group>, String> {
        let mut turns = 0_u64;
        loop {
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
    }

    fn compose(_: Edition) -> Result<Mail, String> {
        let mut all = Vec::new();
        loop {
            all.push(std::hint::black_box(vec![1_u8; 1 << 20]));
        }
    }
}

export!(Spin);

//! Envelopes: what was decoded is encoded and decodes to the same.
#![cfg_attr(fuzzing, no_main)]

use lync::Quirks;
use lync::xccos::{Block, Child, Command, Data, Envelope, Notice, ODDITIES_MAX, decode, encode};
use xml::{Element, Node};

fuzz::target!(|body| {
    for quirks in [Quirks::default(), Quirks::embedded()] {
        let Ok(first) = decode(body, &quirks) else { return };
        assert!(first.oddities.len() <= ODDITIES_MAX);
        let text = encode(&first);
        let second = decode(text.as_bytes(), &quirks);
        let second = second.unwrap_or_else(|error| panic!("{error} in {text}"));
        assert_eq!(settled(second), settled(first), "{text}");
    }
});

/// Without what is not written: notes of what was odd, how much could not be kept, namespaces.
fn settled(mut envelope: Envelope) -> Envelope {
    for child in &mut envelope.children {
        match child {
            Child::Reply(reply) => settle(&mut reply.data),
            Child::Notice(Notice::Other { data, .. }) => settle(data),
            Child::Command { command: Command::Other { data, .. }, .. } => settle(data),
            Child::Invalid { element, .. } | Child::Unknown(element) => bare(element),
            Child::Notice(_) | Child::Command { .. } | Child::Chat(_) => {}
        }
    }
    Envelope { oddities: Vec::new(), repaired: false, ..envelope }
}

fn settle(data: &mut Data) {
    for block in &mut data.blocks {
        match block {
            Block::Room(room) => {
                room.skipped = 0;
                room.other.iter_mut().for_each(bare);
            }
            Block::HistoryQuery(query) => query.other.iter_mut().for_each(bare),
            Block::Unknown(element) => bare(element),
            _ => {}
        }
    }
}

fn bare(element: &mut Element) {
    element.namespace.clear();
    for node in &mut element.nodes {
        if let Node::Element(child) = node {
            bare(child);
        }
    }
}

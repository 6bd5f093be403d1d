//! Guests with one fault each, made of the text in `guests/hostile` when a test asks for them: no
//! compiler is needed, and nothing is in the repository that cannot be read.
//!
//! A file holds the fields of a core module. What all have in common is put behind them, and a `plan`
//! or `compose` that does well where the file has none. Lines that begin with `;;!` say how the
//! component is made: `wit "old" -> "new"` changes the contract that it claims to be of, `memory 9`
//! gives it so many pages of memory, `core` leaves the core module as it is, `cut` drops the second
//! half.

use std::{collections::BTreeMap, path::PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const CONTRACT: &str = include_str!("../../wit/0.3.0/chat-digest.wit");
const PRELUDE: &str = include_str!("../guests/hostile/common/prelude.wat");
const PLAN: &str = include_str!("../guests/hostile/common/plan.wat");
const COMPOSE: &str = include_str!("../guests/hostile/common/compose.wat");

/// A guest with one fault.
#[derive(Clone, Debug)]
pub struct Hostile {
    /// The name of its file.
    pub name: String,
    /// What it does.
    pub fault: String,
    /// What a host is given as a component.
    pub bytes: Vec<u8>,
}

/// All of them, by name.
#[must_use]
pub fn all() -> BTreeMap<String, Hostile> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("guests/hostile");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "wat"));
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let hostile = make(&name, &std::fs::read_to_string(&path).unwrap());
            (name, hostile)
        })
        .collect()
}

/// One of them.
#[must_use]
pub fn one(name: &str) -> Hostile {
    all().remove(name).unwrap_or_else(|| panic!("no file tests/guests/hostile/{name}.wat"))
}

fn make(name: &str, text: &str) -> Hostile {
    let orders: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(";;! ")).collect();
    let mut contract = CONTRACT.to_owned();
    for order in orders.iter().filter_map(|order| order.strip_prefix("wit ")) {
        let words: Vec<_> = order.split('"').collect();
        let ["", old, " -> ", new, ""] = words.as_slice() else { panic!("{name}: {order}") };
        assert!(contract.contains(old), "{name}: the contract does not say `{old}`");
        contract = contract.replace(old, new);
    }
    let module = module(name, text, &contract);
    let mut bytes =
        if orders.contains(&"core") { module } else { component(name, module, &contract) };
    if orders.contains(&"cut") {
        bytes.truncate(bytes.len() / 2);
    }
    let fault = text.lines().find_map(|line| line.strip_prefix(";; ")).unwrap_or_default();
    Hostile { name: name.to_owned(), fault: fault.to_owned(), bytes }
}

fn module(name: &str, text: &str, contract: &str) -> Vec<u8> {
    let pages = text.lines().find_map(|line| line.strip_prefix(";;! memory ")).unwrap_or("2");
    let prelude =
        PRELUDE.replace("(export \"memory\") 2)", &format!("(export \"memory\") {pages})"));
    let mut all = format!("(module\n{text}\n{prelude}\n");
    for (export, instead) in [("plan", PLAN), ("compose", COMPOSE)] {
        let wanted = contract.contains(&format!("\n  export {export}:"));
        if wanted && !text.contains(&format!("(export \"{export}\")")) {
            all.push_str(instead);
        }
    }
    all.push(')');
    wat::parse_str(&all).unwrap_or_else(|error| panic!("{name}.wat: {error}"))
}

fn component(name: &str, mut module: Vec<u8>, contract: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str(name, contract).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    encoder
        .and_then(|mut encoder| encoder.encode())
        .unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

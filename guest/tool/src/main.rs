//! `guest-tool component IN OUT` turns a core module into a component and refuses one that imports
//! anything but `chat-digest:guest`; `guest-tool wit IN` says what a component imports and exports.

use anyhow::{Context, Result, bail};
use wit_component::ComponentEncoder;
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Resolve, WorldItem, WorldKey};

/// All that a guest may import.
const OFFERED: &str = "chat-digest:guest/";

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["component", module, component] => make(module, component),
        ["wit", component] => show(component),
        _ => bail!("usage: guest-tool component MODULE COMPONENT | guest-tool wit COMPONENT"),
    }
}

fn make(module: &str, component: &str) -> Result<()> {
    let bytes = std::fs::read(module).with_context(|| format!("cannot read {module}"))?;
    let bytes = ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|mut encoder| encoder.encode())
        .with_context(|| format!("{module} does not make a component"))?;
    let (imports, _) = surface(&bytes)?;
    if let Some(import) = imports.iter().find(|import| !import.starts_with(OFFERED)) {
        bail!("{module} imports {import}, but the host offers nothing but {OFFERED}*");
    }
    std::fs::write(component, bytes).with_context(|| format!("cannot write {component}"))
}

fn show(component: &str) -> Result<()> {
    let bytes = std::fs::read(component).with_context(|| format!("cannot read {component}"))?;
    let (imports, exports) = surface(&bytes)?;
    for import in imports {
        println!("import {import}");
    }
    for export in exports {
        println!("export {export}");
    }
    Ok(())
}

/// The names of a component's imports and exports.
fn surface(bytes: &[u8]) -> Result<(Vec<String>, Vec<String>)> {
    let DecodedWasm::Component(resolve, world) = decode(bytes)? else {
        bail!("this is a WIT package, not a component");
    };
    let world = resolve.worlds.get(world).context("the component has no world")?;
    Ok((names(&resolve, &world.imports), names(&resolve, &world.exports)))
}

/// The names of what does something: types that a world gives a name of its own are no import.
fn names<'a>(
    resolve: &Resolve,
    items: impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> Vec<String> {
    let acts = |item: &WorldItem| !matches!(item, WorldItem::Type { .. });
    items
        .into_iter()
        .filter(|(_, item)| acts(item))
        .map(|(k, _)| resolve.name_world_key(k))
        .collect()
}

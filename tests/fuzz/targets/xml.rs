//! Documents: refused or read, and what was read is written and read back the same.
#![cfg_attr(fuzzing, no_main)]

use xml::{Element, Limits, Node, Writer, parse, parse_lenient};

fuzz::target!(|document| {
    let limits = Limits { bytes_max: 1 << 16, depth_max: 64, elements_max: 10_000 };
    let lenient = parse_lenient(document, &limits);
    let Ok(root) = parse(document, &limits) else { return };
    assert_eq!(lenient.as_ref(), Ok(&root));
    if ambiguous(&root) {
        return;
    }
    let mut writer = Writer::new();
    write(&mut writer, &root);
    let again = parse(writer.finish().as_bytes(), &Limits::default());
    assert_eq!(again.as_ref(), Ok(&bare(&root)));
});

/// Attributes that differ in their prefixes only cannot be written without them, nor can one that
/// would then declare a namespace.
fn ambiguous(element: &Element) -> bool {
    let names: Vec<&str> = element.attributes.iter().map(|(name, _)| name.as_str()).collect();
    let twice = names.iter().enumerate().any(|(at, name)| names[..at].contains(name));
    twice || names.contains(&"xmlns") || element.children().any(ambiguous)
}

fn write(writer: &mut Writer, element: &Element) {
    let attributes: Vec<(&str, &str)> =
        element.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    writer.element(&element.name, &attributes, |inside| {
        for node in &element.nodes {
            match node {
                Node::Element(child) => write(inside, child),
                Node::Text(text) => {
                    inside.text(text);
                }
            }
        }
    });
}

/// Written without prefixes, namespaces are gone, and attributes that differed only in theirs.
fn bare(element: &Element) -> Element {
    Element {
        namespace: String::new(),
        nodes: element
            .nodes
            .iter()
            .filter(|node| !matches!(node, Node::Text(text) if text.is_empty()))
            .map(|node| match node {
                Node::Element(child) => Node::Element(bare(child)),
                Node::Text(text) => Node::Text(text.clone()),
            })
            .collect(),
        ..element.clone()
    }
}

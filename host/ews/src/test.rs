//! What the tests of this crate share.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use xml::{Element, Limits};

use crate::soap::namespace;

/// Reads a document.
pub(crate) fn parse(document: &str) -> Element {
    xml::parse(document.as_bytes(), &Limits::default()).unwrap()
}

/// Reads a piece that uses the prefixes `m` and `t`.
pub(crate) fn parse_types(piece: &str) -> Element {
    let (messages, types) = (namespace::MESSAGES, namespace::TYPES);
    let whole = parse(&format!(r#"<w xmlns:m="{messages}" xmlns:t="{types}">{piece}</w>"#));
    whole.children().next().unwrap().clone()
}

/// Where Microsoft's schema lies, if it does: beside the repository.
pub(crate) fn schema_folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let folder = root.join("shared/ews-schema");
    folder.join("validate.sh").exists().then_some(folder)
}

/// Checks a request or an answer against the schema, where the schema and `xmllint` are there.
pub(crate) fn validate(document: &str) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Some(folder) = schema_folder() else {
        println!("the published schema is not there: the document is not checked against it");
        return;
    };
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("ews-{}-{number}.xml", std::process::id()));
    std::fs::write(&file, document).unwrap();
    let output = Command::new(folder.join("validate.sh")).arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(2) && errors.contains("not found") {
        println!("xmllint is not there: the document is not checked against the schema");
        return;
    }
    assert!(output.status.success(), "{errors}\n{document}");
}

//! `m:Restriction`: what `FindItem` and `FindFolder` look for.

use xml::{Element, Writer};

use crate::{property::PropertyPath, values::wire_enum};

wire_enum! {
    /// How two values are compared. Foreign servers may lack the `…OrEqualTo` forms (ews.md 2.5).
    pub enum Comparison {
        /// Equal. Strings: some servers ignore case.
        EqualTo = "IsEqualTo",
        /// Not equal.
        NotEqualTo = "IsNotEqualTo",
        /// Greater.
        GreaterThan = "IsGreaterThan",
        /// Greater or equal.
        GreaterThanOrEqualTo = "IsGreaterThanOrEqualTo",
        /// Less.
        LessThan = "IsLessThan",
        /// Less or equal.
        LessThanOrEqualTo = "IsLessThanOrEqualTo",
    }
}

wire_enum! {
    /// Where in the text `Contains` looks.
    pub enum ContainmentMode {
        /// The whole text.
        FullString = "FullString",
        /// Its beginning.
        Prefixed = "Prefixed",
        /// Anywhere.
        Substring = "Substring",
        /// The beginning of words.
        PrefixOnWords = "PrefixOnWords",
        /// Whole words in this order.
        ExactPhrase = "ExactPhrase",
    }
}

wire_enum! {
    /// How `Contains` compares characters.
    pub enum ContainmentComparison {
        /// As they are.
        Exact = "Exact",
        /// Case ignored.
        IgnoreCase = "IgnoreCase",
        /// Accents ignored.
        IgnoreNonSpacingCharacters = "IgnoreNonSpacingCharacters",
        /// Loosely.
        Loose = "Loose",
        /// Case and accents ignored.
        IgnoreCaseAndNonSpacingCharacters = "IgnoreCaseAndNonSpacingCharacters",
        /// Loosely, case ignored.
        LooseAndIgnoreCase = "LooseAndIgnoreCase",
        /// Loosely, accents ignored.
        LooseAndIgnoreNonSpace = "LooseAndIgnoreNonSpace",
        /// Loosely, case and accents ignored.
        LooseAndIgnoreCaseAndIgnoreNonSpace = "LooseAndIgnoreCaseAndIgnoreNonSpace",
    }
}

/// The right side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A value in the spelling of the property's type.
    Constant(String),
    /// Another property of the same item.
    Property(PropertyPath),
}

/// A search expression. Its depth is bounded by the depth of the document that held it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// All of them.
    And(Vec<Self>),
    /// At least one of them.
    Or(Vec<Self>),
    /// The opposite.
    Not(Box<Self>),
    /// A comparison.
    Compare {
        /// How.
        comparison: Comparison,
        /// The left side.
        path: PropertyPath,
        /// The right side.
        operand: Operand,
    },
    /// A text in a text.
    Contains {
        /// Where the text is looked for.
        path: PropertyPath,
        /// The text.
        constant: String,
        /// Where in it; the schema leaves it open when absent.
        mode: Option<ContainmentMode>,
        /// How characters are compared.
        comparison: Option<ContainmentComparison>,
    },
    /// The property is there.
    Exists(PropertyPath),
    /// None of these bits is set.
    Excludes {
        /// The number that is looked at.
        path: PropertyPath,
        /// The bits.
        bitmask: u32,
    },
}

impl Restriction {
    /// `path` compared with a constant.
    #[must_use]
    pub fn compare(
        comparison: Comparison,
        path: PropertyPath,
        constant: impl Into<String>,
    ) -> Self {
        Self::Compare { comparison, path, operand: Operand::Constant(constant.into()) }
    }

    /// Writes the expression (without the `m:Restriction` around it).
    pub fn write(&self, writer: &mut Writer) {
        match self {
            Self::And(parts) => write_all(writer, "t:And", parts),
            Self::Or(parts) => write_all(writer, "t:Or", parts),
            Self::Not(part) => {
                writer.element("t:Not", &[], |writer| part.write(writer));
            }
            Self::Compare { comparison, path, operand } => {
                let name = format!("t:{comparison}");
                writer.element(&name, &[], |writer| {
                    path.write(writer);
                    writer.element("t:FieldURIOrConstant", &[], |writer| match operand {
                        Operand::Constant(value) => {
                            writer.empty("t:Constant", &[("Value", value)]);
                        }
                        Operand::Property(path) => path.write(writer),
                    });
                });
            }
            Self::Contains { path, constant, mode, comparison } => {
                let mut attributes = Vec::new();
                attributes.extend(mode.map(|mode| ("ContainmentMode", mode.as_str())));
                attributes.extend(comparison.map(|how| ("ContainmentComparison", how.as_str())));
                writer.element("t:Contains", &attributes, |writer| {
                    path.write(writer);
                    writer.empty("t:Constant", &[("Value", constant)]);
                });
            }
            Self::Exists(path) => {
                writer.element("t:Exists", &[], |writer| path.write(writer));
            }
            Self::Excludes { path, bitmask } => {
                writer.element("t:Excludes", &[], |writer| {
                    path.write(writer);
                    writer.empty("t:Bitmask", &[("Value", &format!("{bitmask:#x}"))]);
                });
            }
        }
    }

    /// Reads the expression inside `m:Restriction`.
    #[must_use]
    pub fn read_inside(restriction: &Element) -> Option<Self> {
        Self::read(restriction.children().next()?)
    }

    /// Reads one expression; nothing for an unknown or incomplete one.
    #[must_use]
    pub fn read(element: &Element) -> Option<Self> {
        let all = || element.children().map(Self::read).collect::<Option<Vec<_>>>();
        let path = || element.children().find_map(PropertyPath::read);
        match element.name.as_str() {
            "And" => Some(Self::And(all()?)),
            "Or" => Some(Self::Or(all()?)),
            "Not" => Some(Self::Not(Box::new(Self::read_inside(element)?))),
            "Exists" => Some(Self::Exists(path()?)),
            "Contains" => Some(Self::Contains {
                path: path()?,
                constant: element.child("Constant")?.attribute("Value")?.to_owned(),
                mode: element.attribute("ContainmentMode").and_then(ContainmentMode::from_wire),
                comparison: element
                    .attribute("ContainmentComparison")
                    .and_then(ContainmentComparison::from_wire),
            }),
            "Excludes" => {
                let mask = element.child("Bitmask")?.attribute("Value")?.trim().to_owned();
                let digits = mask.strip_prefix("0x").or_else(|| mask.strip_prefix("0X"));
                let bitmask =
                    digits.map_or_else(|| mask.parse(), |hex| u32::from_str_radix(hex, 16));
                Some(Self::Excludes { path: path()?, bitmask: bitmask.ok()? })
            }
            name => Some(Self::Compare {
                comparison: Comparison::from_wire(name)?,
                path: path()?,
                operand: read_operand(element.child("FieldURIOrConstant")?)?,
            }),
        }
    }
}

fn read_operand(element: &Element) -> Option<Operand> {
    if let Some(constant) = element.child("Constant") {
        return constant.attribute("Value").map(|value| Operand::Constant(value.to_owned()));
    }
    element.children().find_map(PropertyPath::read).map(Operand::Property)
}

fn write_all(writer: &mut Writer, name: &str, parts: &[Restriction]) {
    writer.element(name, &[], |writer| {
        for part in parts {
            part.write(writer);
        }
    });
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::test::parse_types;

    #[test]
    fn every_expression_comes_back() {
        let subject = || PropertyPath::field("item:Subject");
        let mut parts: Vec<Restriction> = Comparison::ALL
            .iter()
            .map(|comparison| Restriction::compare(*comparison, subject(), "a\"<b"))
            .collect();
        parts.push(Restriction::Compare {
            comparison: Comparison::EqualTo,
            path: subject(),
            operand: Operand::Property(PropertyPath::field("item:ItemClass")),
        });
        parts.push(Restriction::Contains {
            path: subject(),
            constant: "x".to_owned(),
            mode: Some(ContainmentMode::Substring),
            comparison: Some(ContainmentComparison::IgnoreCase),
        });
        parts.push(Restriction::Excludes { path: subject(), bitmask: 8 });
        parts.push(Restriction::Not(Box::new(Restriction::Exists(subject()))));
        let whole = Restriction::And(vec![Restriction::Or(parts)]);
        let mut writer = Writer::new();
        whole.write(&mut writer);
        assert_eq!(Restriction::read(&parse_types(&writer.finish())).unwrap(), whole);
    }

    #[test]
    fn half_an_expression_is_none() {
        for text in [
            "<t:And><t:Exists/></t:And>",
            "<t:Near/>",
            "<t:Not/>",
            r#"<t:IsEqualTo><t:FieldURI FieldURI="item:Subject"/></t:IsEqualTo>"#,
        ] {
            assert_eq!(Restriction::read(&parse_types(text)), None, "{text}");
        }
    }
}

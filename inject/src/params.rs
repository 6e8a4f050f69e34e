//! What a test hands to the code that enters a point.

use std::collections::BTreeMap;
use std::fmt;

/// What a test hands to the code that enters a point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    /// The first entry turns the point off; messages still reach that entry.
    pub one_shot: bool,
    /// What the entering code may look up, such as `("tablet", "7")`.
    pub fields: BTreeMap<String, String>,
}

impl Params {
    /// For every entry until the point is disabled.
    #[must_use]
    pub fn always() -> Self {
        Self::default()
    }

    /// For one entry.
    #[must_use]
    pub fn once() -> Self {
        Self {
            one_shot: true,
            ..Self::default()
        }
    }

    /// The same with one more field.
    #[must_use]
    pub fn with(mut self, field: impl Into<String>, value: impl fmt::Display) -> Self {
        self.fields.insert(field.into(), value.to_string());
        self
    }
}

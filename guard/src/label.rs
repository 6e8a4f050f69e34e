//! What a holder of a session is called in a report.

use std::borrow::Cow;
use std::fmt;

/// What a holder of a session is called in a report: an activity and free fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// What the holder does, such as `stream.receive`.
    pub activity: Cow<'static, str>,
    /// What it does it for, such as `("peer", "3")`.
    pub fields: Vec<(&'static str, String)>,
}

impl Label {
    /// A label without fields.
    #[must_use]
    pub fn new(activity: impl Into<Cow<'static, str>>) -> Self {
        Self {
            activity: activity.into(),
            fields: Vec::new(),
        }
    }

    /// The same label with one more field.
    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl fmt::Display) -> Self {
        self.fields.push((field, value.to_string()));
        self
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.activity)?;
        for (field, value) in &self.fields {
            write!(f, " {field}={value}")?;
        }
        Ok(())
    }
}

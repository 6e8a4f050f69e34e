//! What a check has come to.

use std::fmt;

use serde::Serialize;

/// How far a check has come.
#[derive(Debug, Clone, Copy)]
pub struct ModelProgress {
    /// The part of the model that is checked.
    pub part: &'static str,
    /// States that were made, each as often as it was.
    pub states: usize,
    /// States that differ.
    pub unique_states: usize,
    /// Steps from the beginning.
    pub depth: usize,
}

/// What a check has come to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ModelReport {
    /// States that were made, each as often as it was.
    pub states: usize,
    /// States that differ, in each part.
    pub unique_states: usize,
    /// The longest path.
    pub depth: usize,
    /// How long it took.
    pub seconds: f64,
    /// What was broken, and how.
    pub violations: Vec<ModelViolation>,
    /// Each property.
    #[serde(skip)]
    pub properties: Vec<PropertyResult>,
    /// Each part.
    #[serde(skip)]
    pub parts: Vec<Part>,
}

/// What the check of one part has come to.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// States that were made, each as often as it was.
    pub states: usize,
    /// States that differ.
    pub unique_states: usize,
    /// The longest path.
    pub depth: usize,
    /// How long it took.
    pub seconds: f64,
}

/// A property that does not hold.
#[derive(Debug, Clone, Serialize)]
pub struct ModelViolation {
    /// Which.
    pub property: String,
    /// The path that leads there, a step in a line; empty for something that was never reached.
    pub text: String,
}

/// Whether a property holds.
#[derive(Debug, Clone)]
pub struct PropertyResult {
    /// Which.
    pub name: String,
    /// Whether it holds: always, in the end, or at some time, as its name says.
    pub holds: bool,
}

impl ModelReport {
    /// Whether everything holds.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for ModelReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for property in &self.properties {
            let mark = if property.holds { "holds " } else { "BROKEN" };
            writeln!(f, "{mark}  {}", property.name)?;
        }
        for part in &self.parts {
            writeln!(
                f,
                "{}: {} states, {} of them unique, depth {}, {:.1} s",
                part.name, part.states, part.unique_states, part.depth, part.seconds
            )?;
        }
        writeln!(
            f,
            "states: {}, unique: {}, depth: {}, seconds: {:.1}",
            self.states, self.unique_states, self.depth, self.seconds
        )?;
        for violation in &self.violations {
            writeln!(f, "\nbroken: {}\n{}", violation.property, violation.text)?;
        }
        Ok(())
    }
}

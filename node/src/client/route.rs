//! Paths of the API, each segment encoded.

use std::fmt::{self, Write as _};

/// A path of the API, with a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    path: String,
    has_query: bool,
}

impl Route {
    /// The root of version 1.
    pub(crate) fn v1() -> Self {
        Self {
            path: "/v1".to_owned(),
            has_query: false,
        }
    }

    /// Whether a node serves.
    pub(crate) fn readyz() -> Self {
        Self {
            path: "/readyz".to_owned(),
            has_query: false,
        }
    }

    /// One segment further down.
    pub(crate) fn at(mut self, segment: impl fmt::Display) -> Self {
        self.path.push('/');
        encode(segment.to_string().as_bytes(), &mut self.path);
        self
    }

    /// One segment further down, whatever bytes it has.
    pub(crate) fn at_bytes(mut self, segment: &[u8]) -> Self {
        self.path.push('/');
        encode(segment, &mut self.path);
        self
    }

    /// With a parameter.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.path.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.path.push_str(name);
        self.path.push('=');
        encode(value.as_ref(), &mut self.path);
        self
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// All that is not plain is encoded, dots too: a segment of dots alone would be a way up.
fn encode(bytes: &[u8], into: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            into.push(char::from(*byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_and_values_are_encoded() {
        let route = Route::v1()
            .at("tables")
            .at("a/b")
            .at("rows")
            .at_bytes(b"..\xff %");
        assert_eq!(route.to_string(), "/v1/tables/a%2Fb/rows/%2E%2E%FF%20%25");
        let route = Route::v1().with("after", "x&y").with("limit", "7");
        assert_eq!(route.to_string(), "/v1?after=x%26y&limit=7");
    }
}

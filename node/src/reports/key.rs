//! Bytes in JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that JSON writes in base64 (RFC 4648, with padding).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(pub(crate) Bytes);

impl Key {
    pub(crate) fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    pub(crate) fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok().map(|bytes| Self(bytes.into()))
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.to_base64())
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::from_base64(&text).ok_or_else(|| serde::de::Error::custom("no base64"))
    }
}

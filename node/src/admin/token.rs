//! The token that the admin API asks for.

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use subtle::ConstantTimeEq as _;

/// The shortest token.
const BYTES_MIN: usize = 16;

/// The longest token.
const BYTES_MAX: usize = 1024;

/// What whoever asks has to show. Never shown itself.
pub(crate) struct Token(String);

impl Token {
    /// Reads a token from its file; white space around it does not count.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("`admin.token_file`: {} cannot be read", path.display()))?;
        Self::new(text.trim())
            .with_context(|| format!("`admin.token_file`: {} holds no good token", path.display()))
    }

    pub(crate) fn new(token: &str) -> Result<Self> {
        ensure!(
            (BYTES_MIN..=BYTES_MAX).contains(&token.len()),
            "a token has {BYTES_MIN} to {BYTES_MAX} bytes (`openssl rand -hex 32` makes one)"
        );
        ensure!(
            token.bytes().all(|byte| byte.is_ascii_graphic()),
            "a token is of visible ASCII characters, without spaces"
        );
        Ok(Self(token.to_owned()))
    }

    /// Whether that is the token. Takes as long for one that is nearly right as for one that is all wrong.
    pub(crate) fn is(&self, shown: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(shown).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Token").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token = Token::new("0123456789abcdef").expect("a token");
        assert!(token.is(b"0123456789abcdef"));
        for wrong in [
            &b"0123456789abcde"[..],
            b"0123456789abcdef0",
            b"",
            b"0123456789abcdeF",
        ] {
            assert!(!token.is(wrong));
        }
        assert!(!format!("{token:?}").contains("0123"));
    }

    #[test]
    fn a_token_that_is_short_or_has_spaces_is_refused() {
        for bad in ["", "short", "a token with spaces in it", "0123456789\nabcdef"] {
            assert!(Token::new(bad).is_err(), "{bad:?}");
        }
    }
}

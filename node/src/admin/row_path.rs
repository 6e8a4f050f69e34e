//! Keys in paths.

use axum::http::Uri;
use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::extract::unreadable;
use super::problem::Failure;

/// The name of the table and the key that a path of a row names. A key is bytes, whatever text they make.
pub(super) fn table_and_key(uri: &Uri) -> Result<(String, Bytes), Failure> {
    let rest = uri.path().strip_prefix("/v1/tables/").unwrap_or_default();
    let Some((table, key)) = rest.split_once("/rows/") else {
        return Err(unreadable("the path names no row".to_owned()));
    };
    let table = percent_decode_str(table).decode_utf8();
    let table = table.map_err(|_| unreadable("the table's name is not UTF-8".to_owned()))?;
    let key: Vec<u8> = percent_decode_str(key).collect();
    Ok((table.into_owned(), key.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_any_bytes() {
        for (path, table, key) in [
            ("/v1/tables/t/rows/a", "t", &b"a"[..]),
            ("/v1/tables/t/rows/a%2Fb%20c", "t", b"a/b c"),
            ("/v1/tables/t/rows/%FF%00%80", "t", b"\xff\x00\x80"),
            ("/v1/tables/t/rows/a%2Frows%2Fb", "t", b"a/rows/b"),
            ("/v1/tables/t/rows/100%", "t", b"100%"),
        ] {
            let read = table_and_key(&path.parse().expect("a URI")).expect("a row");
            assert_eq!(read, (table.to_owned(), Bytes::copy_from_slice(key)), "{path}");
        }
    }
}

//! Numbers as people read them.

use bytesize::ByteSize;

/// What stands where nothing is known.
pub(crate) const UNKNOWN: &str = "-";

/// Such as `1.5 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// Such as `120 ms`, `3.4 s`, `2 min 5 s`, `3 h 2 min`.
pub(crate) fn millis(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// The same, of seconds.
pub(crate) fn seconds(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        _ => millis(seconds.saturating_mul(1000)),
    }
}

/// What is known, or a dash.
pub(crate) fn known<T>(it: Option<T>, text: impl FnOnce(T) -> String) -> String {
    it.map_or_else(|| UNKNOWN.to_owned(), text)
}

/// Such as `1 tablet`, `2 tablets`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {many}")
    }
}

/// Such as `1, 2, 3`.
pub(crate) fn list<T: ToString>(all: &[T]) -> String {
    let all: Vec<String> = all.iter().map(T::to_string).collect();
    all.join(", ")
}

/// Milliseconds since 1970 as `2026-02-28 23:59:59.999`, in UTC.
pub(crate) fn utc(ms: u64) -> String {
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = date(days);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, milli) = (rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}")
}

/// The date of a day since 1970, by eras of 400 years that begin in March.
const fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Bytes as text where they are some; else with what is not printable escaped.
pub(crate) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => bytes.escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(millis(0), "0 ms");
        assert_eq!(millis(999), "999 ms");
        assert_eq!(millis(3450), "3.4 s");
        assert_eq!(millis(125_000), "2 min 5 s");
        assert_eq!(seconds(10_920), "3 h 2 min");
        assert_eq!(seconds(7), "7 s");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00.000");
        assert_eq!(utc(951_868_799_999), "2000-02-29 23:59:59.999");
        assert_eq!(utc(1_772_323_200_000), "2026-03-01 00:00:00.000");
        assert_eq!(utc(4_107_542_399_000), "2100-02-28 23:59:59.000");
    }

    #[test]
    fn bytes_that_are_no_text_are_escaped() {
        assert_eq!(text("größe".as_bytes()), "größe");
        assert_eq!(text(b"a\tb\xff"), "a\\tb\\xff");
    }
}

//! The header `Retry-After` (RFC 9110, 10.2.3).

use std::time::{Duration, SystemTime};

use crate::clock;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A number of seconds, or a date; a date that is over means now.
pub(super) fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a very long time.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = imf_fixdate(value)?;
    Some(Duration::from_millis((at * 1000).saturating_sub(clock::unix_ms(now))))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` as seconds since 1970. The two obsolete forms are not read: a
/// wait that is not understood is only a wait of another length.
fn imf_fixdate(value: &str) -> Option<u64> {
    let (_, date) = value.split_once(", ")?;
    let fields: Vec<&str> = date.split(' ').collect();
    let [day, month, year, time, "GMT"] = fields[..] else {
        return None;
    };
    let clock_fields: Vec<&str> = time.split(':').collect();
    let [hour, minute, second] = clock_fields[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let days = clock::days(number(year, 4)?, month, number(day, 2)?)?;
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    // 60 is a leap second.
    (hour < 24 && minute < 60 && second <= 60).then_some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn number(digits: &str, len: usize) -> Option<u64> {
    let plain = digits.len() == len && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn seconds(value: &str) -> Option<u64> {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        parse(value, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds("99999999999999999999999"), Some(u64::MAX));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(seconds("Sun, 06 Nov 1988 08:50:37 GMT"), Some(0));
    }

    #[test]
    fn anything_else_says_nothing() {
        for value in [
            "",
            "-1",
            "1.5",
            "soon",
            "1 s",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 31 Feb 2027 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 25:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT x",
        ] {
            assert_eq!(seconds(value), None, "{value}");
        }
    }
}

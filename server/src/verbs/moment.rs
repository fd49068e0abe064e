//! Moments as people write them: RFC 3339, in UTC where they are shown.

const DAY_MS: i64 = 86_400_000;

/// Days from 1970 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March: the day that comes and goes is the last one then.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of these days from 1970.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let part = (5 * of_year + 2) / 153;
    let month = if part < 10 { part + 3 } else { part - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * part + 2) / 5 + 1)
}

/// Milliseconds since 1970 of `2026-11-29T23:00:00Z`, with a fraction or an offset too; none of what is no such moment.
pub fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let number = |text: &str, digits: usize| {
        let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<i64>().ok()).flatten()
    };
    let mut parts = date.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let (time, offset) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, 0),
        None => {
            let (time, offset) = time.split_at_checked(time.len().checked_sub(6)?)?;
            let sign = if offset.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = offset.strip_prefix(['+', '-'])?.split_once(':')?;
            (time, sign * (number(hours, 2)? * 60 + number(minutes, 2)?))
        }
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut clock = clock.split(':');
    let (hour, minute, second) = (number(clock.next()?, 2)?, number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    let digits: String = fraction.chars().chain("00".chars()).take(3).collect();
    let ms = number(&digits, 3)?;
    let valid = (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 61 && parts.next().is_none() && clock.next().is_none();
    let days = days(year, month, day);
    if !valid || self::date(days) != (year, month, day) || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    u64::try_from(days * DAY_MS + ((hour * 60 + minute - offset) * 60 + second) * 1_000 + ms).ok()
}

/// These milliseconds since 1970 as `2026-11-29T23:00:00.000Z`.
pub fn show(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    let ((year, month, day), rest) = (date(ms.div_euclid(DAY_MS)), ms.rem_euclid(DAY_MS));
    let (seconds, ms) = (rest / 1_000, rest % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_shown() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:30:15.5Z", 951_827_415_500),
            ("2026-11-29T23:17:16.123Z", 1_795_994_236_123),
            ("2026-11-30T00:17:16.123+01:00", 1_795_994_236_123),
        ] {
            assert_eq!(parse(text), Some(ms), "{text}");
        }
        assert_eq!(show(1_795_994_236_123), "2026-11-29T23:17:16.123Z");
        for ms in (0..4_000_000_000_000).step_by(86_399_999_977) {
            assert_eq!(parse(&show(ms)), Some(ms));
        }
        for text in ["", "2026-11-29", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-29T24:00:00Z", "2026-11-29T23:00Z", "now"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

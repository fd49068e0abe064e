//! Times and ages in words: age in lists, clock time for incidents, UTC everywhere.

/// `00:42`, UTC.
pub fn clock(ms: u64) -> String {
    let minutes = ms / 60_000;
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}

/// `00:42:07`, UTC.
pub fn clock_seconds(ms: u64) -> String {
    format!("{}:{:02}", clock(ms), ms / 1_000 % 60)
}

/// `00:42:07` of today, `13 Mar 00:42` of another day, and its year when that is another one.
pub fn stamp(ms: u64, now_ms: u64) -> String {
    if ms / 86_400_000 == now_ms / 86_400_000 {
        return clock_seconds(ms);
    }
    let day = day(ms, now_ms);
    let mut words = day.splitn(3, ' ');
    let (number, month, year) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
    let year = year.map(|year| [" ", year].concat()).unwrap_or_default();
    format!("{number} {}{year} {}", month.get(..3).unwrap_or_default(), clock(ms))
}

/// `14 March`, and the year when it is another one than `now_ms`'s.
pub fn day(ms: u64, now_ms: u64) -> String {
    const MONTHS: [&str; 12] =
        ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
    let (year, month, day) = civil(ms);
    let name = MONTHS.get(month as usize - 1).copied().unwrap_or_default();
    if year == civil(now_ms).0 { format!("{day} {name}") } else { format!("{day} {name} {year}") }
}

/// Clock time, with its day when that is not today's.
pub fn moment(ms: u64, now_ms: u64) -> String {
    if ms / 86_400_000 == now_ms / 86_400_000 { clock(ms) } else { format!("{} on {}", clock(ms), day(ms, now_ms)) }
}

/// `2 s`, `4 min`, `3 h`, `12 d`: one unit.
pub fn age(ms: u64) -> String {
    match ms / 1_000 {
        seconds @ 0..=59 => format!("{seconds} s"),
        seconds @ 60..=3_599 => format!("{} min", seconds / 60),
        seconds @ 3_600..=86_399 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// `4 min 11 s`, `2 h 4 min`, `2 d 4 h`: two units.
pub fn duration(ms: u64) -> String {
    match ms / 1_000 {
        seconds @ 0..=59 => format!("{seconds} s"),
        seconds @ 60..=3_599 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        seconds @ 3_600..=86_399 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        seconds => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// `0.4 s`: the age of a heartbeat.
pub fn tenths(ms: u64) -> String {
    if ms >= 60_000 { age(ms) } else { format!("{}.{} s", ms / 1_000, ms / 100 % 10) }
}

/// Year, month and day of the Gregorian calendar (days since 1970-01-01, by Howard Hinnant's algorithm).
fn civil(ms: u64) -> (u64, u64, u64) {
    let days = ms / 86_400_000 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{age, clock_seconds, day, duration, moment, stamp, tenths};

    #[test]
    fn words_for_times() {
        let now = 1_773_449_178_000; // 2026-03-14 00:46:18 UTC
        assert_eq!(clock_seconds(now), "00:46:18");
        assert_eq!(day(now, now), "14 March");
        assert_eq!(day(951_782_400_000, now), "29 February 2000");
        assert_eq!(moment(now - 3_600_000, now), "23:46 on 13 March");
        assert_eq!(stamp(now, now), "00:46:18");
        assert_eq!(stamp(now - 3_600_000, now), "13 Mar 23:46");
        assert_eq!(stamp(951_782_400_000, now), "29 Feb 2000 00:00");
        assert_eq!(age(251_000), "4 min");
        assert_eq!(duration(251_000), "4 min 11 s");
        assert_eq!(duration(187_200_000), "2 d 4 h");
        assert_eq!(tenths(1_460), "1.4 s");
    }
}

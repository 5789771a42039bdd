//! Which archives are kept: the newest ones, and one for each day, week, month and year.

use std::collections::BTreeSet;
use std::time::Duration;

use format::Timestamp;
use jiff::Zoned;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::store::ArchiveRecord;

/// How many archives of one name are kept, and for how long. An archive that any rule keeps stays;
/// with no rule all stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The newest so many.
    pub last: u32,
    /// The newest of each of the last so many days that have one.
    pub daily: u32,
    /// Of weeks.
    pub weekly: u32,
    /// Of months.
    pub monthly: u32,
    /// Of years.
    pub yearly: u32,
    /// All that are younger than this.
    pub within: Option<Duration>,
}

/// What becomes of an archive, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fate {
    /// The rules that keep it; none where nothing does.
    pub kept_by: Vec<&'static str>,
}

impl Keep {
    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        *self == Keep::default()
    }

    /// The fate of each archive. They are looked at by name; unfinished and dropped ones are not
    /// to be among them.
    pub fn fates(&self, archives: &[ArchiveRecord], now: Timestamp, zone: &TimeZone) -> Vec<Fate> {
        let mut fates = vec![Fate { kept_by: Vec::new() }; archives.len()];
        let names: BTreeSet<&str> = archives.iter().map(|it| it.header.name.as_str()).collect();
        for name in names {
            let mut of_name: Vec<usize> =
                (0..archives.len()).filter(|at| archives[*at].header.name == name).collect();
            of_name.sort_by_key(|at| std::cmp::Reverse(time(&archives[*at])));
            self.of_one_name(archives, &of_name, now, zone, &mut fates);
        }
        fates
    }

    /// `newest_first` are places among the archives.
    fn of_one_name(
        &self,
        archives: &[ArchiveRecord],
        newest_first: &[usize],
        now: Timestamp,
        zone: &TimeZone,
        fates: &mut [Fate],
    ) {
        if self.is_empty() {
            newest_first.iter().for_each(|at| fates[*at].kept_by.push("no rule"));
            return;
        }
        for at in newest_first.iter().take(self.last as usize) {
            fates[*at].kept_by.push("last");
        }
        type Period = fn(&Zoned) -> (i32, i32);
        let periods: [(&str, u32, Period); 4] = [
            ("daily", self.daily, |day| (day.year().into(), day.day_of_year().into())),
            ("weekly", self.weekly, |day| {
                let week = day.date().iso_week_date();
                (week.year().into(), week.week().into())
            }),
            ("monthly", self.monthly, |day| (day.year().into(), day.month().into())),
            ("yearly", self.yearly, |day| (day.year().into(), 0)),
        ];
        for (rule, count, period) in periods {
            let mut seen = BTreeSet::new();
            for at in newest_first {
                if seen.len() >= count as usize {
                    break;
                }
                // The newest of a period comes first.
                if seen.insert(period(&zoned(time(&archives[*at]), zone))) {
                    fates[*at].kept_by.push(rule);
                }
            }
        }
        if let Some(within) = self.within {
            let since = now.seconds.saturating_sub_unsigned(within.as_secs());
            for at in newest_first.iter().filter(|at| time(&archives[**at]).seconds >= since) {
                fates[*at].kept_by.push("within");
            }
        }
    }
}

/// When an archive was begun: what it shows is as of then.
fn time(record: &ArchiveRecord) -> Timestamp {
    record.header.started
}

fn zoned(time: Timestamp, zone: &TimeZone) -> Zoned {
    let time = jiff::Timestamp::from_second(time.seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.to_zoned(zone.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use format::{ArchiveFooter, ArchiveHeader, ArchiveId, Framing, SessionId};

    const DAY: i64 = 86_400;
    /// Monday, 2 November 2026, at noon.
    const NOW: i64 = 1_793_620_800;

    fn archives(name: &str, days_ago: &[i64]) -> Vec<ArchiveRecord> {
        let record = |days: &i64| ArchiveRecord {
            header: ArchiveHeader {
                archive: ArchiveId::default(),
                session: SessionId::default(),
                name: name.to_owned(),
                source: [0; 32],
                started: Timestamp { seconds: NOW - days * DAY, nanoseconds: 0 },
                parent: ArchiveId::default(),
                framing: Framing::Each,
            },
            header_lost: false,
            footer: Some(ArchiveFooter::default()),
            dropped: None,
            sessions: Vec::new(),
            stored_length: 0,
            chunk_count: 0,
        };
        days_ago.iter().map(record).collect()
    }

    fn kept(keep: Keep, archives: &[ArchiveRecord]) -> Vec<usize> {
        let now = Timestamp { seconds: NOW, nanoseconds: 0 };
        let fates = keep.fates(archives, now, &TimeZone::UTC);
        (0..archives.len()).filter(|at| !fates[*at].kept_by.is_empty()).collect()
    }

    #[test]
    fn without_a_rule_everything_stays() {
        assert_eq!(kept(Keep::default(), &archives("a", &[900, 3, 0])), [0, 1, 2]);
    }

    #[test]
    fn the_newest_of_each_name_stay() {
        let mut all = archives("a", &[3, 2, 1, 0]);
        all.extend(archives("b", &[9]));
        assert_eq!(kept(Keep { last: 2, ..Keep::default() }, &all), [2, 3, 4]);
    }

    #[test]
    fn one_of_each_period_stays_and_it_is_the_newest() {
        let all = archives("a", &[400, 40, 33, 9, 8, 2, 1, 1, 0]);
        assert_eq!(kept(Keep { daily: 3, ..Keep::default() }, &all), [5, 6, 8]);
        // Weeks of the 2nd of November, the 26th and the 19th of October.
        assert_eq!(kept(Keep { weekly: 3, ..Keep::default() }, &all), [4, 6, 8]);
        assert_eq!(kept(Keep { monthly: 3, ..Keep::default() }, &all), [2, 5, 8]);
        assert_eq!(kept(Keep { yearly: 9, ..Keep::default() }, &all), [0, 8]);
        let within = Some(Duration::from_secs(9 * 86_400));
        assert_eq!(kept(Keep { within, ..Keep::default() }, &all), [3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn rules_add_up() {
        let all = archives("a", &[400, 40, 2, 1, 0]);
        assert_eq!(kept(Keep { last: 1, yearly: 2, ..Keep::default() }, &all), [0, 4]);
    }
}

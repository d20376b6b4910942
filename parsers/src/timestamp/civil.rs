//! Calendar arithmetic: year, month, day and time of day in, seconds or nanoseconds since 1970 out,
//! and back.
//!
//! Not here: text, zones and their rules. The calendar is the proleptic Gregorian one, leap seconds
//! do not exist.

pub(crate) const NANOS_PER_SECOND: i64 = 1_000_000_000;
pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// The months' English names, in their order.
pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The days' English names, from Monday.
pub(crate) const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Days from the first of March of year 0 to the first of January 1970.
const DAYS_TO_1970: i64 = 719_468;
/// Days of the 400 years after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;

/// A date and a time of day without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) year: i32,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    pub(crate) nanos: u32,
}

impl Local {
    /// Midnight of a day.
    #[inline(always)]
    pub(crate) fn midnight(year: i32, month: u8, day: u8) -> Local {
        Local {
            year,
            month,
            day,
            hour: 0,
            minute: 0,
            second: 0,
            nanos: 0,
        }
    }

    /// Whether such a day and time exist. Second 60 is let through: devices write leap seconds.
    #[inline(always)]
    pub(crate) fn is_real(&self) -> bool {
        (1..=12).contains(&self.month)
            && 1 <= self.day
            && self.day <= days_in_month(self.year, self.month)
            && self.hour <= 23
            && self.minute <= 59
            && self.second <= 60
    }

    /// Seconds since 1970 as if the zone were UTC.
    #[inline(always)]
    pub(crate) fn seconds(&self) -> i64 {
        let days = days_since_1970(self.year, self.month, self.day);
        let time = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60;
        days * SECONDS_PER_DAY + time + i64::from(self.second)
    }

    /// Nanoseconds since 1970 of this time at an offset east of UTC.
    ///
    /// `None` for a day or time that does not exist and for years that 64 bits cannot hold (1678 to
    /// 2261 fit).
    #[inline(always)]
    pub(crate) fn nanos_at(&self, offset_seconds: i32) -> Option<i64> {
        if !self.is_real() {
            return None;
        }
        self.real_nanos_at(offset_seconds)
    }

    /// The same of a day and time that are known to exist.
    #[inline(always)]
    pub(crate) fn real_nanos_at(&self, offset_seconds: i32) -> Option<i64> {
        // Nothing can overflow in whole years that fit, but by an offset that is none.
        if (1678..=2261).contains(&self.year) && i64::from(offset_seconds).abs() < SECONDS_PER_DAY {
            let seconds = self.seconds() - i64::from(offset_seconds);
            return Some(seconds * NANOS_PER_SECOND + i64::from(self.nanos));
        }
        self.distant_nanos_at(offset_seconds)
    }

    #[cold]
    fn distant_nanos_at(&self, offset_seconds: i32) -> Option<i64> {
        // In the first second of all, the fraction brings the instant back into 64 bits.
        let seconds = i128::from(self.seconds()) - i128::from(offset_seconds);
        let nanos = seconds * i128::from(NANOS_PER_SECOND) + i128::from(self.nanos);
        i64::try_from(nanos).ok()
    }

    /// The date and time of an instant in UTC.
    pub(crate) fn of_nanos(nanos: i64) -> Local {
        let seconds = nanos.div_euclid(NANOS_PER_SECOND);
        let (year, month, day) = date_of(seconds.div_euclid(SECONDS_PER_DAY));
        let time = seconds.rem_euclid(SECONDS_PER_DAY);
        Local {
            year,
            month,
            day,
            hour: (time / 3600) as u8,
            minute: (time / 60 % 60) as u8,
            second: (time % 60) as u8,
            nanos: nanos.rem_euclid(NANOS_PER_SECOND) as u32,
        }
    }

    /// Monday is 1, Sunday is 7.
    pub(crate) fn weekday(&self) -> u8 {
        let days = days_since_1970(self.year, self.month, self.day);
        ((days + 3).rem_euclid(7) + 1) as u8
    }

    /// The first of January is 1.
    pub(crate) fn day_of_year(&self) -> u16 {
        let first = days_since_1970(self.year, 1, 1);
        (days_since_1970(self.year, self.month, self.day) - first + 1) as u16
    }
}

#[inline(always)]
pub(crate) fn is_leap(year: i32) -> bool {
    // Of the years that 4 divides, 100 divides those that 25 does, and 400 those that 16 does too.
    year & 3 == 0 && (year & 15 == 0 || year % 25 != 0)
}

/// Days of a month; 0 when there is no such month, so that no day of it exists.
#[inline(always)]
pub(crate) fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        2 => 28 + u8::from(is_leap(year)),
        // Odd months up to July have 31 days, from August on the even ones.
        1..=12 => 30 | (month ^ (month >> 3)),
        _ => 0,
    }
}

/// Days from 1 January 1970; the year is counted from March so that the leap day comes last.
#[inline(always)]
pub(crate) fn days_since_1970(year: i32, month: u8, day: u8) -> i64 {
    /// Eras that make every year of 32 bits positive, since division of those is faster.
    const ERAS: i64 = 10_000_000;
    let year = (i64::from(year) + ERAS * 400 - i64::from(month <= 2)) as u64;
    let century = year / 100;
    let leap_days = year / 4 - century + century / 4;
    let month_from_march = (u64::from(month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + u64::from(day);
    (year * 365 + leap_days + day_of_year) as i64 - 1 - DAYS_TO_1970 - ERAS * DAYS_PER_ERA
}

/// Year, month and day of a count of days from 1 January 1970.
pub(crate) fn date_of(days: i64) -> (i32, u8, u8) {
    let days = days + DAYS_TO_1970;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year as i32, month as u8, day as u8)
}

/// The day on which week 1 of a year begins, for weeks that begin on `first_weekday` (Monday is 1)
/// and whose first one holds at least `days_min` days of the year. ISO 8601 has (1, 4), the United
/// States (7, 1).
pub(crate) fn first_week(year: i32, first_weekday: u8, days_min: u8) -> i64 {
    let first_day = days_since_1970(year, 1, 1);
    let weekday = Local::midnight(year, 1, 1).weekday();
    let into_week = i64::from((weekday + 7 - first_weekday) % 7);
    let begin = first_day - into_week;
    if 7 - into_week < i64::from(days_min) {
        begin + 7
    } else {
        begin
    }
}

/// Week year and week of a day, under the same rules as [`first_week`].
pub(crate) fn week_of(local: &Local, first_weekday: u8, days_min: u8) -> (i32, u8) {
    let days = days_since_1970(local.year, local.month, local.day);
    let year = if first_week(local.year + 1, first_weekday, days_min) <= days {
        local.year + 1
    } else if days < first_week(local.year, first_weekday, days_min) {
        local.year - 1
    } else {
        local.year
    };
    let week = (days - first_week(year, first_weekday, days_min)) / 7 + 1;
    (year, week as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_a_thousand_years_converts_back() {
        let first = days_since_1970(1600, 1, 1);
        let mut expected = (1600, 1, 1);
        for days in first..days_since_1970(2600, 1, 1) {
            assert_eq!(date_of(days), expected);
            assert_eq!(days_since_1970(expected.0, expected.1, expected.2), days);
            expected = match expected {
                (year, 12, 31) => (year + 1, 1, 1),
                (year, month, day) if day == days_in_month(year, month) => (year, month + 1, 1),
                (year, month, day) => (year, month, day + 1),
            };
        }
    }

    #[test]
    fn day_0_is_1970_and_a_thursday() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(Local::midnight(1970, 1, 1).weekday(), 4);
        assert_eq!(Local::midnight(2026, 11, 20).weekday(), 5);
    }

    #[test]
    fn iso_weeks_around_new_year() {
        assert_eq!(week_of(&Local::midnight(2027, 1, 1), 1, 4), (2026, 53));
        assert_eq!(week_of(&Local::midnight(2024, 12, 30), 1, 4), (2025, 1));
        assert_eq!(week_of(&Local::midnight(2026, 1, 1), 1, 4), (2026, 1));
    }

    #[test]
    fn american_weeks_around_new_year() {
        assert_eq!(week_of(&Local::midnight(2026, 12, 27), 7, 1), (2027, 1));
        assert_eq!(week_of(&Local::midnight(2026, 12, 26), 7, 1), (2026, 52));
    }

    #[test]
    fn instants_before_1970_convert() {
        let local = Local::of_nanos(-1);
        assert_eq!(
            (local.year, local.month, local.day, local.second),
            (1969, 12, 31, 59)
        );
        assert_eq!(local.nanos_at(0), Some(-1));
    }

    #[test]
    fn the_first_and_the_last_instant_convert_back() {
        for nanos in [i64::MIN, i64::MIN + 1, i64::MAX] {
            assert_eq!(Local::of_nanos(nanos).nanos_at(0), Some(nanos));
        }
        let last = Local {
            nanos: 854_775_808,
            ..Local::of_nanos(i64::MAX)
        };
        assert_eq!(last.nanos_at(0), None);
    }

    #[test]
    fn a_year_that_does_not_fit_is_none() {
        assert_eq!(Local::midnight(2263, 1, 1).nanos_at(0), None);
        assert_eq!(Local::midnight(i32::MAX, 1, 1).nanos_at(0), None);
    }
}

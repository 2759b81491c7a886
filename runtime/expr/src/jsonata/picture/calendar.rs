//! The proleptic Gregorian calendar over milliseconds since 1970, without a time zone.

/// Milliseconds of a day.
pub(super) const DAY_MILLIS: i64 = 86_400_000;

/// Furthest from 1970 that an instant may be, in milliseconds: the range of ECMAScript's Date.
const MILLIS_MAX: f64 = 8.64e15;

/// An instant with its parts in UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    days: i64,
    millis_of_day: i64,
    /// The year; 0 is 1 BC.
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
}

impl Moment {
    /// The instant so many milliseconds after 1970 began; none beyond the range of dates.
    pub(super) fn new(millis: f64) -> Option<Self> {
        let millis = clip(millis)? as i64;
        let days = millis.div_euclid(DAY_MILLIS);
        let (year, month, day) = civil(days);
        Some(Self { days, millis_of_day: millis.rem_euclid(DAY_MILLIS), year, month, day })
    }

    /// 1 to 366.
    pub(super) fn day_of_year(&self) -> i64 {
        self.days - days_to(self.year, 1) + 1
    }

    /// ISO 8601: Monday is 1, Sunday is 7.
    pub(super) fn day_of_week(&self) -> i64 {
        day_of_week(self.days)
    }

    /// 0 to 23.
    pub(super) fn hour(&self) -> i64 {
        self.millis_of_day / 3_600_000
    }

    /// 0 to 59.
    pub(super) fn minute(&self) -> i64 {
        self.millis_of_day / 60_000 % 60
    }

    /// 0 to 59.
    pub(super) fn second(&self) -> i64 {
        self.millis_of_day / 1000 % 60
    }

    /// 0 to 999.
    pub(super) fn millisecond(&self) -> i64 {
        self.millis_of_day % 1000
    }

    /// ISO 8601's year and week in it: week 1 is the one with the year's first Thursday.
    pub(super) fn week_of_year(&self) -> (i64, i64) {
        let year = |offset: i64| (self.year + offset, first_week(self.year + offset, 1));
        let (year, start) = self.latest_started([year(1), year(0), year(-1)]);
        (year, (self.days - start) / 7 + 1)
    }

    /// The month (1 to 12) and the week in it, counted as the weeks of a year are: XPath's own rule.
    pub(super) fn week_of_month(&self) -> (i64, i64) {
        let month = |offset: i64| {
            let months = self.year * 12 + self.month - 1 + offset;
            let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
            (month, first_week(year, month))
        };
        let (month, start) = self.latest_started([month(1), month(0), month(-1)]);
        (month, (self.days - start) / 7 + 1)
    }

    /// Of periods with the days that they start on, latest first, the first that has started.
    fn latest_started(&self, periods: [(i64, i64); 3]) -> (i64, i64) {
        periods.into_iter().find(|(_, start)| *start <= self.days).unwrap_or(periods[2])
    }
}

/// What ECMAScript's `Date.UTC` makes of parts that may lie out of their ranges: month 14 is in the next year, and a
/// year from 0 to 99 is in the twentieth century. `month` counts from 0. NaN where there is no such instant.
pub(super) fn date_utc(year: f64, month: f64, day: f64, time_millis: f64) -> f64 {
    let year = year.trunc();
    let year = if (0.0..=99.0).contains(&year) { year + 1900.0 } else { year };
    let months = year * 12.0 + month.trunc();
    // A year further off than the range of dates allows cannot come back into it by days that a picture reads.
    if !months.is_finite() || months.abs() > 12.0 * 400_000.0 {
        return f64::NAN;
    }
    let months = months as i64;
    let days = days_to(months.div_euclid(12), months.rem_euclid(12) + 1) as f64 + day.trunc() - 1.0;
    clip(days * DAY_MILLIS as f64 + time_millis.trunc()).unwrap_or(f64::NAN)
}

/// The instant in whole milliseconds, if it is in the range of dates.
fn clip(millis: f64) -> Option<f64> {
    (millis.abs() <= MILLIS_MAX).then(|| millis.trunc())
}

/// The day on which the first week of a month begins: the week with its first Thursday.
fn first_week(year: i64, month: i64) -> i64 {
    let first = days_to(year, month);
    match day_of_week(first) {
        weekday @ 1..=4 => first - (weekday - 1),
        weekday => first + (8 - weekday),
    }
}

fn day_of_week(days: i64) -> i64 {
    // The first of January 1970 was a Thursday.
    (days + 3).rem_euclid(7) + 1
}

/// Days from the start of 1970 to the first of a month.
fn days_to(year: i64, month: i64) -> i64 {
    // Years are counted from March, so that a leap day is the last day of its year; an era has 400 years.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a day counted from the start of 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

//! The six fields of a cron expression: minutes, hours, day of the month, month, day of the week, year.
//!
//! The parsers on crates.io read other dialects: five fields, seconds first, Sunday as 0, or no `?`; what EventBridge
//! accepts is small enough to be read here.

use jiff::civil::{Date, DateTime, Time, Weekday, date};

/// The years that there are.
const YEARS: (i16, i16) = (1970, 2199);
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
/// Sunday is 1.
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A place within the text, in bytes, and what is wrong there.
type Flaw = (usize, String);

/// When.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: u64,
    hours: u64,
    days: Days,
    months: u64,
    years: Years,
}

/// Which days of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
    OfMonth {
        days: u64,
        /// `L`
        last: bool,
        /// `15W`: the day from Monday to Friday that is nearest to it, within the month.
        nearest: u64,
        /// `LW`: the last from Monday to Friday.
        last_weekday: bool,
    },
    OfWeek(u64),
    /// `6L`: the last Friday.
    LastOf(i8),
    /// `6#3`: the third Friday.
    NthOf(i8, i8),
}

/// A bit for each year since the first.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Years([u64; 4]);

impl Years {
    fn set(&mut self, year: u32) {
        let at = year as usize - YEARS.0 as usize;
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn has(&self, year: i16) -> bool {
        let Ok(at) = usize::try_from(year - YEARS.0) else { return false };
        self.0.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }
}

/// A field: where it stands, what it is called, what it may hold.
struct Field<'a> {
    at: usize,
    text: &'a str,
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
    /// Whether a range may go over the end: `FRI-MON`.
    wraps: bool,
}

impl Cron {
    pub(super) fn parse(text: &str) -> Result<Self, Flaw> {
        let mut fields = Vec::with_capacity(6);
        let mut at = 0;
        for word in text.split(' ') {
            if !word.is_empty() {
                fields.push((at, word));
            }
            at += word.len() + 1;
        }
        let Ok([minutes, hours, month_days, months, week_days, years]) = <[_; 6]>::try_from(fields) else {
            let form = "cron has six fields: minutes, hours, day of the month, month, day of the week, year";
            return Err((0, form.to_owned()));
        };
        let plain = |(at, text), name, least, most| Field { at, text, name, least, most, names: &[], wraps: false };
        let minutes = plain(minutes, "the minutes", 0, 59).mask()?;
        let hours = plain(hours, "the hours", 0, 23).mask()?;
        let months = Field { names: &MONTHS, ..plain(months, "the month", 1, 12) }.mask()?;
        let mut found = Years([0; 4]);
        plain(years, "the year", YEARS.0 as u32, YEARS.1 as u32).each(&mut |year| found.set(year))?;
        let of_month = plain(month_days, "the day of the month", 1, 31);
        let of_week = Field { names: &WEEKDAYS, wraps: true, ..plain(week_days, "the day of the week", 1, 7) };
        let days = match (of_month.text, of_week.text) {
            ("?", "?") => {
                return Err((of_month.at, "one of the two fields for days has to be other than ?".to_owned()));
            }
            ("?", _) => of_week.days_of_week()?,
            (_, "?") => of_month.days_of_month()?,
            _ => return Err((of_week.at, "one of the two fields for days has to be ?".to_owned())),
        };
        Ok(Self { minutes, hours, days, months, years: found })
    }

    /// The first minute that is meant, `from` or later; what `from` has below minutes is not looked at.
    pub(super) fn first_from(&self, from: DateTime) -> Option<DateTime> {
        let mut day = from.date();
        let mut time = Some(from.time());
        loop {
            let (year, month) = (day.year(), day.month());
            if year > YEARS.1 {
                return None;
            }
            if !self.years.has(year) {
                day = date(if year < YEARS.0 { YEARS.0 } else { year.checked_add(1)? }, 1, 1);
                time = None;
            } else if !has(self.months, month) {
                day = if month == 12 { date(year + 1, 1, 1) } else { date(year, month + 1, 1) };
                time = None;
            } else {
                let found = if self.days.have(day) { self.time_from(time) } else { None };
                if let Some(found) = found {
                    return Some(day.to_datetime(found));
                }
                day = day.tomorrow().ok()?;
                time = None;
            }
        }
    }

    /// The first time of a day, from one on.
    fn time_from(&self, from: Option<Time>) -> Option<Time> {
        let (hour, minute) = from.map_or((0, 0), |from| (from.hour(), from.minute()));
        let first = |bits: u64, from: i8| {
            let left = bits.checked_shr(from as u32).unwrap_or(0);
            (left != 0).then(|| from + left.trailing_zeros() as i8)
        };
        let this_hour = if has(self.hours, hour) { first(self.minutes, minute) } else { None };
        let (hour, minute) = match this_hour {
            Some(minute) => (hour, minute),
            None => (first(self.hours, hour + 1)?, first(self.minutes, 0)?),
        };
        Some(Time::constant(hour, minute, 0, 0))
    }
}

fn has(bits: u64, number: i8) -> bool {
    bits >> number & 1 == 1
}

/// Sunday is 1.
fn number_of(weekday: Weekday) -> i8 {
    weekday.to_sunday_one_offset()
}

impl Days {
    fn have(&self, day: Date) -> bool {
        let (number, last) = (day.day(), day.days_in_month());
        match self {
            Self::OfWeek(days) => has(*days, number_of(day.weekday())),
            Self::LastOf(weekday) => number_of(day.weekday()) == *weekday && number + 7 > last,
            Self::NthOf(weekday, nth) => number_of(day.weekday()) == *weekday && (number - 1) / 7 + 1 == *nth,
            Self::OfMonth { days, last: on_last, nearest, last_weekday } => {
                has(*days, number)
                    || (*on_last && number == last)
                    || (*last_weekday && nearest_weekday(day, last) == Some(number))
                    // Nothing is nearer than two days.
                    || (*nearest != 0
                        && (number - 2..=number + 2)
                            .any(|of| of >= 1 && has(*nearest, of) && nearest_weekday(day, of) == Some(number)))
            }
        }
    }
}

/// The day from Monday to Friday that is nearest to day `of` in the month of `day`, within that month.
fn nearest_weekday(day: Date, of: i8) -> Option<i8> {
    let last = day.days_in_month();
    let wanted = day.with().day(of).build().ok()?;
    Some(match wanted.weekday() {
        Weekday::Saturday => {
            if of == 1 {
                3
            } else {
                of - 1
            }
        }
        Weekday::Sunday => {
            if of == last {
                of - 2
            } else {
                of + 1
            }
        }
        _ => of,
    })
}

impl Field<'_> {
    /// A bit for each number.
    fn mask(&self) -> Result<u64, Flaw> {
        let mut bits = 0;
        self.each(&mut |number| bits |= 1 << number)?;
        Ok(bits)
    }

    /// Tells every number of the list.
    fn each(&self, tell: &mut dyn FnMut(u32)) -> Result<(), Flaw> {
        for (at, item) in self.items() {
            self.item(at, item, tell)?;
        }
        Ok(())
    }

    /// The parts of the list, each with its place.
    fn items(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut at = self.at;
        self.text.split(',').map(move |item| {
            let here = at;
            at += item.len() + 1;
            (here, item)
        })
    }

    /// `*`, `5`, `5-9`, and with a step each: `*/5`, `5/5`, `5-9/2`.
    fn item(&self, at: usize, item: &str, tell: &mut dyn FnMut(u32)) -> Result<(), Flaw> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(at + range.len() + 1, step)?)),
            None => (item, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most),
            Some((first, last)) => (self.number(at, first)?, self.number(at + first.len() + 1, last)?),
            None => {
                let first = self.number(at, range)?;
                (first, if step.is_some() { self.most } else { first })
            }
        };
        let last = match (first <= last, self.wraps) {
            (true, _) => last,
            (false, true) => last + self.most,
            (false, false) => return Err((at, format!("in {} the range {range} is the wrong way round", self.name))),
        };
        let wrapped = |number: u32| if number > self.most { number - self.most } else { number };
        (first..=last).step_by(step.unwrap_or(1) as usize).for_each(|number| tell(wrapped(number)));
        Ok(())
    }

    fn number(&self, at: usize, text: &str) -> Result<u32, Flaw> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = named.map(|at| at as u32 + 1).or_else(|| plain_number(text));
        number.filter(|number| (self.least..=self.most).contains(number)).ok_or_else(|| {
            let names = match self.names {
                [first, .., last] => format!(" or {first} to {last}"),
                _ => String::new(),
            };
            let Self { name, least, most, .. } = self;
            (at, format!("{name} has to be {least} to {most}{names}, not '{text}'"))
        })
    }

    fn step(&self, at: usize, text: &str) -> Result<u32, Flaw> {
        let step = plain_number(text).filter(|step| (1..=self.most).contains(step));
        step.ok_or_else(|| (at, format!("in {} the step '{text}' is no number from 1 to {}", self.name, self.most)))
    }

    fn days_of_month(&self) -> Result<Days, Flaw> {
        let (mut days, mut last, mut nearest, mut last_weekday) = (0, false, 0_u64, false);
        for (at, item) in self.items() {
            match item.to_ascii_uppercase().as_str() {
                "L" => last = true,
                "LW" | "WL" => last_weekday = true,
                other => match other.strip_suffix('W') {
                    Some(day) => nearest |= 1 << self.number(at, day)?,
                    None => self.item(at, item, &mut |day| days |= 1_u64 << day)?,
                },
            }
        }
        Ok(Days::OfMonth { days, last, nearest, last_weekday })
    }

    fn days_of_week(&self) -> Result<Days, Flaw> {
        let alone = |at, sign: char| Err((at, format!("in {} a part with {sign} has to stand alone", self.name)));
        if let Some((weekday, nth)) = self.text.split_once('#') {
            if self.text.contains(',') {
                return alone(self.at, '#');
            }
            let weekday = self.number(self.at, weekday)?;
            let nth = plain_number(nth).filter(|nth| (1..=5).contains(nth));
            let flaw = || (self.at, format!("in {} the number behind # has to be 1 to 5", self.name));
            return Ok(Days::NthOf(weekday as i8, nth.ok_or_else(flaw)? as i8));
        }
        let upper = self.text.to_ascii_uppercase();
        if upper == "L" {
            // The last day of the week.
            return Ok(Days::OfWeek(1 << 7));
        }
        if let Some(weekday) = upper.strip_suffix('L') {
            if weekday.contains(',') {
                return alone(self.at, 'L');
            }
            return Ok(Days::LastOf(self.number(self.at, weekday)? as i8));
        }
        Ok(Days::OfWeek(self.mask()?))
    }
}

/// Digits alone.
fn plain_number(text: &str) -> Option<u32> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { text.parse().ok() } else { None }
}

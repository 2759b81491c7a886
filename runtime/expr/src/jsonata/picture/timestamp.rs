//! `$toMillis`: instants read from text, in ISO 8601 or as a date picture says.

use super::calendar::{Moment, date_utc};
use super::datetime::{Component, DatePicture, Form, Marker, Part, unnamed};
use super::integer::{Grouping, IntegerPicture, Style, WORDS};
use super::leading_integer;
use crate::jsonata::budget::exceeded;
use crate::jsonata::{Code, JsonataError};
use regex::{Captures, Regex, RegexBuilder};
use std::sync::LazyLock;

/// Bytes that the automaton of one picture may take.
const MATCHER_BYTES_MAX: usize = 1 << 20;

/// Reads an instant in milliseconds since 1970; NaN where there is no such day. With a picture, a text that does not
/// match it gives nothing, and parts more significant than those in the picture are those of `now_millis`.
pub(crate) fn to_millis(text: &str, picture: Option<&str>, now_millis: f64) -> Result<Option<f64>, JsonataError> {
    match picture {
        None => iso_8601(text).map(Some),
        Some(picture) => with_picture(text, &DatePicture::parse(picture)?, now_millis),
    }
}

/// The shape that jsonata-js insists on.
static ISO_8601: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let shape = concat!(
        r"^([0-9]{4})(?:-([01][0-9]))?(?:-([0-3][0-9]))?(?:T([0-2][0-9]):([0-5][0-9]):([0-5][0-9]))?",
        r"(?:\.([0-9]+))?(?:([+-])([0-2][0-9]):?([0-5][0-9])|Z)?$"
    );
    Regex::new(shape).ok()
});

/// Reads ISO 8601 as ECMAScript's `Date.parse` does: every month has 31 days, and no zone is UTC.
fn iso_8601(text: &str) -> Result<f64, JsonataError> {
    let found = ISO_8601.as_ref().and_then(|shape| shape.captures(text));
    let found = found.ok_or_else(|| JsonataError::new(Code::D3110).text("value", text))?;
    let number = |at: usize| found.get(at).map(|part| leading_integer(part.as_str()));
    let (month, day) = (number(2), number(3));
    let (hour, minute, second) = (number(4), number(5).unwrap_or(0.0), number(6).unwrap_or(0.0));
    let millis = found.get(7).map_or(0.0, |digits| thousandths(digits.as_str()));
    let zone = number(9).map(|hours| (hours, number(10).unwrap_or(0.0)));
    let day_is_right = matches!(month, None | Some(1.0..=12.0))
        && matches!(day, None | Some(1.0..=31.0))
        && (day.is_none() || month.is_some());
    let time = minute * 60_000.0 + second * 1000.0 + millis;
    let time_is_right = match hour {
        // Midnight may be written as the end of a day.
        Some(hour) => hour < 24.0 || (hour == 24.0 && time == 0.0),
        None => found.get(7).is_none() && zone.is_none(),
    };
    if !day_is_right || !time_is_right || zone.is_some_and(|(hours, _)| hours > 23.0) {
        return Ok(f64::NAN);
    }
    // Years before 100 are meant as they are written here, unlike in `Date.UTC`: so one of the same shape stands in.
    let year = number(1).unwrap_or(0.0);
    let era = if year < 100.0 { 400.0 } else { 0.0 };
    let days = date_utc(year + era, month.unwrap_or(1.0) - 1.0, day.unwrap_or(1.0), 0.0) - era / 400.0 * ERA_MILLIS;
    let (zone_hours, zone_minutes) = zone.unwrap_or((0.0, 0.0));
    let offset = (zone_hours * 60.0 + zone_minutes) * 60_000.0;
    let behind = found.get(8).is_some_and(|sign| sign.as_str() == "-");
    Ok(days + hour.unwrap_or(0.0) * 3_600_000.0 + time - if behind { -offset } else { offset })
}

/// Milliseconds of the 400 years after which the calendar repeats itself.
const ERA_MILLIS: f64 = 146_097.0 * 86_400_000.0;

/// The milliseconds in the digits of a fraction of a second, cut off after the third.
fn thousandths(digits: &str) -> f64 {
    leading_integer(&format!("{digits:0<3}")[..3])
}

/// What a text held for each component.
struct Found([Option<f64>; Component::ALL.len()]);

impl Found {
    fn get(&self, component: Component) -> Option<f64> {
        self.0[component as usize]
    }

    fn get_or_zero(&self, component: Component) -> f64 {
        self.get(component).unwrap_or(0.0)
    }

    fn set(&mut self, component: Component, value: Option<f64>) {
        self.0[component as usize] = value;
    }

    /// Whether, of `all`, some of `wanted` and none other were found; jsonata-js takes zero for not found here.
    fn are(&self, wanted: &[Component], all: &[Component]) -> bool {
        let mut found = all.iter().filter(|part| self.get(**part).is_some_and(|value| value != 0.0 && !value.is_nan()));
        let mut some = false;
        found.all(|part| {
            some = true;
            wanted.contains(part)
        }) && some
    }
}

use Component::{
    Day, DayOfYear, Fraction, GmtZone, HalfDay, HalfDayHour, Hour, Minute, Month, Second, Week, WeekMonth, WeekOfMonth,
    WeekYear, Year, Zone,
};

const DATE_PARTS: &[Component] = &[Year, WeekYear, Month, WeekMonth, Week, WeekOfMonth, DayOfYear, Day];
const TIME_PARTS: &[Component] = &[HalfDay, Hour, HalfDayHour, Minute, Second, Fraction];

fn with_picture(text: &str, picture: &DatePicture, now_millis: f64) -> Result<Option<f64>, JsonataError> {
    let matcher = matcher(picture)?;
    let Some(captures) = matcher.captures(text) else { return Ok(None) };
    let Some(mut found) = read(picture, &captures)? else { return Ok(None) };
    let by_day_of_year = !found.are(&[Year, Month, Day], DATE_PARTS) && found.are(&[Year, DayOfYear], DATE_PARTS);
    let by_week =
        found.are(&[WeekYear, WeekMonth, WeekOfMonth], DATE_PARTS) || found.are(&[WeekYear, Week], DATE_PARTS);
    if by_week {
        // Dates by their week are not read, here as in jsonata-js.
        return Err(JsonataError::new(Code::D3136));
    }
    let by_half_day = !found.are(&[Hour, Minute, Second, Fraction], TIME_PARTS)
        && found.are(&[HalfDay, HalfDayHour, Minute, Second, Fraction], TIME_PARTS);
    let date: &[Component] = if by_day_of_year { &[Year, Day] } else { &[Year, Month, Day] };
    let hours: &[Component] = if by_half_day { &[HalfDay, HalfDayHour] } else { &[Hour] };
    fill(&mut found, date.iter().chain(hours).chain(&[Minute, Second, Fraction]), now_millis)?;
    if by_day_of_year {
        // The day in the year is one in a January that is long enough.
        found.set(Month, Some(1.0));
        found.set(Day, found.get(DayOfYear));
    }
    if by_half_day {
        let hour = found.get_or_zero(HalfDayHour);
        let hour = if hour == 12.0 { 0.0 } else { hour };
        found.set(Hour, Some(if found.get(HalfDay) == Some(1.0) { hour + 12.0 } else { hour }));
    }
    Ok(Some(instant(&found)))
}

/// Fills in what is missing, from the most significant part on: before the first part that was found from the time
/// now, after the last with the least value. A gap between them is D3136.
fn fill<'a>(
    found: &mut Found,
    parts: impl Iterator<Item = &'a Component>,
    now_millis: f64,
) -> Result<(), JsonataError> {
    let now = Moment::new(now_millis);
    let (mut started, mut ended) = (false, false);
    for part in parts {
        if found.get(*part).is_some() {
            started = true;
            if ended {
                return Err(JsonataError::new(Code::D3136));
            }
        } else if started {
            ended = true;
            found.set(*part, Some(if matches!(part, Month | Day) { 1.0 } else { 0.0 }));
        } else {
            // Without am or pm, hours are those of the morning whatever the time is now.
            let value = |now: &Moment| if *part == HalfDay { 0.0 } else { part.value(now) as f64 };
            found.set(*part, now.as_ref().map(value));
        }
    }
    Ok(())
}

fn instant(found: &Found) -> f64 {
    let month = found.get(Month).filter(|month| *month > 0.0).unwrap_or(1.0) - 1.0;
    let part = |component| found.get_or_zero(component);
    let minutes = part(Hour).trunc() * 60.0 + part(Minute).trunc();
    let time = (minutes * 60.0 + part(Second).trunc()) * 1000.0 + part(Fraction).trunc();
    let zone = Some(part(Zone)).filter(|zone| *zone != 0.0 && !zone.is_nan()).unwrap_or_else(|| part(GmtZone));
    date_utc(part(Year), month, part(Day), time) - zone * 60_000.0
}

/// The values of the picture's components in the text; nothing where the picture has no component, or where the text
/// has a name that is none.
fn read(picture: &DatePicture, captures: &Captures<'_>) -> Result<Option<Found>, JsonataError> {
    let mut found = Found([None; Component::ALL.len()]);
    let mut some = false;
    for (at, part) in picture.parts.iter().enumerate() {
        if let (Part::Marker(marker), Some(text)) = (part, captures.get(at + 1)) {
            // jsonata-js goes on without a month whose name it does not know, and ends up in another one.
            let Some(value) = marker.read(text.as_str())? else { return Ok(None) };
            some = true;
            found.set(marker.component, Some(value));
        }
    }
    Ok(some.then_some(found))
}

/// The regular expression with a group for each part of the picture.
fn matcher(picture: &DatePicture) -> Result<Regex, JsonataError> {
    let mut shape = String::from("^");
    for part in &picture.parts {
        shape.push('(');
        shape.push_str(&match part {
            Part::Literal(text) => regex::escape(text),
            // Only ASCII has another case here.
            Part::Marker(marker) => format!("(?-u:{})", marker.shape()?),
            // To jsonata-js the name of a component that has none.
            Part::Unknown(letter) => return Err(JsonataError::new(Code::D3133).text("value", letter.as_str())),
        });
        shape.push(')');
    }
    shape.push('$');
    let mut builder = RegexBuilder::new(&shape);
    builder.case_insensitive(true).size_limit(MATCHER_BYTES_MAX);
    builder.build().map_err(|_| exceeded("The date/time picture string is too complex"))
}

impl Marker {
    /// The regular expression of the texts that it may stand for.
    fn shape(&self) -> Result<String, JsonataError> {
        Ok(match &self.form {
            Form::Integer(picture) if self.component.is_zone() => {
                let gmt = if self.component == GmtZone { "GMT" } else { "" };
                let minutes = separator(picture).map(|sign| format!("{}[0-9]+", regex::escape(&sign.to_string())));
                format!("{gmt}[-+][0-9]+{}", minutes.unwrap_or_default())
            }
            _ if self.component == Fraction => "[0-9]+".to_owned(),
            Form::Integer(picture) => self.integer_shape(picture)?,
            _ if self.component.names().is_some() || self.component == HalfDay => "[a-z]+".to_owned(),
            _ => return Err(unnamed(self.component)),
        })
    }

    fn integer_shape(&self, picture: &IntegerPicture) -> Result<String, JsonataError> {
        Ok(match &picture.style {
            Style::Letters(_) => "[a-z]+".to_owned(),
            Style::Roman(_) => "[mdclxvi]+".to_owned(),
            Style::Words(_) => {
                let words: Vec<String> =
                    WORDS.iter().map(|(_, cardinal, ordinal)| format!("{cardinal}|{ordinal}")).collect();
                format!("(?:{}|and|[-, ])+", words.join("|"))
            }
            Style::Decimal(_) => {
                let times = self.read_digits.map_or_else(|| "+".to_owned(), |digits| format!("{{{digits}}}"));
                format!("[0-9]{times}{}", if picture.ordinal { "(?:th|st|nd|rd)" } else { "" })
            }
            Style::Sequence(token) => return Err(JsonataError::new(Code::D3130).text("value", token.as_str())),
        })
    }

    /// The value that a text of this shape stands for; nothing for a name that is not known.
    fn read(&self, text: &str) -> Result<Option<f64>, JsonataError> {
        Ok(match &self.form {
            Form::Integer(picture) if self.component.is_zone() => Some(self.read_zone(text, picture)),
            _ if self.component == Fraction => Some(thousandths(text)),
            Form::Integer(picture) => Some(picture.read(text)?),
            _ if self.component == HalfDay => {
                ["am", "pm"].iter().position(|half| half.eq_ignore_ascii_case(text)).map(|at| at as f64)
            }
            _ => {
                let width = self.width_max.filter(|width| *width > 0).unwrap_or(usize::MAX);
                let is_name = |name: &&str| name[..width.min(name.len())].eq_ignore_ascii_case(text);
                let at = self.component.names().unwrap_or_default().iter().rposition(is_name);
                at.map(|at| at as f64 + 1.0)
            }
        })
    }

    /// The offset in minutes. As in jsonata-js the sign belongs to the hours alone, so that `-05:30` is four hours and
    /// a half behind UTC.
    fn read_zone(&self, text: &str, picture: &IntegerPicture) -> f64 {
        let text = if self.component == GmtZone { &text[3..] } else { text };
        let (hours, minutes) = match separator(picture) {
            Some(sign) => text.split_once(sign).unwrap_or((text, "0")),
            None if text.len() <= 3 => (text, "0"),
            None => text.split_at(3),
        };
        leading_integer(hours) * 60.0 + leading_integer(minutes)
    }
}

/// The sign between hours and minutes of an offset.
fn separator(picture: &IntegerPicture) -> Option<char> {
    match &picture.style {
        Style::Decimal(pattern) => match pattern.grouping {
            Grouping::Regular(_, sign) => Some(sign),
            Grouping::Listed(_) => None,
        },
        _ => None,
    }
}

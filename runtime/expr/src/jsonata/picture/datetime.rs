//! `$fromMillis` and the date pictures that `$toMillis` shares with it.

use super::calendar::Moment;
use super::integer::{Case, Grouping, IntegerPicture, Style};
use super::{check_length, leading_integer};
use crate::jsonata::budget::exceeded;
use crate::jsonata::{Code, JsonataError};

/// Markers that a picture may have.
const MARKERS_MAX: usize = 64;

/// Widest that a width modifier may ask a component to be, in characters.
const WIDTH_CHARS_MAX: f64 = 1000.0;

/// The picture that a date is written with when none is given.
const ISO_8601: &str = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]";

const MONTHS: [&str; 12] = [
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

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Writes an instant, in milliseconds since 1970, as `picture` says (else as ISO 8601), in the time zone `+hhmm`
/// (else UTC).
pub(crate) fn from_millis(millis: f64, picture: Option<&str>, timezone: Option<&str>) -> Result<String, JsonataError> {
    let picture = DatePicture::parse(picture.unwrap_or(ISO_8601))?;
    let zone = Zone::parse(timezone.unwrap_or("0"));
    let moment = Moment::new(millis + zone.millis());
    let mut out = String::new();
    for part in &picture.parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Marker(marker) => {
                // jsonata-js writes NaN into the text instead.
                let moment = moment.as_ref().ok_or_else(|| JsonataError::new(Code::D3001))?;
                out.push_str(&marker.format(moment, zone)?);
            }
            // jsonata-js writes "undefined" instead.
            Part::Unknown(letter) => return Err(unknown(letter)),
        }
    }
    Ok(out)
}

/// An analysed date picture.
#[derive(Debug)]
pub(super) struct DatePicture {
    /// Literals and markers in order.
    pub(super) parts: Vec<Part>,
}

/// A part of a date picture.
#[derive(Debug)]
pub(super) enum Part {
    /// Stands as it is.
    Literal(String),
    /// `[Y0001]`
    Marker(Marker),
    /// `[Q1]`: a marker of no component. It is a fault where it is come to, behind those of the markers before it.
    Unknown(String),
}

/// A variable marker.
#[derive(Debug)]
pub(super) struct Marker {
    /// What is written.
    pub(super) component: Component,
    /// How it is written.
    pub(super) form: Form,
    /// Most characters of a name.
    pub(super) width_max: Option<usize>,
    /// Last digits of the year that are written.
    year_digits: Option<usize>,
    /// A zone without offset is written `Z`.
    zulu: bool,
    /// Digits that are read when the next marker is a number too, with nothing between them.
    pub(super) read_digits: Option<usize>,
}

/// How a component is written.
#[derive(Debug)]
pub(super) enum Form {
    /// By name.
    Name(Case),
    /// As a number.
    Integer(IntegerPicture),
    /// Without a choice: a text that the component has of its own.
    Fixed,
}

macro_rules! components {
    ($($(#[$doc:meta])* $name:ident = $letter:literal, $default:literal, $integer:literal;)*) => {
        /// What a marker stands for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Component { $($(#[$doc])* $name,)* }

        impl Component {
            /// The components, each at the place of its number.
            pub(super) const ALL: &[Self] = &[$(Self::$name,)*];

            fn from_letter(letter: char) -> Option<Self> {
                match letter { $($letter => Some(Self::$name),)* _ => None }
            }

            /// The letter that stands for it in a picture.
            pub(super) fn letter(self) -> char {
                match self { $(Self::$name => $letter,)* }
            }

            /// How it is written when the marker does not say.
            fn default_presentation(self) -> &'static str {
                match self { $(Self::$name => $default,)* }
            }

            fn is_integer(self) -> bool {
                match self { $(Self::$name => $integer,)* }
            }
        }
    };
}

components! {
    /// The year.
    Year = 'Y', "1", true;
    /// The month.
    Month = 'M', "1", true;
    /// The day in the month.
    Day = 'D', "1", true;
    /// The day in the year.
    DayOfYear = 'd', "1", true;
    /// The day of the week: Monday is 1.
    Weekday = 'F', "n", true;
    /// The week in the year.
    Week = 'W', "1", true;
    /// The week in the month.
    WeekOfMonth = 'w', "1", true;
    /// The year that the week belongs to: an extension of jsonata-js.
    WeekYear = 'X', "1", true;
    /// The month that the week belongs to: an extension of jsonata-js.
    WeekMonth = 'x', "1", true;
    /// The hour from 0 to 23.
    Hour = 'H', "1", true;
    /// The hour from 1 to 12.
    HalfDayHour = 'h', "1", true;
    /// am or pm.
    HalfDay = 'P', "n", false;
    /// The minute.
    Minute = 'm', "01", true;
    /// The second.
    Second = 's', "01", true;
    /// The milliseconds.
    Fraction = 'f', "1", true;
    /// The offset from UTC.
    Zone = 'Z', "01:01", false;
    /// The offset from UTC, after `GMT`.
    GmtZone = 'z', "01:01", false;
    /// The calendar.
    Calendar = 'C', "n", false;
    /// The era.
    Era = 'E', "n", false;
}

impl Component {
    /// Its names, from the value 1 on.
    pub(super) fn names(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Month | Self::WeekMonth => Some(&MONTHS),
            Self::Weekday => Some(&DAYS),
            _ => None,
        }
    }

    /// Whether it is an offset from UTC.
    pub(super) fn is_zone(self) -> bool {
        matches!(self, Self::Zone | Self::GmtZone)
    }

    /// The number that stands for it; for am or pm 0 or 1, and 0 for what has none.
    pub(super) fn value(self, moment: &Moment) -> i64 {
        match self {
            Self::Year => moment.year,
            Self::Month => moment.month,
            Self::Day => moment.day,
            Self::DayOfYear => moment.day_of_year(),
            Self::Weekday => moment.day_of_week(),
            Self::Week => moment.week_of_year().1,
            Self::WeekOfMonth => moment.week_of_month().1,
            Self::WeekYear => moment.week_of_year().0,
            Self::WeekMonth => moment.week_of_month().0,
            Self::Hour => moment.hour(),
            Self::HalfDayHour => (moment.hour() + 11) % 12 + 1,
            Self::HalfDay => moment.hour() / 12,
            Self::Minute => moment.minute(),
            Self::Second => moment.second(),
            Self::Fraction => moment.millisecond(),
            Self::Zone | Self::GmtZone | Self::Calendar | Self::Era => 0,
        }
    }
}

impl DatePicture {
    /// Analyses a picture: `[[` and `]]` stand for brackets, a marker is in single ones.
    pub(super) fn parse(picture: &str) -> Result<Self, JsonataError> {
        check_length(picture)?;
        let mut parts: Vec<Part> = Vec::new();
        let (mut rest, mut markers) = (picture, 0);
        while let Some(open) = rest.find('[') {
            push_literal(&mut parts, &rest[..open]);
            let inside = &rest[open + 1..];
            if let Some(after) = inside.strip_prefix('[') {
                parts.push(Part::Literal("[".to_owned()));
                rest = after;
                continue;
            }
            let (text, after) = inside.split_once(']').ok_or_else(|| JsonataError::new(Code::D3135))?;
            markers += 1;
            if markers > MARKERS_MAX {
                return Err(exceeded("The date/time picture string has too many components"));
            }
            let Some(marker) = Marker::parse(text)? else {
                parts.push(Part::Unknown(text.trim_start().chars().take(1).collect()));
                rest = after;
                continue;
            };
            if matches!(marker.form, Form::Integer(_)) && !marker.component.is_zone() {
                fix_width(parts.last_mut());
            }
            parts.push(Part::Marker(marker));
            rest = after;
        }
        push_literal(&mut parts, rest);
        Ok(Self { parts })
    }
}

fn push_literal(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Literal(text.replace("]]", "]")));
    }
}

/// A number that stands right before another is read by its mandatory digits.
fn fix_width(previous: Option<&mut Part>) {
    if let Some(Part::Marker(marker)) = previous
        && let Form::Integer(IntegerPicture { style: Style::Decimal(pattern), .. }) = &marker.form
    {
        marker.read_digits = Some(pattern.mandatory).filter(|digits| *digits > 0);
    }
}

impl Marker {
    /// Analyses what stands in the brackets: the component, how it is presented, and how wide. Nothing where there is
    /// a presentation of no component; without one it is D3132 at once, as in jsonata-js.
    fn parse(text: &str) -> Result<Option<Self>, JsonataError> {
        let text: String = text.chars().filter(|char| !char.is_whitespace() && *char != '\u{feff}').collect();
        let mut chars = text.chars();
        let letter = chars.next();
        let (presentation, width) = match chars.as_str().rsplit_once(',') {
            Some((presentation, width)) => (presentation, Some(width)),
            None => (chars.as_str(), None),
        };
        let (width_min, width_max) = widths(width)?;
        let Some(component) = letter.and_then(Component::from_letter) else {
            let letter = letter.map(String::from).unwrap_or_default();
            return if presentation.is_empty() { Err(unknown(&letter)) } else { Ok(None) };
        };
        let (first, modifier) = presentation_of(component, presentation);
        let mut marker = Self {
            component,
            form: Form::Fixed,
            width_max,
            year_digits: None,
            zulu: modifier == Some('t'),
            read_digits: None,
        };
        marker.form = if component.is_zone() {
            Form::Integer(IntegerPicture::parse(first)?)
        } else if let Some(rest) = first.strip_prefix('N') {
            Form::Name(if rest.starts_with('n') { Case::Title } else { Case::Upper })
        } else if first.starts_with('n') {
            Form::Name(Case::Lower)
        } else if component.is_integer() {
            let mut picture = IntegerPicture::parse(&with_modifier(first, modifier))?;
            marker.fix_digits(&mut picture, width_min);
            Form::Integer(picture)
        } else {
            Form::Fixed
        };
        Ok(Some(marker))
    }

    /// Makes the digits of a number as wide as the width modifier asks, and notes how many digits of a year count.
    fn fix_digits(&mut self, picture: &mut IntegerPicture, width_min: Option<usize>) {
        let is_year = self.component == Component::Year;
        if is_year {
            self.year_digits = self.width_max;
        }
        let Style::Decimal(pattern) = &mut picture.style else { return };
        pattern.mandatory = pattern.mandatory.max(width_min.unwrap_or(0));
        match self.width_max {
            Some(width) if is_year => pattern.mandatory = width,
            None if is_year => {
                self.year_digits = Some(pattern.mandatory + pattern.optional).filter(|digits| *digits >= 2);
            }
            _ => {}
        }
    }

    fn format(&self, moment: &Moment, zone: Zone) -> Result<String, JsonataError> {
        match (self.component, &self.form) {
            (Component::HalfDay, form) => {
                let upper = matches!(form, Form::Name(Case::Upper));
                let half = if self.component.value(moment) == 1 { "pm" } else { "am" };
                Ok(if upper { half.to_ascii_uppercase() } else { half.to_owned() })
            }
            (Component::Zone | Component::GmtZone, Form::Integer(picture)) => self.format_zone(zone, picture),
            (Component::Calendar | Component::Era, _) | (_, Form::Fixed) => Ok("ISO".to_owned()),
            (component, Form::Name(case)) => {
                let names = component.names().ok_or_else(|| unnamed(component))?;
                let name = usize::try_from(component.value(moment) - 1).ok().and_then(|at| names.get(at));
                let name = case.of_title(name.copied().unwrap_or_default());
                Ok(name.chars().take(self.width_max.unwrap_or(usize::MAX)).collect())
            }
            (component, Form::Integer(picture)) => {
                let value = component.value(moment) as f64;
                let digits = self.year_digits.and_then(|digits| i32::try_from(digits).ok());
                picture.format(digits.map_or(value, |digits| value % 10_f64.powi(digits)))
            }
        }
    }

    /// The offset: as a number `hhmm` with the picture's separator in it, or as hours alone where the picture has two
    /// digits and there are no minutes.
    fn format_zone(&self, zone: Zone, picture: &IntegerPicture) -> Result<String, JsonataError> {
        let offset = zone.hours * 100.0 + zone.minutes;
        let Style::Decimal(pattern) = &picture.style else { return Err(JsonataError::new(Code::D3134)) };
        let text = match (&pattern.grouping, pattern.mandatory) {
            (Grouping::Regular(..), _) | (_, 3 | 4) => picture.format(offset)?,
            (_, 1 | 2) if zone.minutes == 0.0 => picture.format(zone.hours)?,
            (_, 1 | 2) => format!("{}:{}", picture.format(zone.hours)?, super::format_integer(zone.minutes, "00")?),
            (_, digits) => return Err(JsonataError::new(Code::D3134).number("value", digits as f64)),
        };
        if offset == 0.0 && self.zulu {
            return Ok("Z".to_owned());
        }
        let gmt = if self.component == Component::GmtZone { "GMT" } else { "" };
        Ok(format!("{gmt}{}{text}", if offset >= 0.0 { "+" } else { "" }))
    }
}

fn unknown(letter: &str) -> JsonataError {
    JsonataError::new(Code::D3132).text("value", letter)
}

/// The error of a name for a component that has none.
pub(super) fn unnamed(component: Component) -> JsonataError {
    JsonataError::new(Code::D3133).text("value", component.letter())
}

/// The presentation modifiers: the first, and the second where the last letter is one.
fn presentation_of(component: Component, presentation: &str) -> (&str, Option<char>) {
    if presentation.is_empty() {
        return (component.default_presentation(), None);
    }
    let last = presentation.chars().next_back().filter(|last| matches!(last, 'a' | 't' | 'c' | 'o'));
    match last {
        // A single letter is always the first modifier; these four are ASCII.
        Some(last) if presentation.len() > 1 => (&presentation[..presentation.len() - 1], Some(last)),
        _ => (presentation, None),
    }
}

fn with_modifier(first: &str, modifier: Option<char>) -> String {
    modifier.map_or_else(|| first.to_owned(), |modifier| format!("{first};{modifier}"))
}

/// The least and the most of a width modifier `min-max`; `*`, what is missing and what is no number ask for nothing.
fn widths(width: Option<&str>) -> Result<(Option<usize>, Option<usize>), JsonataError> {
    let Some(width) = width else { return Ok((None, None)) };
    let (min, max) = width.split_once('-').unwrap_or((width, "*"));
    Ok((one_width(min)?, one_width(max)?))
}

fn one_width(text: &str) -> Result<Option<usize>, JsonataError> {
    match leading_integer(text) {
        width if width > WIDTH_CHARS_MAX => Err(exceeded("The width in the date/time picture string is too large")),
        width => Ok((width >= 0.0).then_some(width as usize)),
    }
}

/// An offset from UTC.
#[derive(Clone, Copy, Debug)]
struct Zone {
    hours: f64,
    minutes: f64,
}

impl Zone {
    /// Reads `+hhmm`. As in jsonata-js the hours are rounded down while the minutes keep their sign, so that `-0530`
    /// is six hours and a half behind UTC: what a workflow gets from the service, too.
    fn parse(text: &str) -> Self {
        let offset = leading_integer(text);
        Self { hours: (offset / 100.0).floor(), minutes: offset % 100.0 }
    }

    fn millis(self) -> f64 {
        (60.0 * self.hours + self.minutes) * 60_000.0
    }
}

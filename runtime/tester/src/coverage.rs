//! What the cases came by: states, transitions, retriers and catchers.

use crate::play::Played;
use fleetstep_diagram::{Overlay, StateRun, Status};
use fleetstep_machine::{Decider, Happening, Kind, Next, Program, State, StateId};
use std::collections::HashMap;

/// What can be covered in a workflow, and how often it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    /// State by state, in the order of the definition.
    pub points: Vec<Point>,
    /// Lists of states that began, by their first states, and that ended, by their last: lines of the picture.
    ends: Vec<(String, String)>,
}

/// One thing that can be covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The state that it belongs to.
    pub state: String,
    /// Which part of the state.
    pub part: Part,
    /// The state that it leads to, if it leads to one.
    pub target: Option<String>,
    /// How often it was taken, in all cases together.
    pub count: u64,
}

/// A part of a state. The numbers are positions in the definition, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The state was entered.
    State,
    /// Its `Next` was taken.
    Next,
    /// A rule of a Choice held.
    Rule(u32),
    /// The `Default` of a Choice was taken.
    Default,
    /// A retrier had it tried again.
    Retrier(u32),
    /// A catcher was taken.
    Catcher(u32),
}

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// States.
    States,
    /// `Next`, the rules and the `Default` of a Choice.
    Transitions,
    /// Entries of `Retry`.
    Retriers,
    /// Entries of `Catch`.
    Catchers,
}

impl Group {
    /// All of them, in the order of a report.
    pub const ALL: [Self; 4] = [Self::States, Self::Transitions, Self::Retriers, Self::Catchers];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::States => "states",
            Self::Transitions => "transitions",
            Self::Retriers => "retriers",
            Self::Catchers => "catchers",
        }
    }
}

impl Part {
    /// What it is counted with.
    #[must_use]
    pub fn group(self) -> Group {
        match self {
            Self::State => Group::States,
            Self::Next | Self::Rule(_) | Self::Default => Group::Transitions,
            Self::Retrier(_) => Group::Retriers,
            Self::Catcher(_) => Group::Catchers,
        }
    }

    /// Where it stands in the state, as a definition has it: `Choices/0`; nothing for the state itself.
    #[must_use]
    pub fn place(self) -> String {
        match self {
            Self::State => String::new(),
            Self::Next => String::from("Next"),
            Self::Rule(at) => format!("Choices/{at}"),
            Self::Default => String::from("Default"),
            Self::Retrier(at) => format!("Retry/{at}"),
            Self::Catcher(at) => format!("Catch/{at}"),
        }
    }
}

/// Every part of a state, with where it leads.
pub(crate) fn parts(state: &State) -> Vec<(Part, Option<StateId>)> {
    let mut parts = vec![(Part::State, None)];
    if let (Next::State(next), false) = (state.next, matches!(state.kind, Kind::Choice { .. })) {
        parts.push((Part::Next, Some(next)));
    }
    let (retry, catch): (&[_], &[_]) = match &state.kind {
        Kind::Task(task) => (&task.retry, &task.catch),
        Kind::Parallel(parallel) => (&parallel.retry, &parallel.catch),
        Kind::Map(map) => (&map.retry, &map.catch),
        _ => (&[], &[]),
    };
    if let Kind::Choice { rules, default } = &state.kind {
        parts.extend((0..).zip(rules).map(|(at, rule)| (Part::Rule(at), Some(rule.next))));
        parts.extend(default.map(|default| (Part::Default, Some(default))));
    }
    parts.extend((0..).zip(retry).map(|(at, _)| (Part::Retrier(at), None)));
    parts.extend((0..).zip(catch).map(|(at, catcher)| (Part::Catcher(at), Some(catcher.next))));
    parts
}

/// Counts over the cases of one program.
pub(crate) struct Tally<'a> {
    program: &'a Program,
    states: HashMap<&'a str, StateId>,
    counts: HashMap<(StateId, Part), u64>,
    exits: HashMap<StateId, u64>,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(program: &'a Program) -> Self {
        let states = (0..).zip(&program.states).map(|(id, state)| (state.name.as_str(), StateId(id))).collect();
        Self { program, states, counts: HashMap::new(), exits: HashMap::new() }
    }

    /// Adds what one execution came by.
    pub(crate) fn add(&mut self, played: &Played) {
        for event in &played.history {
            match &event.what {
                Happening::StateEntered { name, .. } => {
                    let state = self.states[name.as_str()];
                    *self.counts.entry((state, Part::State)).or_default() += 1;
                }
                Happening::StateExited { name, .. } => {
                    *self.exits.entry(self.states[name.as_str()]).or_default() += 1;
                }
                _ => {}
            }
        }
        for way in &played.ways {
            let part = match way.by {
                Decider::Rule(at) => Part::Rule(at),
                Decider::Default => Part::Default,
                Decider::Retrier(at) => Part::Retrier(at),
                Decider::Catcher(at) => Part::Catcher(at),
            };
            *self.counts.entry((way.state, part)).or_default() += 1;
        }
    }

    pub(crate) fn coverage(mut self) -> Coverage {
        let mut points = Vec::new();
        let mut ends = Vec::new();
        let program = self.program;
        for (id, state) in (0..).map(StateId).zip(&program.states) {
            let caught = |(part, _): &(Part, _)| match part {
                Part::Catcher(_) => self.counts.get(&(id, *part)).copied().unwrap_or_default(),
                _ => 0,
            };
            let parts = parts(state);
            // A state that a catcher led out of was left too.
            let caught: u64 = parts.iter().map(caught).sum();
            let on = self.exits.get(&id).copied().unwrap_or_default().saturating_sub(caught);
            self.counts.insert((id, Part::Next), on);
            let is_last = matches!(state.kind, Kind::Succeed | Kind::Fail { .. }) || state.next == Next::End;
            let ended = if matches!(state.kind, Kind::Fail { .. }) {
                self.counts.contains_key(&(id, Part::State))
            } else {
                on > 0
            };
            if is_last && ended && !matches!(state.kind, Kind::Choice { .. }) {
                ends.push((state.name.to_string(), String::new()));
            }
            points.extend(parts.into_iter().map(|(part, target)| Point {
                state: state.name.to_string(),
                part,
                target: target.map(|target| program.states[target.index()].name.to_string()),
                count: self.counts.get(&(id, part)).copied().unwrap_or_default(),
            }));
        }
        let starts = program.branches.iter().filter(|branch| self.counts.contains_key(&(branch.start, Part::State)));
        ends.extend(starts.map(|branch| (String::new(), program.states[branch.start.index()].name.to_string())));
        Coverage { points, ends }
    }
}

impl Coverage {
    /// How many points of a group there are, and how many of them are covered.
    #[must_use]
    pub fn of(&self, group: Group) -> (usize, usize) {
        let points = self.points.iter().filter(|point| point.part.group() == group);
        points.fold((0, 0), |(all, covered), point| (all + 1, covered + usize::from(point.count > 0)))
    }

    /// How much of all points is covered, from 0 to 100. What has no points is covered.
    #[must_use]
    pub fn percent(&self) -> f64 {
        let covered = self.points.len() - self.missing().count();
        percent(self.points.len(), covered)
    }

    /// What no case came by.
    pub fn missing(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|point| point.count == 0)
    }

    /// The coverage, to be drawn on the workflow's picture: what is covered looks as what succeeded, a state that no
    /// case enters as what failed, and one of whose parts some are missing as what was caught; its tooltip names them.
    #[must_use]
    pub fn overlay(&self) -> Overlay {
        let mut overlay = Overlay { transitions: self.ends.iter().cloned().collect(), ..Overlay::default() };
        for points in self.points.chunk_by(|one, other| one.state == other.state) {
            let missing: Vec<String> = points[1..].iter().filter(|point| point.count == 0).map(Point::place).collect();
            let (status, error) = match (points[0].count, missing.as_slice()) {
                (0, _) => (Status::Failed, Some(String::from("no case enters it"))),
                (_, []) => (Status::Succeeded, None),
                (_, missing) => (Status::Caught, Some(format!("not covered: {}", missing.join(", ")))),
            };
            let duration = Some(format!("{}×", points[0].count));
            let run = StateRun { status: Some(status), attempts: 0, duration, error, heat: None };
            overlay.states.insert(points[0].state.clone(), run);
        }
        for point in self.points.iter().filter(|point| point.count > 0) {
            if let Some(target) = &point.target {
                overlay.transitions.insert((point.state.clone(), target.clone()));
            }
        }
        overlay
    }
}

impl Point {
    /// Its place in its state, with where it leads: `Choices/0 to "Ship"`.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.target {
            Some(target) => format!("{} to \"{target}\"", self.part.place()),
            None => self.part.place(),
        }
    }
}

/// A part of a whole, from 0 to 100; all of nothing is all.
pub(crate) fn percent(all: usize, covered: usize) -> f64 {
    if all == 0 { 100.0 } else { covered as f64 * 100.0 / all as f64 }
}

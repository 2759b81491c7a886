//! A definition in, a picture of it out: the states as boxes, what they lead to as lines, and a run drawn on them.
//!
//! [`Graph::read`] makes a [`Graph`] of a definition's text, as far as it goes: a target that does not exist is drawn as
//! a ghost, a state that nothing leads to is drawn apart. [`svg`], [`dot`] and [`mermaid`] (and `png`, with the feature
//! of that name) draw it. All is pure and bounded; the same text gives the same bytes.
//!
//! # Why the layout is our own
//!
//! Kept crates were looked at first. `rust-sugiyama` 0.4 gives points for boxes of one size: no nesting, no labels, no
//! routes. `layout-rs` 0.1 says itself that it has no nested graphs. `ascii-dag` draws text. `dagre` 0.1.2, a port of
//! dagre.js, has nesting, labels and self-loops, but its routes bend in the middle of a layer, so a line beside a tall
//! box cuts the box's corner; a line back enters its target from below; and all lines to one target run side by side.
//! Here a line bends only between layers, so it cannot meet a box or a label; a line back leaves below and enters
//! from above, as all others do; and lines to one target join.
#![forbid(unsafe_code)]

mod condition;
mod coordinates;
mod graph;
mod icons;
mod layered;
mod layout;
mod order;
mod outline;
mod overlay;
#[cfg(feature = "png")]
mod png;
mod ranks;
mod style;
mod svg;
mod text;

pub use fleetstep_asl::Format;
pub use graph::{Edge, EdgeKind, End, Graph, Kind, Scope, ScopeId, State, StateId};
pub use outline::{dot, mermaid};
pub use overlay::{Overlay, StateRun, Status};
#[cfg(feature = "png")]
pub use png::{PNG_PIXELS_MAX, png};
pub use style::{Theme, stylesheet};
pub use svg::{Options, svg};
pub use text::text_width;

/// The most states, ghosts among them, that a picture has.
pub const STATES_DRAWN_MAX: usize = 2_000;

/// The most points that the lines of one level may pass through: what bounds the time of a layout.
pub const WAYPOINTS_MAX: usize = 30_000;

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DrawError {
    /// The text is neither JSON nor YAML, or no object.
    #[error("{0}")]
    Unreadable(String),
    /// More than [`STATES_DRAWN_MAX`] states.
    #[error("a picture has at most {STATES_DRAWN_MAX} states")]
    TooManyStates,
    /// Lines that would pass through more than [`WAYPOINTS_MAX`] points.
    #[error("the lines of this definition are too long to be drawn: more than {WAYPOINTS_MAX} waypoints")]
    TooTangled,
    /// A picture of more than `PNG_PIXELS_MAX` pixels, or a scale that is no positive number.
    #[error("the picture is too large for a PNG: give it a smaller scale, or make it an SVG")]
    TooLarge,
}

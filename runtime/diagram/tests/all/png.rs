//! Pictures in pixels.

use crate::overlay::{graph, run};
use fleetstep_diagram::{DrawError, Options, Overlay, Theme, png, svg};

/// Width and height, which a PNG tells in its first chunk.
fn size(png: &[u8]) -> (u32, u32) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
fn a_png_has_the_size_of_its_picture_times_the_scale() {
    let picture = svg(&graph(), &run(), &Options::default()).unwrap();
    let document = roxmltree::Document::parse(&picture).unwrap();
    let side = |name: &str| document.root_element().attribute(name).unwrap().parse::<u32>().unwrap();
    let pixels = png(&graph(), &run(), &Options::default(), 2.0).unwrap();
    assert_eq!(size(&pixels), (2 * side("width"), 2 * side("height")));
}

#[test]
fn a_png_shows_texts_runs_and_themes() {
    let draw =
        |theme, overlay: &Overlay| png(&graph(), overlay, &Options { theme, ..Options::default() }, 1.0).unwrap();
    let light = draw(Theme::Light, &Overlay::default());
    assert_eq!(light, draw(Theme::Auto, &Overlay::default()));
    assert_ne!(light, draw(Theme::Dark, &Overlay::default()));
    assert_ne!(light, draw(Theme::Light, &run()));
    // Another name of the same width is another picture only if names are drawn.
    let mut renamed = graph();
    renamed.states[0].name = renamed.states[0].name.chars().rev().collect();
    assert_ne!(light, png(&renamed, &Overlay::default(), &Options::default(), 1.0).unwrap());
}

#[test]
fn a_png_is_bounded() {
    for scale in [1_000.0, 0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(png(&graph(), &run(), &Options::default(), scale), Err(DrawError::TooLarge), "{scale}");
    }
}

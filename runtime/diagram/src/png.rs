//! A picture as PNG, with a font that is built in: what fonts a machine has does not change it.

use crate::{DrawError, Graph, Options, Overlay, Theme, svg};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, Tree, fontdb};
use std::sync::{Arc, LazyLock};

/// The most pixels of a PNG: 4 bytes each while it is drawn.
pub const PNG_PIXELS_MAX: u64 = 64_000_000;

/// Noto Sans, under the SIL Open Font License; of scripts it has Latin, Greek and Cyrillic.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(notosans::REGULAR_TTF.to_vec());
    fonts.load_font_data(notosans::BOLD_TTF.to_vec());
    fonts.set_sans_serif_family("Noto Sans");
    Arc::new(fonts)
});

/// Draws as [`svg`](crate::svg()) does, in pixels: `scale` of them for each of the picture's units. Themes whose colours
/// are the reader's are drawn light.
///
/// # Errors
/// [`DrawError::TooTangled`] and [`DrawError::TooLarge`].
pub fn png(graph: &Graph, overlay: &Overlay, options: &Options, scale: f32) -> Result<Vec<u8>, DrawError> {
    let theme = if options.theme == Theme::Dark { Theme::Dark } else { Theme::Light };
    let text = svg(graph, overlay, &Options { theme, ..options.clone() })?;
    let settings =
        usvg::Options { fontdb: FONTS.clone(), font_family: String::from("Noto Sans"), ..usvg::Options::default() };
    let tree = Tree::from_str(&text, &settings).map_err(|_| DrawError::TooLarge)?;
    let side = |length: f32| (length * scale).ceil();
    let (width, height) = (side(tree.size().width()), side(tree.size().height()));
    let pixels = f64::from(width) * f64::from(height);
    if !(pixels >= 1.0 && pixels <= PNG_PIXELS_MAX as f64) {
        return Err(DrawError::TooLarge);
    }
    let mut pixmap = Pixmap::new(width as u32, height as u32).ok_or(DrawError::TooLarge)?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|_| DrawError::TooLarge)
}

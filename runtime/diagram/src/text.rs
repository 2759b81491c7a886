//! How wide a text is, without a font file: widths of a sans-serif face, a little on the wide side.

/// Widths of the characters from space to tilde, in thousandths of the font's size.
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
];

/// Faces differ; the widest common one (DejaVu Sans) is about this much wider than the table.
const WIDE_FACE: f64 = 1.13;

/// How much wider a bold text is.
pub(crate) const BOLD: f64 = 1.07;

/// The width of `text` at `size`, in the unit of `size`.
#[must_use]
pub fn text_width(text: &str, size: f64) -> f64 {
    text.chars().map(char_width).sum::<f64>() * size * WIDE_FACE / 1_000.0
}

fn char_width(c: char) -> f64 {
    match u32::from(c) {
        code @ 0x20..=0x7E => f64::from(WIDTHS[code as usize - 0x20]),
        0x300..=0x36F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0.0,
        0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE4F => 1_112.0,
        0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1_F000..=0x3_FFFD => 1_112.0,
        _ => 720.0,
    }
}

/// `text` as lines of at most `width`, at most `lines_max` of them; what does not fit ends in an ellipsis.
///
/// A line is broken after a blank; within a word only if that is wider than a line, and then after an underscore, a dash,
/// a dot, a slash or a colon, or in front of a capital that follows a small letter, if that is enough.
pub(crate) fn wrap(text: &str, size: f64, width: f64, lines_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    // No more characters than could ever fit are looked at, however long the text is.
    let chars_max = lines_max * (width / size * 5.0) as usize + 8;
    let cut: String = text.chars().map(visible).take(chars_max).collect();
    let mut is_cut = text.chars().nth(chars_max).is_some();
    let fits = |word: &str| text_width(word.trim_end(), size) <= width;
    let words = cut.split_inclusive(' ');
    for piece in words.flat_map(|word| if fits(word) { vec![word] } else { pieces(word) }) {
        if text_width(line.trim_start(), size) + text_width(piece.trim_end(), size) <= width {
            line.push_str(piece);
            continue;
        }
        if !line.trim().is_empty() {
            lines.push(std::mem::take(&mut line).trim().to_owned());
        }
        for c in piece.chars() {
            if text_width(&line, size) + text_width(c.encode_utf8(&mut [0; 4]), size) > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line).trim().to_owned());
            }
            line.push(c);
        }
    }
    if !line.trim().is_empty() {
        lines.push(line.trim().to_owned());
    }
    is_cut |= lines.len() > lines_max;
    lines.truncate(lines_max);
    if is_cut && let Some(last) = lines.last_mut() {
        while text_width(last, size) + text_width("…", size) > width && last.pop().is_some() {}
        last.push('…');
    }
    lines
}

/// `c` as it may stand in a picture: a character that XML or a reader cannot take becomes a sign that tells of it.
pub(crate) fn visible(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => ' ',
        '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => '\u{FFFD}',
        '\u{FFFE}' | '\u{FFFF}' => '\u{FFFD}',
        _ if c.is_control() => '\u{FFFD}',
        _ => c,
    }
}

/// The pieces between which a line may be broken.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let breaks = matches!(before, ' ' | '_' | '-' | '.' | '/' | ':') && c != before
            || before.is_lowercase() && c.is_uppercase();
        if breaks && at > start {
            pieces.push(&text[start..at]);
            start = at;
        }
        before = c;
    }
    pieces.push(&text[start..]);
    pieces
}

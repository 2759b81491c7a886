//! Colours, light and dark, and the rules that use them: one table for pages and for pictures that stand alone.

use crate::graph::Kind;
use crate::overlay::Status;
use std::fmt::Write;

/// Where a picture gets its colours from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// From the picture itself, light or dark as its reader is.
    #[default]
    Auto,
    /// Light, with fixed colours: for readers that know no custom properties.
    Light,
    /// Dark, with fixed colours.
    Dark,
    /// From the page around it, which has [`stylesheet`]: the picture has no style and no background of its own.
    Page,
}

/// A colour: its name, light, dark. In a page it is the custom property `--fs-NAME`.
const COLOURS: [(&str, &str, &str); 34] = [
    ("paper", "#ffffff", "#13161b"),
    ("box", "#ffffff", "#1e232b"),
    ("panel", "#f5f7fa", "#171b21"),
    ("line", "#cfd6df", "#3d4653"),
    ("ink", "#18202c", "#e8ecf2"),
    ("muted", "#5d6878", "#a0abba"),
    ("edge", "#8b97a8", "#728093"),
    ("catch", "#c2540a", "#f59a54"),
    ("taken", "#2160d8", "#76a9fa"),
    ("hot", "#fb7a35", "#d2541b"),
    ("task", "#2160d8", "#76a9fa"),
    ("pass", "#56657a", "#a3b1c6"),
    ("choice", "#a15c07", "#f0b454"),
    ("wait", "#7239d5", "#b79af8"),
    ("succeed", "#12743b", "#5fd08b"),
    ("fail", "#b42318", "#f9877d"),
    ("parallel", "#0b6d8c", "#5cc4e2"),
    ("map", "#0c716a", "#4fcbbd"),
    ("unknown", "#b42318", "#f9877d"),
    ("missing", "#b42318", "#f9877d"),
    ("succeeded", "#178245", "#48b978"),
    ("succeeded-tint", "#effaf3", "#15271d"),
    ("retried", "#97690a", "#dfb03f"),
    ("retried-tint", "#fdf8e8", "#2a2413"),
    ("caught", "#c2540a", "#f59a54"),
    ("caught-tint", "#fff4ea", "#2d2016"),
    ("failed", "#c6281c", "#f4695e"),
    ("failed-tint", "#fef1f0", "#2f1918"),
    ("running", "#2160d8", "#76a9fa"),
    ("running-tint", "#eef4ff", "#172236"),
    ("cancelled", "#56657a", "#a3b1c6"),
    ("cancelled-tint", "#f2f4f7", "#20252d"),
    ("on-status", "#ffffff", "#13161b"),
    ("on-mark", "#ffffff", "#13161b"),
];

/// The font stack: what each system reads best, without faces as wide as DejaVu Sans where there is another.
const FONTS: &str =
    "Inter, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', 'Noto Sans', sans-serif";

/// What is the same for all; `$name` is a colour.
const RULES: &str = "\
.fs-diagram text{font-family:FONTS;fill:$ink}
.fs-paper{fill:$paper}
.fs-box{fill:$box;stroke:$line;stroke-width:1.2}
.fs-panel{fill:$panel;stroke:$line;stroke-width:1;stroke-dasharray:3 3}
.fs-name{font-size:13px;font-weight:600}
.fs-diagram .fs-caption{font-size:10.5px;fill:$muted}
.fs-tile{fill-opacity:.13;stroke:none}
.fs-icon{fill:none;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round}
.fs-edge{fill:none;stroke:$edge;stroke-width:1.4;stroke-linecap:round}
.fs-arrow{fill:$edge;stroke:none}
.fs-edge[data-kind=\"catch\"]{stroke:$catch;stroke-dasharray:5 4}
.fs-arrow[data-kind=\"catch\"]{fill:$catch}
.fs-edge[data-taken=\"true\"]{stroke:$taken;stroke-width:2.4}
.fs-arrow[data-taken=\"true\"]{fill:$taken}
.fs-label-back{fill:$paper}
.fs-label-back[data-inner=\"true\"]{fill:$panel}
.fs-diagram .fs-label{font-size:10.5px;fill:$muted}
.fs-diagram .fs-label[data-kind=\"catch\"]{fill:$catch}
.fs-mark{fill:$muted;stroke:none}
.fs-diagram .fs-mark-text{font-size:11px;font-weight:600;fill:$on-mark}
.fs-state[data-type=\"Missing\"] .fs-box,.fs-state[data-type=\"Unknown\"] .fs-box{stroke:$missing;stroke-dasharray:4 3}
.fs-state[data-unreachable=\"true\"] .fs-box{stroke-dasharray:4 3}
.fs-badge{stroke:none}
.fs-diagram .fs-badge-text{font-size:9.5px;font-weight:600;fill:$on-status}
.fs-sign{fill:none;stroke:$on-status;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
";

/// What only a reader with custom properties and media queries is told.
const RULES_OF_PAGES: &str = "\
.fs-state:focus-visible{outline:none}
.fs-state:focus-visible .fs-box,.fs-state[aria-current=\"true\"] .fs-box{stroke:$taken;stroke-width:2.6}
.fs-state[role=\"button\"]{cursor:pointer}
@media (prefers-reduced-motion:no-preference){
.fs-state[data-status=\"running\"] .fs-box{stroke-dasharray:6 4;animation:fs-run 1s linear infinite}
@keyframes fs-run{to{stroke-dashoffset:-10}}
}
";

/// How many steps of heat there are: `data-heat` is from 0 to this.
pub(crate) const HEAT_STEPS: u32 = 10;
/// How much of a box's colour the greatest heat takes, in parts of a hundred.
const HEAT_SHARE: u32 = 70;

/// The rules for a page that shows pictures of [`Theme::Page`]. The reader's preference decides between light and dark,
/// unless an element around the picture has `data-theme` `light` or `dark`; a page may set the custom properties
/// (`--fs-box`, `--fs-edge` and so on) on `.fs-diagram` itself.
#[must_use]
pub fn stylesheet() -> String {
    let properties = |is_dark: bool| -> String {
        COLOURS.iter().fold(String::new(), |mut text, (name, light, dark)| {
            let _ = write!(text, "--fs-{name}:{};", if is_dark { dark } else { light });
            text
        })
    };
    let (light, dark) = (properties(false), properties(true));
    let rules = rules(&|name| format!("var(--fs-{name})"));
    let of_pages = coloured(RULES_OF_PAGES, &|name| format!("var(--fs-{name})"));
    format!(
        ".fs-diagram{{{light}}}\n@media (prefers-color-scheme:dark){{.fs-diagram{{{dark}}}}}\n\
         [data-theme=\"light\"] .fs-diagram{{{light}}}\n[data-theme=\"dark\"] .fs-diagram{{{dark}}}\n{rules}{of_pages}"
    )
}

/// The rules that a picture has in itself.
pub(crate) fn own_rules(theme: Theme) -> Option<String> {
    match theme {
        Theme::Auto => Some(stylesheet()),
        Theme::Light => Some(rules(&|name| fixed(name, false).to_owned())),
        Theme::Dark => Some(rules(&|name| fixed(name, true).to_owned())),
        Theme::Page => None,
    }
}

fn fixed(name: &str, is_dark: bool) -> &'static str {
    let (_, light, dark) = COLOURS.iter().find(|(known, ..)| *known == name).expect("a colour of the table");
    if is_dark { dark } else { light }
}

fn rules(colour: &dyn Fn(&str) -> String) -> String {
    let mut text = coloured(RULES, colour);
    for kind in Kind::ALL {
        let (kind, colour) = (kind.name(), colour(&kind.name().to_lowercase()));
        let _ = writeln!(text, ".fs-tile[data-type=\"{kind}\"]{{fill:{colour}}}");
        let _ = writeln!(text, ".fs-icon[data-type=\"{kind}\"]{{stroke:{colour}}}");
    }
    for status in Status::ALL.map(Status::name) {
        let (strong, tint) = (colour(status), colour(&format!("{status}-tint")));
        let _ = writeln!(
            text,
            ".fs-state[data-status=\"{status}\"] .fs-box{{stroke:{strong};fill:{tint};stroke-width:1.8}}"
        );
        let _ = writeln!(text, "[data-status=\"{status}\"] .fs-badge{{fill:{strong}}}");
    }
    // Heat is drawn over a status: who asks for it wants to see it.
    for step in 1..=HEAT_STEPS {
        let mixed = mix(&colour("hot"), &colour("box"), step * HEAT_SHARE / HEAT_STEPS);
        let _ = writeln!(text, ".fs-state[data-heat=\"{step}\"] .fs-box{{fill:{mixed}}}");
    }
    text
}

/// `first` and `second` mixed: `share` parts of a hundred are of the first. Colours that are properties the reader mixes.
fn mix(first: &str, second: &str, share: u32) -> String {
    let channels = |colour: &str| u32::from_str_radix(colour.strip_prefix('#')?, 16).ok();
    let (Some(a), Some(b)) = (channels(first), channels(second)) else {
        return format!("color-mix(in srgb,{first} {share}%,{second})");
    };
    let channel = |shift: u32| ((a >> shift & 255) * share + (b >> shift & 255) * (100 - share)) / 100;
    format!("#{:02x}{:02x}{:02x}", channel(16), channel(8), channel(0))
}

/// `text` with each `$name` as its colour.
fn coloured(text: &str, colour: &dyn Fn(&str) -> String) -> String {
    let mut parts = text.split('$');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(part.len());
        out.push_str(&colour(&part[..end]));
        out.push_str(&part[end..]);
    }
    out.replace("FONTS", FONTS)
}

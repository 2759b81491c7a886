//! Paths of routes.

use crate::Problem;

/// The longest path, in bytes.
const PATH_BYTES_MAX: usize = 512;
/// Parameters of one path.
const PARAMETERS_MAX: usize = 16;
/// What a path cannot begin with: the server's own is there, and comes first.
const RESERVED: [&str; 5] = ["v1", "console", "healthz", "readyz", "metrics"];

/// Whether a text can be the path of a route. What parameters look like is the router's to say; see `routes`.
pub(super) fn check(path: &str) -> Result<(), Problem> {
    let problem = |message: &str| Err(Problem::at("/path", message));
    let Some(rest) = path.strip_prefix('/') else { return problem("a path begins with /") };
    if path.len() > PATH_BYTES_MAX {
        return Err(Problem::at("/path", format!("a path has {PATH_BYTES_MAX} bytes at most")));
    }
    let first = rest.split('/').next().unwrap_or_default();
    if first.is_empty() {
        return problem("a path has a name behind the first /");
    }
    if RESERVED.contains(&first) || first.starts_with('~') || is_date(first) {
        return Err(Problem::at("/path", format!("what begins with /{first} is the server's own")));
    }
    if let Some(at) =
        path.find(|c: char| !c.is_ascii_graphic() || matches!(c, '?' | '#' | '%' | '\\' | '"' | '<' | '>'))
    {
        let message =
            "a path has no such character; in a request it may be percent-encoded, and is decoded in parameters";
        return Err(Problem::within("/path", at, message));
    }
    if path.split('/').any(|part| matches!(part, "." | "..")) {
        return problem("clients resolve . and .. in paths before they send them");
    }
    if path.matches('{').count() > PARAMETERS_MAX {
        return Err(Problem::at("/path", format!("a path has {PARAMETERS_MAX} parameters at most")));
    }
    // What it cannot read alone it cannot read among others.
    let read = matchit::Router::new().insert(path, ());
    read.map_err(|error| Problem::at("/path", error.to_string()))
}

/// `2015-03-31`: versions of AWS's REST interfaces.
fn is_date(text: &str) -> bool {
    let shape = b"dddd-dd-dd";
    text.len() == shape.len()
        && text
            .bytes()
            .zip(shape)
            .all(|(byte, shape)| if *shape == b'd' { byte.is_ascii_digit() } else { byte == *shape })
}

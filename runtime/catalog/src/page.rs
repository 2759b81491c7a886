//! Lists come in pages. A page ends with a token that says after which name the next one begins; the list
//! may change in between, and a name that is there all along is listed once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Items of a page when the request names no number.
pub const PAGE_ITEMS_DEFAULT: usize = 100;
/// The most items that a page holds.
pub const PAGE_ITEMS_MAX: usize = 1_000;
/// The longest token that is looked into.
const TOKEN_BYTES_MAX: usize = 1_024;
/// What every token begins with, so that a stray text is told from one of ours.
const TOKEN_PREFIX: &str = "1:";

/// Which part of a list is asked for.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// How many items at most; 0 is [`PAGE_ITEMS_DEFAULT`], more than [`PAGE_ITEMS_MAX`] is that.
    pub items_max: usize,
    /// The token of the page before.
    pub token: Option<String>,
}

/// Part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// In the order of their names.
    pub items: Vec<T>,
    /// What to ask for the next page with; `None` after the last.
    pub next_token: Option<String>,
}

/// The token is none that a page ended with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid Token: '{token}'")]
pub struct InvalidToken {
    /// The token as it came.
    pub token: String,
}

/// The page of `all` that `request` asks for; `name` is what the items are ordered by.
///
/// # Errors
/// A token that is none.
pub fn page<T, N: AsRef<str> + Ord>(
    mut all: Vec<T>,
    name: impl Fn(&T) -> N,
    request: &PageRequest,
) -> Result<Page<T>, InvalidToken> {
    let after = request.token.as_deref().map(decode_token).transpose()?;
    let items_max = match request.items_max {
        0 => PAGE_ITEMS_DEFAULT,
        more => more.min(PAGE_ITEMS_MAX),
    };
    all.retain(|item| after.as_deref().is_none_or(|after| name(item).as_ref() > after));
    all.sort_by_cached_key(&name);
    let more = all.len() > items_max;
    all.truncate(items_max);
    let next_token = all.last().filter(|_| more).map(|last| encode_token(name(last).as_ref()));
    Ok(Page { items: all, next_token })
}

/// The token of a page that ends at `name`.
#[must_use]
pub fn encode_token(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{TOKEN_PREFIX}{name}"))
}

/// What [`encode_token`] was given.
pub fn decode_token(token: &str) -> Result<String, InvalidToken> {
    let invalid = || InvalidToken { token: token.chars().take(80).collect() };
    if token.len() > TOKEN_BYTES_MAX {
        return Err(invalid());
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let text = String::from_utf8(bytes).map_err(|_| invalid())?;
    text.strip_prefix(TOKEN_PREFIX).map(str::to_owned).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(page: &Page<String>) -> Vec<&str> {
        page.items.iter().map(String::as_str).collect()
    }

    #[test]
    fn pages_hold_every_name_once() {
        let all: Vec<String> = ["d", "a", "c", "e", "b"].map(String::from).to_vec();
        let mut request = PageRequest { items_max: 2, token: None };
        let mut seen = Vec::new();
        loop {
            let page = page(all.clone(), String::clone, &request).unwrap();
            assert!(page.items.len() <= 2);
            seen.extend(names(&page).into_iter().map(String::from));
            match page.next_token {
                Some(token) => request.token = Some(token),
                None => break,
            }
        }
        assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn a_name_that_goes_between_pages_is_no_trouble() {
        let request = PageRequest { items_max: 1, token: None };
        let first = page(vec!["a".to_owned(), "b".into()], String::clone, &request).unwrap();
        let request = PageRequest { items_max: 1, token: first.next_token };
        let second = page(vec!["b".to_owned()], String::clone, &request).unwrap();
        assert_eq!((names(&second), second.next_token.as_deref()), (vec!["b"], None));
    }

    #[test]
    fn a_made_up_token_is_refused() {
        let long = "A".repeat(4_000);
        for token in ["", "x", "!!!", "AAAA", "////", "_w", "MTo\u{e9}", &long] {
            let request = PageRequest { items_max: 0, token: Some(token.to_owned()) };
            assert!(page(vec!["a".to_owned()], String::clone, &request).is_err(), "{token}");
        }
    }
}

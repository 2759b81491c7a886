//! Signing in with a bearer token, where the server has keys.

use crate::Answer;
use crate::ask::{COOKIE_NAME, Problem, Visitor};
use crate::page::{Page, Tab};
use http::{HeaderValue, StatusCode};
use maud::html;

/// The longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 512;

/// Asks who it is, before anything is shown.
pub(crate) fn ask(visitor: &Visitor<'_>, problem: &Problem) -> Answer {
    // Who never signed in is not told that something was wrong.
    let Answer::Page(page) = page(visitor, visitor.token().map(|_| problem)) else { unreachable!("it is a page") };
    Answer::Page(Page { status: StatusCode::UNAUTHORIZED, ..page })
}

/// The page with the form.
pub(crate) fn page(visitor: &Visitor<'_>, problem: Option<&Problem>) -> Answer {
    let next = visitor.query("next").unwrap_or_else(|| visitor.head.uri.path().to_owned());
    let form = html! {
        @if let Some(problem) = problem { (crate::explained(problem)) }
        form.card method="post" action="/console/sign-in" {
            label for="token" { "Token" }
            input #token name="token" type="password" autocomplete="current-password" required
                maxlength=(TOKEN_BYTES_MAX) aria-describedby="token-hint";
            p.hint #token-hint { "A bearer token of this server: " code { "fleetstep keys add --token --scopes read" } }
            input type="hidden" name="next" value=(next);
            button.primary { "Sign in" }
        }
    };
    Answer::Page(Page::new("Sign in", Tab::None).with("sign-in", form))
}

/// Keeps the token in a cookie, if the API knows it.
pub(crate) async fn sign_in(visitor: &Visitor<'_>) -> Result<Answer, Problem> {
    let token = visitor.field("token").unwrap_or_default().trim().to_owned();
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b';' | b',' | b'"' | b'\\');
    let is_token = !token.is_empty() && token.len() <= TOKEN_BYTES_MAX && token.bytes().all(is_plain);
    let request = http::Request::builder().uri("/v1/workflows?max_items=1");
    let asked = request.header(http::header::AUTHORIZATION, format!("Bearer {token}")).body(bytes::Bytes::new());
    let status = match asked {
        Ok(asked) if is_token => visitor.api.ask(asked, visitor.remote).await.status(),
        _ => StatusCode::UNAUTHORIZED,
    };
    if status == StatusCode::UNAUTHORIZED {
        let problem = Problem {
            status,
            title: "This token is not known".to_owned(),
            detail: "It may be mistyped, removed, or of another server.".to_owned(),
            diagnostics: Vec::new(),
        };
        let Answer::Page(page) = page(visitor, Some(&problem)) else { unreachable!("it is a page") };
        return Ok(Answer::Page(Page { status, ..page }));
    }
    let next = visitor.field("next").filter(|next| is_own(next)).unwrap_or_else(|| crate::CONSOLE.to_owned());
    let cookie = format!("{COOKIE_NAME}={token}; Path=/console; HttpOnly; SameSite=Strict");
    let cookie = HeaderValue::from_str(&cookie).map_err(|_| Problem::not_found("sign-in"))?;
    Ok(Answer::SetCookie(next, cookie))
}

/// Whether a path is a page of the console, and so nobody is sent elsewhere.
fn is_own(path: &str) -> bool {
    let rest = path.strip_prefix(crate::CONSOLE);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        && !path.contains(['\\', '\r', '\n'])
        && !path.ends_with("/sign-in")
}

/// Forgets the token.
pub(crate) fn sign_out() -> Answer {
    let cookie = format!("{COOKIE_NAME}=; Path=/console; HttpOnly; SameSite=Strict; Max-Age=0");
    let cookie = HeaderValue::from_str(&cookie).expect("a cookie without a value is a header");
    Answer::SetCookie("/console/sign-in".to_owned(), cookie)
}

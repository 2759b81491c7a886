//! What all pages have: the frame, the navigation, regions that may change while one looks.

use crate::shown::visible;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use maud::{DOCTYPE, Markup, html};

/// Nothing is loaded from elsewhere, nothing in a page runs, no other page may hold one of ours.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);

/// Where a page belongs in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Workflows,
    Executions,
    Functions,
    System,
    None,
}

const TABS: [(Tab, &str, &str); 4] = [
    (Tab::Workflows, "/console", "Workflows"),
    (Tab::Executions, "/console/executions", "Executions"),
    (Tab::Functions, "/console/functions", "Functions"),
    (Tab::System, "/console/system", "System"),
];

/// A part of a page.
pub(crate) struct Region {
    /// Its id in the page.
    pub(crate) id: &'static str,
    pub(crate) html: Markup,
    /// Whether it is sent again when it has changed.
    pub(crate) is_live: bool,
}

/// A page.
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) tab: Tab,
    pub(crate) regions: Vec<Region>,
    pub(crate) status: StatusCode,
    /// Whether it goes on changing.
    pub(crate) is_live: bool,
    /// Stands for all that it shows, where that is known before it is rendered.
    pub(crate) mark: Option<String>,
}

impl Page {
    pub(crate) fn new(title: impl Into<String>, tab: Tab) -> Self {
        Self { title: title.into(), tab, regions: Vec::new(), status: StatusCode::OK, is_live: false, mark: None }
    }

    /// With a part that stays as it is.
    pub(crate) fn with(mut self, id: &'static str, html: Markup) -> Self {
        self.regions.push(Region { id, html, is_live: false });
        self
    }

    /// With a part that is sent again when it has changed.
    pub(crate) fn with_live(mut self, id: &'static str, html: Markup) -> Self {
        self.regions.push(Region { id, html, is_live: true });
        self.is_live = true;
        self
    }

    /// One that goes on changing, and has not changed.
    pub(crate) fn unchanged(self) -> Self {
        Self { is_live: true, ..self }
    }

    /// The whole page; `is_signed_in` where there is somebody to sign out.
    pub(crate) fn render(&self, is_signed_in: bool) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (visible(&self.title)) " · Fleetstep" }
                    link rel="stylesheet" href="/console/assets/console.css";
                    link rel="stylesheet" href="/console/assets/diagram.css";
                    link rel="icon" href="/console/assets/icon.svg" type="image/svg+xml";
                    script src="/console/assets/console.js" defer {}
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header.top {
                        a.brand href="/console" { "Fleetstep" }
                        nav aria-label="Pages" {
                            @for (tab, path, name) in TABS {
                                a href=(path) aria-current=[(tab == self.tab).then_some("page")] { (name) }
                            }
                        }
                        @if is_signed_in {
                            form.signout method="post" action="/console/logout" { button.quiet { "Sign out" } }
                        }
                    }
                    main #main data-live=[self.is_live.then_some("true")] {
                        h1 { (visible(&self.title)) }
                        p #live-state .note role="status" hidden {}
                        @for region in &self.regions {
                            section id=(region.id) { (region.html) }
                        }
                    }
                }
            }
        }
    }

    pub(crate) fn response(&self, is_signed_in: bool) -> Response<String> {
        let mut response = Response::new(self.render(is_signed_in).into_string());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        guard(headers);
        response
    }
}

/// The headers that keep a page to itself.
pub(crate) fn guard(headers: &mut http::HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("same-origin"));
}

/// A table that scrolls by itself where it is wider than the page.
pub(crate) fn table(caption: &str, heads: &[&str], rows: &[Vec<Markup>], empty: &str) -> Markup {
    if rows.is_empty() {
        return html! { p.empty { (empty) } };
    }
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption.hidden { (caption) }
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody {
                    @for row in rows {
                        tr { @for (head, cell) in heads.iter().zip(row) { td data-head=(head) { (cell) } } }
                    }
                }
            }
        }
    }
}

/// Terms and what stands for them.
pub(crate) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (term, value) in facts {
                div { dt { (term) } dd { (value) } }
            }
        }
    }
}

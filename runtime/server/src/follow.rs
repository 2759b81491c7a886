//! Executions of a server as they end: asked for again and again, since a server tells of them when it is asked.

use crate::client::{Ask, Client, ClientError};
use crate::commands::executions::{took, workflow_of};
use crate::terminal::{Line, Tone};
use fleetstep_document::Document;
use std::collections::BTreeMap;

/// Executions in one answer.
const PAGE_ITEMS: &str = "1000";
/// Answers of one look; a server remembers no more than these hold.
const PAGES_MAX: usize = 10;
/// Ends that one look tells of; of the others it tells how many they are.
const TOLD_MAX: usize = 50;
/// How far back a look goes, in microseconds: longer than the longest execution, so that none ends unseen.
const WINDOW_MICROS: i64 = 330_000_000;
/// Executions that are known again. Those that began first are forgotten first.
const KNOWN_MAX: usize = 50_000;

/// What has become known of executions since the last look.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// In the order in which they ended, with their errors.
    pub(crate) executions: Vec<Document>,
    /// How many more there were.
    pub(crate) left_out: usize,
}

/// Looks at the executions of a server.
pub(crate) struct Follower {
    client: Client,
    workflow: Option<String>,
    /// By start and ARN: whether its end is known.
    known: BTreeMap<(String, String), bool>,
    /// Those that began before are of no interest any more.
    since: Option<String>,
}

impl Follower {
    pub(crate) fn new(client: Client, workflow: Option<String>) -> Self {
        Self { client, workflow, known: BTreeMap::new(), since: None }
    }

    /// Those that have ended since the last look; at the first, all that are remembered.
    pub(crate) async fn look(&mut self) -> Result<Ended, ClientError> {
        let mut ended = Vec::new();
        let mut token = None::<String>;
        for _ in 0..PAGES_MAX {
            let ask = Ask::get(&["executions"])
                .query("max_items", PAGE_ITEMS)
                .query_if("workflow", self.workflow.as_deref())
                .query_if("since", self.since.as_deref())
                .query_if("token", token.as_deref());
            let page = self.client.document(ask).await?;
            let executions = page.get("executions").and_then(Document::as_array).unwrap_or_default();
            let before = ended.len();
            let news = executions.iter().filter(|execution| self.note(execution)).cloned();
            ended.extend(news);
            token = page.get("nextToken").and_then(Document::as_str).map(str::to_owned);
            // The newest come first: where a whole page is known, what is behind it mostly is.
            let is_known = ended.len() == before && !self.has_running();
            if token.is_none() || is_known {
                break;
            }
        }
        self.forget();
        ended.sort_by(|a, b| text(a, "stopDate").cmp(text(b, "stopDate")));
        let left_out = ended.len().saturating_sub(TOLD_MAX);
        let executions = self.with_errors(ended.split_off(left_out)).await?;
        Ok(Ended { executions, left_out })
    }

    /// Whether an execution is over and was not when it was last seen.
    fn note(&mut self, execution: &Document) -> bool {
        let is_over = text(execution, "status") != "RUNNING";
        let key = (text(execution, "startDate").to_owned(), text(execution, "executionArn").to_owned());
        let was_over = self.known.insert(key, is_over);
        is_over && was_over != Some(true)
    }

    fn has_running(&self) -> bool {
        self.known.values().any(|is_over| !is_over)
    }

    /// Forgets what is too long ago to matter, and what is too much.
    fn forget(&mut self) {
        let Some(((newest, _), _)) = self.known.last_key_value() else { return };
        let window = newest
            .parse::<jiff::Timestamp>()
            .ok()
            .and_then(|newest| jiff::Timestamp::from_microsecond(newest.as_microsecond() - WINDOW_MICROS).ok());
        // As the server writes them, so that texts are in the order of times.
        let mut since = window.map(|window| format!("{window:.3}"));
        while self.known.len() > KNOWN_MAX
            && let Some(((started, _), _)) = self.known.pop_first()
        {
            since = since.max(Some(started));
        }
        if let Some(since) = &since {
            self.known = self.known.split_off(&(since.clone(), String::new()));
        }
        self.since = since.max(self.since.take());
    }

    /// A list has no errors: those that failed are asked for.
    async fn with_errors(&self, ended: Vec<Document>) -> Result<Vec<Document>, ClientError> {
        let mut executions = Vec::with_capacity(ended.len());
        for execution in ended {
            if text(&execution, "status") == "SUCCEEDED" {
                executions.push(execution);
                continue;
            }
            let ask = Ask::get(&["executions", text(&execution, "executionArn")]);
            match self.client.document(ask).await {
                Ok(described) => executions.push(described),
                // It is forgotten already.
                Err(error) if error.status() == Some(404) => executions.push(execution),
                Err(error) => return Err(error),
            }
        }
        Ok(executions)
    }
}

/// The end of an execution in a line.
pub(crate) fn line(execution: &Document) -> Line {
    let status = text(execution, "status");
    let mut line = Line::default()
        .with(Tone::of_status(status), format_args!("{status:<9}"))
        .with(Tone::Strong, format_args!("  {}", workflow_of(execution)))
        .with(Tone::Plain, format_args!("  {:>8}", took(execution).unwrap_or_default()))
        .with(Tone::Quiet, format_args!("  {}", text(execution, "name")));
    for (member, before, tone) in [("error", "  ", Tone::Bad), ("cause", ": ", Tone::Plain)] {
        if let Some(value) = execution.get(member).and_then(Document::as_str) {
            line = line.with(tone, format_args!("{before}{value}"));
        }
    }
    line
}

fn text<'a>(document: &'a Document, member: &str) -> &'a str {
    document.get(member).and_then(Document::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follower() -> Follower {
        Follower::new(Client::new("http://127.0.0.1:1", None).unwrap(), None)
    }

    fn execution(started: &str, arn: &str, status: &str) -> Document {
        let text = format!(r#"{{"startDate":"{started}","executionArn":"{arn}","status":"{status}"}}"#);
        Document::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn an_execution_is_told_of_once_it_is_over_and_once() {
        let mut follower = follower();
        let told = [
            ("a", "RUNNING"),
            ("a", "RUNNING"),
            ("b", "FAILED"),
            ("a", "SUCCEEDED"),
            ("a", "SUCCEEDED"),
            ("b", "FAILED"),
        ]
        .map(|(arn, status)| follower.note(&execution("2026-11-22T16:10:37.000Z", arn, status)));
        assert_eq!(told, [false, false, true, true, false, false]);
        assert!(!follower.has_running());
    }

    #[test]
    fn what_is_longer_ago_than_any_execution_lasts_is_forgotten() {
        let mut follower = follower();
        for started in ["2026-11-22T16:00:00.000Z", "2026-11-22T16:05:10.000Z", "2026-11-22T16:10:37.500Z"] {
            follower.note(&execution(started, started, "SUCCEEDED"));
        }
        follower.forget();
        assert_eq!(follower.since.as_deref(), Some("2026-11-22T16:05:07.500Z"));
        assert_eq!(follower.known.len(), 2);
    }

    #[test]
    fn no_more_than_a_bound_is_known() {
        let mut follower = follower();
        for number in 0..KNOWN_MAX + 7 {
            follower.note(&execution("2026-11-22T16:10:37.000Z", &format!("{number:06}"), "SUCCEEDED"));
        }
        follower.forget();
        assert!(follower.known.len() <= KNOWN_MAX);
        assert_eq!(follower.since.as_deref(), Some("2026-11-22T16:10:37.000Z"));
    }
}

//! Of a running server: the log of a function, and executions as they end.

use super::Logs;
use crate::client::{Ask, Client, ClientError};
use crate::follow::{self, Follower};
use crate::terminal::{self, Line, Tone, json, progress};
use anyhow::Result;
use fleetstep_document::Document;
use std::time::Duration;

/// How often a server is asked again.
const INTERVAL: Duration = Duration::from_millis(500);
/// How often, where it does not answer.
const INTERVAL_UNANSWERED: Duration = Duration::from_secs(2);
/// Executions that are shown of those that were over before.
const EARLIER_MAX: usize = 20;

impl Logs {
    /// The lines of a function's log.
    pub(super) fn print_function(&self, function: &str) -> Result<()> {
        let client = self.server.client()?;
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        tokio.block_on(async {
            let mut before = lines(&client, function).await?;
            before.iter().for_each(|line| self.print_line(line));
            while self.follow && !terminal::is_closed() {
                tokio::time::sleep(INTERVAL).await;
                let now = insisting(&client, || lines(&client, function)).await?;
                now[news(&before, &now)..].iter().for_each(|line| self.print_line(line));
                before = now;
            }
            Ok(())
        })
    }

    fn print_line(&self, line: &Document) {
        let text = |member| line.get(member).and_then(Document::as_str).unwrap_or_default();
        if self.execution.as_deref().is_some_and(|wanted| wanted != text("executionArn")) {
            return;
        }
        if self.json {
            json(&line.to_json());
            return;
        }
        let level = text("level");
        let tone = match level {
            "ERROR" | "CRITICAL" => Tone::Bad,
            "WARN" => Tone::Careful,
            _ => Tone::Plain,
        };
        let line = Line::default().with(Tone::Quiet, text("at")).with(tone, format_args!("  {level:<5}  "));
        line.with(Tone::Plain, text("text")).result();
    }

    /// The latest executions that are over, the last one last.
    pub(super) fn print_executions(&self) -> Result<()> {
        let client = self.server.client()?;
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        tokio.block_on(async {
            let mut follower = Follower::new(client.clone(), self.workflow.clone());
            let earlier = follower.look().await?.executions;
            earlier[earlier.len().saturating_sub(EARLIER_MAX)..].iter().for_each(|execution| self.print_end(execution));
            while self.follow && !terminal::is_closed() {
                tokio::time::sleep(INTERVAL).await;
                let ended = match follower.look().await {
                    Ok(ended) => ended,
                    Err(error) => {
                        wait_for(&client, error).await?;
                        continue;
                    }
                };
                if ended.left_out > 0 {
                    progress(format_args!("{} more ended", ended.left_out));
                }
                ended.executions.iter().for_each(|execution| self.print_end(execution));
            }
            Ok(())
        })
    }

    fn print_end(&self, execution: &Document) {
        if self.json {
            json(&execution.to_json());
        } else {
            follow::line(execution).result();
        }
    }
}

/// The lines that a function's log has, the newest last.
async fn lines(client: &Client, function: &str) -> Result<Vec<Document>, ClientError> {
    let log = client.document(Ask::get(&["functions", function, "logs"])).await?;
    Ok(log.get("lines").and_then(Document::as_array).map(<[Document]>::to_vec).unwrap_or_default())
}

/// Where in `now` the lines begin that were not there `before`: lines have no number, so that the most of the end of what
/// was there is looked for which is a beginning of what is.
fn news(before: &[Document], now: &[Document]) -> usize {
    let longest = before.len().min(now.len());
    (0..=longest).rev().find(|length| before[before.len() - length..] == now[..*length]).unwrap_or_default()
}

/// Asks until there is an answer, if a server that went away may come back.
async fn insisting<T, F: Future<Output = Result<T, ClientError>>>(client: &Client, ask: impl Fn() -> F) -> Result<T> {
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => wait_for(client, error).await?,
        }
    }
}

/// Waits until a server can be reached again. What it refuses, it will refuse again.
async fn wait_for(client: &Client, error: ClientError) -> Result<()> {
    if !matches!(error, ClientError::Unreachable { .. } | ClientError::Unanswered { .. }) {
        return Err(error.into());
    }
    progress(format_args!("{} does not answer; waiting for it", client.endpoint()));
    loop {
        tokio::time::sleep(INTERVAL_UNANSWERED).await;
        match client.send(Ask::get(&["executions"]).query("max_items", "1")).await {
            Err(ClientError::Unreachable { .. } | ClientError::Unanswered { .. }) => {}
            // Whatever it says, it is there.
            _ => {
                progress(format_args!("{} answers again", client.endpoint()));
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_log_that_are_new_are_behind_those_that_were_there() {
        let lines = |texts: &str| texts.chars().map(|text| Document::from(text.to_string())).collect::<Vec<_>>();
        for (before, now, since) in [
            ("", "abc", 0),
            ("abc", "abc", 3),
            ("abc", "abcd", 3),
            ("abc", "bcd", 2),
            ("abc", "xyz", 0),
            ("aa", "aaa", 2),
            ("abc", "", 0),
        ] {
            assert_eq!(news(&lines(before), &lines(now)), since, "{before} {now}");
        }
    }
}

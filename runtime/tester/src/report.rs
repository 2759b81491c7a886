//! What came of a suite: for a person, as JSON, and as JUnit's XML.

use crate::coverage::percent;
use crate::{Coverage, Exploration, Group, Part};
use fleetstep_document::{Document, ObjectBuilder, neutral};
use std::fmt::Write;
use std::time::Duration;

/// What came of a suite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// By workflow.
    pub workflows: Vec<WorkflowReport>,
}

/// What came of one workflow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkflowReport {
    /// Its name.
    pub name: String,
    /// Why its definition cannot be run, if it cannot.
    pub problem: Option<String>,
    /// Its cases, by name.
    pub cases: Vec<CaseReport>,
    /// What the cases came by, if the definition can be run.
    pub coverage: Option<Coverage>,
    /// What exploring found, if it was asked for.
    pub exploration: Option<Exploration>,
}

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// What was not as expected; nothing for a case that passed.
    pub problems: Vec<String>,
    /// How long the execution took, in virtual time.
    pub duration: Duration,
}

impl Report {
    /// Whether at least one case ran, and everything was as expected. What exploring found does not matter here.
    #[must_use]
    pub fn passed(&self) -> bool {
        let is_good = |workflow: &WorkflowReport| workflow.problem.is_none() && workflow.failed() == 0;
        self.workflows.iter().any(|workflow| !workflow.cases.is_empty()) && self.workflows.iter().all(is_good)
    }

    /// Whether exploring found anything.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        let mut explorations = self.workflows.iter().filter_map(|workflow| workflow.exploration.as_ref());
        explorations.any(|exploration| !exploration.findings.is_empty())
    }

    /// How much of all workflows is covered, from 0 to 100. A definition that cannot be run is not covered at all.
    #[must_use]
    pub fn coverage_percent(&self) -> f64 {
        let points = self.workflows.iter().map(|workflow| match &workflow.coverage {
            Some(coverage) => (coverage.points.len(), coverage.points.len() - coverage.missing().count()),
            None => (1, 0),
        });
        let (all, covered) = points.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        percent(all, covered)
    }

    /// The report as a person reads it. It does nothing to a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        for workflow in &self.workflows {
            // Writing to a string cannot fail.
            let _ = workflow.write_text(&mut out);
        }
        let (cases, failed) = self.counts();
        let passed = cases - failed;
        let _ = writeln!(out, "{passed} of {cases} cases passed, {:.1} % covered", self.coverage_percent());
        neutral(&out).to_string()
    }

    fn counts(&self) -> (usize, usize) {
        self.workflows.iter().fold((0, 0), |(all, failed), one| (all + one.cases.len(), failed + one.failed()))
    }

    /// The report as a JSON text.
    #[must_use]
    pub fn json(&self) -> String {
        let workflows: Vec<Document> = self.workflows.iter().map(WorkflowReport::document).collect();
        let report = ObjectBuilder::with_capacity(3)
            .with("passed", self.passed())
            .with("coveragePercent", self.coverage_percent())
            .with("workflows", workflows);
        report.build().to_json()
    }

    /// The report as JUnit's XML. Its times are virtual, as a property says.
    #[must_use]
    pub fn junit(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let _ = self.write_junit(&mut out);
        out
    }

    fn write_junit(&self, out: &mut String) -> std::fmt::Result {
        let (cases, failed) = self.counts();
        let errors = self.workflows.iter().filter(|workflow| workflow.problem.is_some()).count();
        let tests = cases + errors;
        writeln!(out, "<testsuites tests=\"{tests}\" failures=\"{failed}\" errors=\"{errors}\">")?;
        for workflow in &self.workflows {
            workflow.write_junit(out)?;
        }
        writeln!(out, "</testsuites>")
    }
}

impl WorkflowReport {
    /// How many of the cases did not pass.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.problems.is_empty()).count()
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{}", self.name)?;
        if let Some(problem) = &self.problem {
            writeln!(out, "  FAIL  {}", problem.replace('\n', "\n        "))?;
        }
        let width = self.cases.iter().map(|case| case.name.chars().count()).max().unwrap_or_default();
        for CaseReport { name, problems, duration } in &self.cases {
            let word = if problems.is_empty() { "ok  " } else { "FAIL" };
            let pad = " ".repeat(width - name.chars().count());
            writeln!(out, "  {word}  {name}{pad}  {:>8.3} s virtual", duration.as_secs_f64())?;
            for problem in problems {
                writeln!(out, "        {}", problem.replace('\n', "\n        "))?;
            }
        }
        if let Some(coverage) = &self.coverage {
            write_coverage(coverage, out)?;
        }
        if let Some(exploration) = &self.exploration {
            write_exploration(exploration, out)?;
        }
        writeln!(out)
    }

    fn write_junit(&self, out: &mut String) -> std::fmt::Result {
        let errors = usize::from(self.problem.is_some());
        let (name, failed, tests) = (escaped(&self.name), self.failed(), self.cases.len() + errors);
        let seconds: f64 = self.cases.iter().map(|case| case.duration.as_secs_f64()).sum();
        let counts = format!("tests=\"{tests}\" failures=\"{failed}\" errors=\"{errors}\"");
        writeln!(out, "  <testsuite name=\"{name}\" {counts} time=\"{seconds:.3}\">")?;
        writeln!(out, "    <properties>\n      <property name=\"clock\" value=\"virtual\"/>")?;
        if let Some(coverage) = &self.coverage {
            writeln!(out, "      <property name=\"coverage.percent\" value=\"{:.1}\"/>", coverage.percent())?;
        }
        writeln!(out, "    </properties>")?;
        if let Some(problem) = &self.problem {
            writeln!(out, "    <testcase classname=\"{name}\" name=\"definition\" time=\"0.000\">")?;
            writeln!(out, "      <error message=\"{}\"/>\n    </testcase>", escaped(problem))?;
        }
        for case in &self.cases {
            let seconds = case.duration.as_secs_f64();
            write!(out, "    <testcase classname=\"{name}\" name=\"{}\" time=\"{seconds:.3}\"", escaped(&case.name))?;
            match case.problems.first() {
                None => writeln!(out, "/>")?,
                Some(first) => {
                    let all = escaped(&case.problems.join("\n"));
                    writeln!(out, ">\n      <failure message=\"{}\">{all}</failure>\n    </testcase>", escaped(first))?;
                }
            }
        }
        writeln!(out, "  </testsuite>")
    }

    fn document(&self) -> Document {
        let cases = self.cases.iter().map(|case| {
            ObjectBuilder::with_capacity(4)
                .with("name", case.name.as_str())
                .with("passed", case.problems.is_empty())
                .with("virtualSeconds", case.duration.as_secs_f64())
                .with("problems", texts(&case.problems))
                .build()
        });
        let mut workflow = ObjectBuilder::with_capacity(5)
            .with("name", self.name.as_str())
            .with("cases", cases.collect::<Vec<Document>>());
        if let Some(problem) = &self.problem {
            workflow.push("problem", problem.as_str());
        }
        if let Some(coverage) = &self.coverage {
            workflow.push("coverage", coverage_document(coverage));
        }
        if let Some(exploration) = &self.exploration {
            workflow.push("exploration", exploration_document(exploration));
        }
        workflow.build()
    }
}

fn write_coverage(coverage: &Coverage, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n  coverage     covered   of        %")?;
    for group in Group::ALL {
        let (all, covered) = coverage.of(group);
        writeln!(out, "  {:<11}  {covered:>7} {all:>4}  {:>6.1}", group.name(), percent(all, covered))?;
    }
    let (all, missing) = (coverage.points.len(), coverage.missing().count());
    writeln!(out, "  {:<11}  {:>7} {all:>4}  {:>6.1}", "all", all - missing, coverage.percent())?;
    for point in coverage.missing() {
        let place = if point.part == Part::State { String::from("never entered") } else { point.place() };
        writeln!(out, "  not covered: \"{}\" {place}", point.state)?;
    }
    Ok(())
}

fn write_exploration(exploration: &Exploration, out: &mut String) -> std::fmt::Result {
    let Exploration { runs, findings, unmocked, is_cut_off } = exploration;
    writeln!(out, "\n  explored: {runs} executions, {} findings", findings.len())?;
    for finding in findings {
        writeln!(out, "  {finding}")?;
    }
    for state in unmocked {
        writeln!(out, "  not judged: \"{state}\" was reached, and no case mocks it")?;
    }
    if *is_cut_off {
        writeln!(out, "  not all was played: this is as far as exploring goes")?;
    }
    Ok(())
}

fn coverage_document(coverage: &Coverage) -> Document {
    let mut document = ObjectBuilder::with_capacity(6).with("percent", coverage.percent());
    for group in Group::ALL {
        let (all, covered) = coverage.of(group);
        let counts = ObjectBuilder::with_capacity(2).with("all", all as i64).with("covered", covered as i64);
        document.push(group.name(), counts.build());
    }
    let points = coverage.points.iter().map(|point| {
        let mut entry = ObjectBuilder::with_capacity(4).with("state", point.state.as_str());
        entry.push("part", point.part.place());
        if let Some(target) = &point.target {
            entry.push("target", target.as_str());
        }
        entry.with("count", i64::try_from(point.count).unwrap_or(i64::MAX)).build()
    });
    document.with("points", points.collect::<Vec<Document>>()).build()
}

fn exploration_document(exploration: &Exploration) -> Document {
    let findings = exploration.findings.iter().map(|finding| {
        ObjectBuilder::with_capacity(5)
            .with("kind", finding.kind.name())
            .with("state", finding.state.as_str())
            .with("errors", texts(&finding.errors))
            .with("consequence", finding.consequence.as_str())
            .with("example", finding.example.as_str())
            .build()
    });
    ObjectBuilder::with_capacity(4)
        .with("runs", exploration.runs as i64)
        .with("findings", findings.collect::<Vec<Document>>())
        .with("unmocked", texts(&exploration.unmocked))
        .with("isCutOff", exploration.is_cut_off)
        .build()
}

fn texts(texts: &[String]) -> Vec<Document> {
    texts.iter().map(|text| Document::from(text.as_str())).collect()
}

/// A text as XML 1.0 may hold it, in an attribute too. Characters that it may not hold at all become U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

//! A definition that was found right, made into a program.

use crate::Compiled;
use crate::resource::{self, Resource};
use crate::source::Node;
use fleetstep_document::Document;
use fleetstep_expr::{CompileError, Condition, Expr, Operator, ReferencePath, TemplateError, VariableNames};
use fleetstep_machine::{
    Branch, BranchId, Catcher, ErrorPattern, Kind, Map, Next, Parallel, Placement, Program, Retrier, Rule, Settle,
    State, StateId, Task, TaskId, Until,
};
use std::collections::HashMap;
use std::time::Duration;

/// Something that the checks should have found. Its text is for whoever mends them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Defect {
    #[error("'{0}' is missing or has the wrong type")]
    Field(&'static str),
    #[error("there is no state '{0}'")]
    Target(String),
    #[error(transparent)]
    Expression(#[from] CompileError),
    #[error(transparent)]
    Template(#[from] TemplateError),
}

type Lowered<T> = Result<T, Defect>;

/// The program of the definition `root`, which has passed the checks.
pub(crate) fn lower(root: &Node) -> Lowered<Compiled> {
    let mut lowering = Lowering { states: Vec::new(), branches: Vec::new(), resources: Vec::new() };
    let root_branch = lowering.branch(root)?;
    let task_count = u32::try_from(lowering.resources.len()).map_err(|_| Defect::Field("States"))?;
    let program = Program {
        states: lowering.states.into_iter().map(|state| state.expect("every place was taken")).collect(),
        branches: lowering.branches.into(),
        root: root_branch,
        task_count,
        timeout: seconds(root, "TimeoutSeconds")?,
        variables: Box::default(),
    };
    Ok(Compiled { program, resources: lowering.resources })
}

struct Lowering {
    /// `None` while a state's place is taken but the state is not there yet.
    states: Vec<Option<State>>,
    branches: Vec<Branch>,
    resources: Vec<Resource>,
}

/// The states of a list by name.
type Names<'a> = HashMap<&'a str, StateId>;

impl Lowering {
    fn branch(&mut self, node: &Node) -> Lowered<BranchId> {
        let entries = required(node, "States")?.entries();
        let names: Names<'_> = entries
            .iter()
            .map(|entry| {
                self.states.push(None);
                (entry.key.as_str(), StateId(self.states.len() as u32 - 1))
            })
            .collect();
        let branch = BranchId(self.branches.len() as u32);
        self.branches.push(Branch { start: target(node, "StartAt", &names)? });
        for entry in entries {
            let state = self.state(&entry.key, &entry.value, &names)?;
            self.states[names[entry.key.as_str()].index()] = Some(state);
        }
        Ok(branch)
    }

    fn state(&mut self, name: &str, node: &Node, names: &Names<'_>) -> Lowered<State> {
        let kind = match text(node, "Type")? {
            "Pass" => pass(node)?,
            "Task" => Kind::Task(self.task(node, names)?),
            "Choice" => choice(node, names)?,
            "Wait" => Kind::Wait(wait(node)?),
            "Parallel" => Kind::Parallel(self.parallel(node, names)?),
            "Map" => Kind::Map(self.map(node, names)?),
            "Succeed" => Kind::Succeed,
            "Fail" => {
                Kind::Fail { error: message(node, "Error", "ErrorPath")?, cause: message(node, "Cause", "CausePath")? }
            }
            _ => return Err(Defect::Field("Type")),
        };
        Ok(State {
            name: name.into(),
            input: filter(node, "InputPath")?,
            kind,
            assign: Box::default(),
            output: filter(node, "OutputPath")?,
            next: if node.get("Next").is_some() { Next::State(target(node, "Next", names)?) } else { Next::End },
        })
    }

    fn task(&mut self, node: &Node, names: &Names<'_>) -> Lowered<Task> {
        let parsed = resource::parse(text(node, "Resource")?).map_err(|_| Defect::Field("Resource"))?;
        let task = TaskId(self.resources.len() as u32);
        self.resources.push(parsed.resource);
        Ok(Task {
            task,
            arguments: template(node, "Parameters")?,
            timeout: value_or_path(node, "TimeoutSeconds", "TimeoutSecondsPath")?,
            heartbeat: value_or_path(node, "HeartbeatSeconds", "HeartbeatSecondsPath")?,
            settle: settle(node)?,
            retry: retry(node)?,
            catch: catch(node, names)?,
        })
    }

    fn parallel(&mut self, node: &Node, names: &Names<'_>) -> Lowered<Parallel> {
        let branches = required(node, "Branches")?.elements();
        Ok(Parallel {
            arguments: template(node, "Parameters")?,
            branches: branches.iter().map(|branch| self.branch(branch)).collect::<Lowered<_>>()?,
            settle: settle(node)?,
            retry: retry(node)?,
            catch: catch(node, names)?,
        })
    }

    fn map(&mut self, node: &Node, names: &Names<'_>) -> Lowered<Map> {
        let processor = match node.get("ItemProcessor") {
            Some(processor) => processor,
            None => required(node, "Iterator")?,
        };
        let selector = if node.get("ItemSelector").is_some() { "ItemSelector" } else { "Parameters" };
        Ok(Map {
            items: Expr::path(node.text_of("ItemsPath").unwrap_or("$"), "ItemsPath", &mut VariableNames::default())?,
            item_selector: template(node, selector)?,
            processor: self.branch(processor)?,
            max_concurrency: value_or_path(node, "MaxConcurrency", "MaxConcurrencyPath")?,
            tolerated_failure_count: value_or_path(node, "ToleratedFailureCount", "ToleratedFailureCountPath")?,
            tolerated_failure_percentage: value_or_path(
                node,
                "ToleratedFailurePercentage",
                "ToleratedFailurePercentagePath",
            )?,
            settle: settle(node)?,
            retry: retry(node)?,
            catch: catch(node, names)?,
        })
    }
}

fn pass(node: &Node) -> Lowered<Kind> {
    Ok(Kind::Pass {
        arguments: template(node, "Parameters")?,
        result: node.get("Result").map(|result| Expr::literal(result.to_document())),
        settle: settle(node)?,
    })
}

fn wait(node: &Node) -> Lowered<Until> {
    if let Some(seconds) = value_or_path(node, "Seconds", "SecondsPath")? {
        return Ok(Until::Seconds(seconds));
    }
    let timestamp = value_or_path(node, "Timestamp", "TimestampPath")?;
    Ok(Until::Timestamp(timestamp.ok_or(Defect::Field("Timestamp"))?))
}

fn choice(node: &Node, names: &Names<'_>) -> Lowered<Kind> {
    let rules = required(node, "Choices")?.elements().iter().map(|rule| {
        Ok(Rule {
            condition: Expr::condition(condition(rule)?),
            next: target(rule, "Next", names)?,
            assign: Box::default(),
            output: None,
        })
    });
    Ok(Kind::Choice {
        rules: rules.collect::<Lowered<_>>()?,
        default: node.get("Default").map(|_| target(node, "Default", names)).transpose()?,
    })
}

fn condition(node: &Node) -> Lowered<Condition> {
    let all = |list: &Node| list.elements().iter().map(condition).collect::<Lowered<Box<[_]>>>();
    for entry in node.entries() {
        match entry.key.as_str() {
            "And" => return Ok(Condition::And(all(&entry.value)?)),
            "Or" => return Ok(Condition::Or(all(&entry.value)?)),
            "Not" => return Ok(Condition::Not(Box::new(condition(&entry.value)?))),
            name => {
                if let Some(operator) = Operator::named(name) {
                    let variable = text(node, "Variable")?;
                    return Ok(Condition::compare(
                        operator,
                        variable,
                        &entry.value.to_document(),
                        &mut VariableNames::default(),
                    )?);
                }
            }
        }
    }
    Err(Defect::Field("Choices"))
}

fn settle(node: &Node) -> Lowered<Settle> {
    Ok(Settle { selector: template(node, "ResultSelector")?, placement: placement(node)? })
}

fn placement(node: &Node) -> Lowered<Placement> {
    let Some(path) = node.get("ResultPath") else { return Ok(Placement::Replace) };
    if path.is_null() {
        return Ok(Placement::Discard);
    }
    let path = ReferencePath::parse(text(node, "ResultPath")?, "ResultPath")?;
    Ok(if path.is_root() { Placement::Replace } else { Placement::At(path) })
}

fn retry(node: &Node) -> Lowered<Box<[Retrier]>> {
    let retriers = node.get("Retry").map_or(&[][..], Node::elements).iter().map(|retrier| {
        let max_attempts = retrier.get("MaxAttempts").map_or(Some(3), Node::as_i64);
        let backoff_rate = retrier.get("BackoffRate").map_or(Some(2.0), Node::as_f64);
        Ok(Retrier {
            errors: errors(retrier)?,
            interval: seconds(retrier, "IntervalSeconds")?.unwrap_or(Duration::from_secs(1)),
            max_attempts: max_attempts.and_then(|max| u32::try_from(max).ok()).ok_or(Defect::Field("MaxAttempts"))?,
            backoff_rate: backoff_rate.ok_or(Defect::Field("BackoffRate"))?,
            max_delay: seconds(retrier, "MaxDelaySeconds")?,
            full_jitter: retrier.text_of("JitterStrategy") == Some("FULL"),
        })
    });
    retriers.collect()
}

fn catch(node: &Node, names: &Names<'_>) -> Lowered<Box<[Catcher]>> {
    let catchers = node.get("Catch").map_or(&[][..], Node::elements).iter().map(|catcher| {
        Ok(Catcher {
            errors: errors(catcher)?,
            output: None,
            placement: placement(catcher)?,
            assign: Box::default(),
            next: target(catcher, "Next", names)?,
        })
    });
    catchers.collect()
}

fn errors(node: &Node) -> Lowered<Box<[ErrorPattern]>> {
    let names = required(node, "ErrorEquals")?.elements().iter().map(|name| match name.as_text() {
        Some("States.ALL") => Ok(ErrorPattern::All),
        Some("States.TaskFailed") => Ok(ErrorPattern::TaskFailed),
        Some(name) => Ok(ErrorPattern::Name(name.into())),
        None => Err(Defect::Field("ErrorEquals")),
    });
    names.collect()
}

/// `InputPath` or `OutputPath`. `$` changes nothing, `null` gives an empty object.
fn filter(node: &Node, field: &'static str) -> Lowered<Option<Expr>> {
    match node.get(field) {
        None => Ok(None),
        Some(path) if path.is_null() => Ok(Some(Expr::literal(Document::empty_object()))),
        Some(_) => match text(node, field)? {
            "$" => Ok(None),
            path => Ok(Some(Expr::path(path, field, &mut VariableNames::default())?)),
        },
    }
}

/// `Error` or `Cause`, written out or as a path.
fn message(node: &Node, field: &'static str, path_field: &'static str) -> Lowered<Option<Expr>> {
    if node.get(path_field).is_some() {
        return Ok(Some(Expr::path_or_intrinsic(text(node, path_field)?, path_field, &mut VariableNames::default())?));
    }
    Ok(node.get(field).map(|value| Expr::literal(value.to_document())))
}

/// A field that is written out or has a `…Path` form.
fn value_or_path(node: &Node, field: &'static str, path_field: &'static str) -> Lowered<Option<Expr>> {
    if node.get(path_field).is_some() {
        return Ok(Some(Expr::path(text(node, path_field)?, path_field, &mut VariableNames::default())?));
    }
    Ok(node.get(field).map(|value| Expr::literal(value.to_document())))
}

fn template(node: &Node, field: &'static str) -> Lowered<Option<Expr>> {
    Ok(node
        .get(field)
        .map(|template| Expr::template(&template.to_document(), &mut VariableNames::default()))
        .transpose()?)
}

fn seconds(node: &Node, field: &'static str) -> Lowered<Option<Duration>> {
    let Some(value) = node.get(field) else { return Ok(None) };
    let seconds = value.as_i64().and_then(|seconds| u64::try_from(seconds).ok());
    Ok(Some(Duration::from_secs(seconds.ok_or(Defect::Field(field))?)))
}

fn target(node: &Node, field: &'static str, names: &Names<'_>) -> Lowered<StateId> {
    let name = text(node, field)?;
    names.get(name).copied().ok_or_else(|| Defect::Target(String::from(name)))
}

fn text<'a>(node: &'a Node, field: &'static str) -> Lowered<&'a str> {
    node.text_of(field).ok_or(Defect::Field(field))
}

fn required<'a>(node: &'a Node, field: &'static str) -> Lowered<&'a Node> {
    node.get(field).ok_or(Defect::Field(field))
}

//! A definition that was found right, made into a program.

mod fields;

use crate::Compiled;
use crate::fields::QueryLanguage;
use crate::resource::{self, Pattern, Resource};
use crate::source::Node;
use fields::Fields;
use fleetstep_expr::{CompileError, Expr, TemplateError, VariableNames};
use fleetstep_machine::{
    Branch, BranchId, Catcher, ErrorPattern, Kind, Map, Next, Parallel, Program, Retrier, Rule, State, StateId, Task,
    TaskId, Until, Waits,
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
    let mut lowering = Lowering {
        language: QueryLanguage::of(root).unwrap_or(QueryLanguage::JsonPath),
        states: Vec::new(),
        branches: Vec::new(),
        resources: Vec::new(),
        names: VariableNames::default(),
    };
    let root_branch = lowering.branch(root)?;
    let task_count = u32::try_from(lowering.resources.len()).map_err(|_| Defect::Field("States"))?;
    let program = Program {
        states: lowering.states.into_iter().map(|state| state.expect("every place was taken")).collect(),
        branches: lowering.branches.into(),
        root: root_branch,
        task_count,
        timeout: seconds(root, "TimeoutSeconds")?,
        variables: lowering.names.names().into(),
    };
    Ok(Compiled { program, resources: lowering.resources })
}

struct Lowering {
    /// The language of states that name none.
    language: QueryLanguage,
    /// `None` while a state's place is taken but the state is not there yet.
    states: Vec<Option<State>>,
    branches: Vec<Branch>,
    resources: Vec<Resource>,
    /// The variables that were met so far.
    names: VariableNames,
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

    fn fields<'a>(&mut self, node: &'a Node) -> Fields<'a, '_> {
        Fields::of(node, QueryLanguage::of(node).unwrap_or(self.language), &mut self.names)
    }

    fn state(&mut self, name: &str, node: &Node, names: &Names<'_>) -> Lowered<State> {
        let kind = match text(node, "Type")? {
            "Pass" => pass(&mut self.fields(node))?,
            "Task" => Kind::Task(self.task(node, names)?),
            "Choice" => choice(&mut self.fields(node), names)?,
            "Wait" => Kind::Wait(wait(&mut self.fields(node))?),
            "Parallel" => Kind::Parallel(self.parallel(node, names)?),
            "Map" => Kind::Map(self.map(node, names)?),
            "Succeed" => Kind::Succeed,
            "Fail" => fail(&mut self.fields(node))?,
            _ => return Err(Defect::Field("Type")),
        };
        let mut fields = self.fields(node);
        let output = match kind {
            // Their `Output` is what becomes of the result.
            Kind::Pass { .. } | Kind::Task(_) | Kind::Parallel(_) | Kind::Map(_) if fields.is_jsonata() => None,
            _ if fields.is_jsonata() => fields.jsonata("Output")?,
            _ => fields.filter("OutputPath")?,
        };
        Ok(State {
            name: name.into(),
            input: fields.filter("InputPath")?,
            kind,
            assign: fields.assign()?,
            output,
            next: if node.get("Next").is_some() { Next::State(target(node, "Next", names)?) } else { Next::End },
        })
    }

    fn task(&mut self, node: &Node, names: &Names<'_>) -> Lowered<Task> {
        let parsed = resource::parse(text(node, "Resource")?).map_err(|_| Defect::Field("Resource"))?;
        let task = TaskId(self.resources.len() as u32);
        let waits = match (parsed.pattern, &parsed.resource) {
            (Pattern::TaskToken, _) => Waits::Callback,
            (_, Resource::Activity { .. }) => Waits::Worker,
            _ => Waits::Answer,
        };
        self.resources.push(parsed.resource);
        let mut fields = self.fields(node);
        Ok(Task {
            task,
            waits,
            arguments: fields.arguments()?,
            timeout: fields.computed("TimeoutSeconds", "TimeoutSecondsPath")?,
            heartbeat: fields.computed("HeartbeatSeconds", "HeartbeatSecondsPath")?,
            settle: fields.settle()?,
            retry: retry(node)?,
            catch: catch(&mut fields, names)?,
        })
    }

    fn parallel(&mut self, node: &Node, names: &Names<'_>) -> Lowered<Parallel> {
        let branches = required(node, "Branches")?.elements();
        let branches = branches.iter().map(|branch| self.branch(branch)).collect::<Lowered<_>>()?;
        let mut fields = self.fields(node);
        Ok(Parallel {
            arguments: fields.arguments()?,
            branches,
            settle: fields.settle()?,
            retry: retry(node)?,
            catch: catch(&mut fields, names)?,
        })
    }

    fn map(&mut self, node: &Node, names: &Names<'_>) -> Lowered<Map> {
        let processor = match node.get("ItemProcessor") {
            Some(processor) => processor,
            None => required(node, "Iterator")?,
        };
        let processor = self.branch(processor)?;
        let mut fields = self.fields(node);
        let percentage = "ToleratedFailurePercentage";
        Ok(Map {
            items: items(&mut fields)?,
            item_selector: item_selector(&mut fields)?,
            processor,
            max_concurrency: fields.computed("MaxConcurrency", "MaxConcurrencyPath")?,
            tolerated_failure_count: fields.computed("ToleratedFailureCount", "ToleratedFailureCountPath")?,
            tolerated_failure_percentage: fields.computed(percentage, "ToleratedFailurePercentagePath")?,
            settle: fields.settle()?,
            retry: retry(node)?,
            catch: catch(&mut fields, names)?,
        })
    }
}

fn pass(fields: &mut Fields<'_, '_>) -> Lowered<Kind> {
    Ok(Kind::Pass {
        arguments: fields.template("Parameters")?,
        result: fields.node.get("Result").map(|result| Expr::literal(result.to_document())),
        settle: fields.settle()?,
    })
}

fn wait(fields: &mut Fields<'_, '_>) -> Lowered<Until> {
    if let Some(seconds) = fields.computed("Seconds", "SecondsPath")? {
        return Ok(Until::Seconds(seconds));
    }
    let timestamp = fields.computed("Timestamp", "TimestampPath")?;
    Ok(Until::Timestamp(timestamp.ok_or(Defect::Field("Timestamp"))?))
}

fn fail(fields: &mut Fields<'_, '_>) -> Lowered<Kind> {
    Ok(Kind::Fail { error: fields.message("Error", "ErrorPath")?, cause: fields.message("Cause", "CausePath")? })
}

fn choice(fields: &mut Fields<'_, '_>, names: &Names<'_>) -> Lowered<Kind> {
    required(fields.node, "Choices")?;
    // In JSONata a rule has an output of its own, and the state's is for its default.
    let output_path = if fields.is_jsonata() { None } else { fields.filter("OutputPath")? };
    let rules = fields.each("Choices", |rule| {
        Ok(Rule {
            condition: rule.condition()?,
            next: target(rule.node, "Next", names)?,
            assign: rule.assign()?,
            output: if rule.is_jsonata() { rule.jsonata("Output")? } else { output_path.clone() },
        })
    })?;
    let node = fields.node;
    Ok(Kind::Choice { rules, default: node.get("Default").map(|_| target(node, "Default", names)).transpose()? })
}

fn items(fields: &mut Fields<'_, '_>) -> Lowered<Expr> {
    if fields.is_jsonata() {
        return Ok(fields.jsonata("Items")?.unwrap_or_else(Expr::state_input));
    }
    match fields.node.get("ItemsPath") {
        Some(_) => fields.path("ItemsPath"),
        None => Ok(Expr::path("$", "ItemsPath", &mut VariableNames::default())?),
    }
}

fn item_selector(fields: &mut Fields<'_, '_>) -> Lowered<Option<Expr>> {
    if fields.is_jsonata() {
        return fields.jsonata("ItemSelector");
    }
    fields.template(if fields.node.get("ItemSelector").is_some() { "ItemSelector" } else { "Parameters" })
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

fn catch(fields: &mut Fields<'_, '_>, names: &Names<'_>) -> Lowered<Box<[Catcher]>> {
    fields.each("Catch", |catcher| {
        Ok(Catcher {
            errors: errors(catcher.node)?,
            output: if catcher.is_jsonata() { catcher.jsonata("Output")? } else { None },
            placement: catcher.placement()?,
            assign: catcher.assign()?,
            next: target(catcher.node, "Next", names)?,
        })
    })
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

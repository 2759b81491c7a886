//! What a Task's `Resource` names.

use fleetstep_document::Text;

/// The qualifier of what is deployed now.
const LATEST: &str = "$LATEST";

/// What a task of a program is; its index is the [`TaskId`](fleetstep_machine::TaskId).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A function called by its own ARN.
    Function {
        /// The ARN as it was written, with the qualifier.
        arn: Text,
        /// The function's name.
        name: Text,
        /// A version or an alias.
        qualifier: Option<Text>,
    },
    /// `arn:aws:states:::lambda:invoke`: `FunctionName` and `Payload` come in with the input.
    LambdaInvoke,
    /// Another service integration.
    Service {
        /// The ARN as it was written.
        arn: Text,
    },
    /// An activity.
    Activity {
        /// The ARN as it was written.
        arn: Text,
        /// The activity's name.
        name: Text,
    },
    /// What is none of these: the language allows any URI, the service none but these.
    Other {
        /// As it was written.
        uri: Text,
    },
}

impl Resource {
    /// As a definition writes it.
    #[must_use]
    pub fn uri(&self) -> &str {
        match self {
            Self::Function { arn, .. } | Self::Service { arn } | Self::Activity { arn, .. } => arn,
            Self::LambdaInvoke => "arn:aws:states:::lambda:invoke",
            Self::Other { uri } => uri,
        }
    }
}

/// A service integration, taken apart: `arn:aws:states:::SERVICE:ACTION` and how it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integration<'a> {
    /// `dynamodb:putItem`, `aws-sdk:dynamodb:putItem`: what is to be done, without how it is waited for.
    pub action: &'a str,
    /// `sync`, `sync:2`; none where the response is waited for, or a call back.
    pub sync: Option<&'a str>,
    /// Whether it is `.waitForTaskToken`.
    pub is_callback: bool,
}

impl<'a> Integration<'a> {
    /// Takes the ARN of a [`Resource::Service`] apart.
    #[must_use]
    pub fn of(arn: &'a str) -> Option<Self> {
        let action = arn.splitn(6, ':').nth(5)?;
        let (action, sync) = match action.rsplit_once('.') {
            Some((action, wait @ ("sync" | "sync:2"))) => (action, Some(wait)),
            Some((action, "waitForTaskToken")) => return Some(Self { action, sync: None, is_callback: true }),
            _ => (action, None),
        };
        Some(Self { action, sync, is_callback: false })
    }

    /// Whether every runtime has it, without the operator's doing.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        const BUILT_IN: [&str; 5] = [
            "lambda:invoke",
            "http:invoke",
            "states:startExecution",
            "aws-sdk:sfn:startExecution",
            "aws-sdk:sfn:startSyncExecution",
        ];
        BUILT_IN.contains(&self.action)
    }
}

/// How a service integration waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// For the response.
    Request,
    /// `.sync`, `.sync:2`: for the job to end.
    Sync,
    /// `.waitForTaskToken`: for a call back.
    TaskToken,
}

/// A resource, and how it waits.
pub(crate) struct Parsed {
    pub(crate) resource: Resource,
    pub(crate) pattern: Pattern,
}

/// Why a text names no resource.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ResourceError {
    /// Not the shape of an ARN, or of a URI.
    Malformed,
    /// A service integration that the service does not have.
    Unknown,
}

/// Reads a `Resource`.
pub(crate) fn parse(text: &str) -> Result<Parsed, ResourceError> {
    let parts: Vec<&str> = text.split(':').collect();
    let request = |resource| Ok(Parsed { resource, pattern: Pattern::Request });
    match parts.as_slice() {
        ["arn", partition, "states", "", "", service, action @ ..] if is_partition(partition) => {
            integration(text, service, &action.join(":"))
        }
        ["arn", partition, "states", _, _, "activity", name] if is_partition(partition) && is_name(name, "-_.") => {
            request(Resource::Activity { arn: text.into(), name: (*name).into() })
        }
        ["arn", partition, "lambda", region, account, "function", function @ ..] if is_partition(partition) => {
            if !is_name_or_empty(region, "-") || !is_name_or_empty(account, "-_") {
                return Err(ResourceError::Malformed);
            }
            let (name, qualifier) = match function {
                [name] => (name, None),
                [name, qualifier] if is_qualifier(qualifier) => (name, Some(Text::from(*qualifier))),
                _ => return Err(ResourceError::Malformed),
            };
            if !is_name(name, "-_") {
                return Err(ResourceError::Malformed);
            }
            request(Resource::Function { arn: text.into(), name: (*name).into(), qualifier })
        }
        [scheme, rest, ..] if is_scheme(scheme) && !rest.is_empty() => request(Resource::Other { uri: text.into() }),
        _ if is_placeholder(text) => request(Resource::Other { uri: text.into() }),
        _ => Err(ResourceError::Malformed),
    }
}

/// Whether the text is a `${Name}` that a deployment tool fills in.
fn is_placeholder(text: &str) -> bool {
    text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).is_some_and(|name| is_name(name, "-_.:"))
}

fn integration(arn: &str, service: &str, action: &str) -> Result<Parsed, ResourceError> {
    let (action, pattern, suffix) = match action {
        _ if action.ends_with(".sync") => (&action[..action.len() - 5], Pattern::Sync, "sync"),
        _ if action.ends_with(".sync:2") => (&action[..action.len() - 7], Pattern::Sync, "sync:2"),
        _ if action.ends_with(".waitForTaskToken") => (&action[..action.len() - 17], Pattern::TaskToken, "token"),
        _ => (action, Pattern::Request, ""),
    };
    let known = match service {
        "aws-sdk" => pattern != Pattern::Sync && is_sdk_action(action),
        _ => INTEGRATIONS
            .iter()
            .filter(|(name, _)| *name == service)
            .flat_map(|(_, actions)| actions.iter())
            .any(|&(name, patterns)| name == action && (suffix.is_empty() || patterns.contains(&suffix))),
    };
    if !known {
        return Err(ResourceError::Unknown);
    }
    let resource = match (service, action, pattern) {
        ("lambda", "invoke", Pattern::Request) => Resource::LambdaInvoke,
        _ => Resource::Service { arn: arn.into() },
    };
    Ok(Parsed { resource, pattern })
}

/// `SERVICE:action`, as the SDK names both.
fn is_sdk_action(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, action)| {
        is_name(service, "") && is_name(action, "") && action.starts_with(|c: char| c.is_ascii_lowercase())
    })
}

fn is_partition(text: &str) -> bool {
    text == "aws" || text.starts_with("aws-") && is_name(text, "-")
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && is_name(text, "+-.")
}

fn is_qualifier(text: &str) -> bool {
    text == LATEST || is_name(text, "-_")
}

fn is_name_or_empty(text: &str, more: &str) -> bool {
    text.is_empty() || is_name(text, more)
}

fn is_name(text: &str, more: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

/// The service's optimised integrations: the actions of each, and how an action can wait other than for its
/// response (<https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html>).
static INTEGRATIONS: &[(&str, Actions)] = &[
    ("apigateway", &[("invoke", &["token"])]),
    (
        "athena",
        &[
            ("startQueryExecution", &["sync"]),
            ("stopQueryExecution", &[]),
            ("getQueryExecution", &[]),
            ("getQueryResults", &[]),
        ],
    ),
    ("batch", &[("submitJob", &["sync"])]),
    ("bedrock", &[("invokeModel", &["token"]), ("createModelCustomizationJob", &["sync"])]),
    (
        "codebuild",
        &[
            ("startBuild", &["sync"]),
            ("stopBuild", &[]),
            ("batchDeleteBuilds", &[]),
            ("batchGetReports", &[]),
            ("startBuildBatch", &["sync"]),
            ("stopBuildBatch", &[]),
            ("retryBuildBatch", &["sync"]),
            ("deleteBuildBatch", &[]),
        ],
    ),
    ("databrew", &[("startJobRun", &["sync"])]),
    ("dynamodb", &[("getItem", &[]), ("putItem", &[]), ("deleteItem", &[]), ("updateItem", &[])]),
    ("ecs", &[("runTask", &["sync", "token"])]),
    (
        "eks",
        &[
            ("call", &[]),
            ("runJob", &["sync"]),
            ("createCluster", &["sync"]),
            ("deleteCluster", &["sync"]),
            ("createFargateProfile", &["sync"]),
            ("deleteFargateProfile", &["sync"]),
            ("createNodegroup", &["sync"]),
            ("deleteNodegroup", &["sync"]),
        ],
    ),
    (
        "elasticmapreduce",
        &[
            ("createCluster", &["sync"]),
            ("terminateCluster", &["sync"]),
            ("addStep", &["sync"]),
            ("cancelStep", &[]),
            ("setClusterTerminationProtection", &[]),
            ("modifyInstanceFleetByName", &[]),
            ("modifyInstanceGroupByName", &[]),
        ],
    ),
    (
        "emr-containers",
        &[("createVirtualCluster", &[]), ("deleteVirtualCluster", &["sync"]), ("startJobRun", &["sync"])],
    ),
    (
        "emr-serverless",
        &[
            ("createApplication", &["sync"]),
            ("startApplication", &["sync"]),
            ("stopApplication", &["sync"]),
            ("deleteApplication", &["sync"]),
            ("startJobRun", &["sync"]),
            ("cancelJobRun", &["sync"]),
        ],
    ),
    ("events", &[("putEvents", &["token"])]),
    ("glue", &[("startJobRun", &["sync"])]),
    ("http", &[("invoke", &[])]),
    ("lambda", &[("invoke", &["token"])]),
    ("mediaconvert", &[("createJob", &["sync"])]),
    (
        "sagemaker",
        &[
            ("createEndpoint", &[]),
            ("createEndpointConfig", &[]),
            ("createHyperParameterTuningJob", &["sync"]),
            ("createLabelingJob", &["sync"]),
            ("createModel", &[]),
            ("createProcessingJob", &["sync"]),
            ("createTrainingJob", &["sync"]),
            ("createTransformJob", &["sync"]),
            ("updateEndpoint", &[]),
        ],
    ),
    ("sns", &[("publish", &["token"])]),
    ("sqs", &[("sendMessage", &["token"])]),
    ("states", &[("startExecution", &["sync", "sync:2", "token"])]),
];

type Actions = &'static [(&'static str, &'static [&'static str])];

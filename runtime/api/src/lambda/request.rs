//! What `CreateFunction` and the updates ask for, checked by the constraints of Lambda's API model.

use super::name::invalid;
use crate::aws::{Checker, Members, TextRule};
use crate::fault::Fault;
use fleetstep_catalog::{
    ChangeOf, DESCRIPTION_CHARS_MAX, FunctionProfile, FunctionSettings, MEMORY_MIB, TIMEOUT_SECONDS,
};
use fleetstep_document::{Document, Text};
use std::collections::BTreeMap;

/// Seconds that a call may take where nobody says it: Lambda's default.
const TIMEOUT_SECONDS_DEFAULT: u32 = 3;
/// The least memory that Lambda gives.
const MEMORY_MIB_MIN: u32 = 128;
/// Runtimes that a module may be said to run on.
const RUNTIMES: [&str; 4] = ["provided", "provided.al2", "provided.al2023", "wasm"];
/// Lambda's bound for a file system that no function has here.
const EPHEMERAL_STORAGE_MIB: (i64, i64) = (512, 10_240);

const ROLE: TextRule = TextRule::to(10_000);
const HANDLER: TextRule = TextRule::to(128);
const REVISION: TextRule = TextRule::to(128);
pub(super) const DESCRIPTION: TextRule = TextRule::to(DESCRIPTION_CHARS_MAX).or_empty();
const ROLE_PATTERN: &str = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+";

/// Members that would change what happens, and what there is here instead. Given as nothing they are let pass.
const NOT_HERE: &[(&str, &str)] = &[
    ("Layers", "Layers are not supported: link what they hold into the module"),
    ("VpcConfig", "VpcConfig is not supported: a module reaches no network but what its settings grant"),
    ("FileSystemConfigs", "FileSystemConfigs are not supported: a module has no file system"),
    ("DeadLetterConfig", "DeadLetterConfig is not supported: a workflow has Retry and Catch"),
    ("KMSKeyArn", "KMSKeyArn is not supported: secrets are set by PATCH /v1/functions/NAME"),
    ("ImageConfig", "ImageConfig is not supported: a function's code is one WebAssembly module"),
    ("CodeSigningConfigArn", "CodeSigningConfigArn is not supported"),
    ("TenancyConfig", "TenancyConfig is not supported: every call has a fresh instance"),
    ("CapacityProviderConfig", "CapacityProviderConfig is not supported"),
    ("DurableConfig", "DurableConfig is not supported: a workflow is durable"),
    ("AcceleratorConfig", "AcceleratorConfig is not supported"),
];

/// What a request says of how a function is run and described: the parts that are there.
#[derive(Default)]
pub(super) struct Configuration {
    description: Option<String>,
    memory_mib: Option<u32>,
    timeout_seconds: Option<u32>,
    environment: Option<BTreeMap<String, String>>,
    role: Option<String>,
    runtime: Option<String>,
    handler: Option<String>,
    architecture: Option<String>,
    tracing_mode: Option<String>,
    ephemeral_storage_mib: Option<u32>,
    pub(super) revision_id: Option<String>,
}

impl Configuration {
    /// Reads the members that `CreateFunction` and the updates share.
    pub(super) fn read(members: &Members<'_>, checker: &mut Checker, role: TextRule) -> Result<Self, Fault> {
        refuse_what_is_not_here(members)?;
        let text = |value: Option<&Text>| value.map(Text::to_string);
        let memory = members.integer(checker, "MemorySize", MEMORY_MIB_MIN.into(), (*MEMORY_MIB.end()).into());
        let seconds = TIMEOUT_SECONDS;
        let timeout = members.integer(checker, "Timeout", (*seconds.start()).into(), (*seconds.end()).into());
        let number = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
        let tracing = members.structure(checker, "TracingConfig");
        let tracing = tracing.and_then(|tracing| tracing.choice(checker, "Mode", &["Active", "PassThrough"]));
        let storage = members.structure(checker, "EphemeralStorage");
        let (least, most) = EPHEMERAL_STORAGE_MIB;
        Ok(Self {
            description: text(members.text(checker, "Description", DESCRIPTION)),
            memory_mib: number(memory),
            timeout_seconds: number(timeout),
            environment: environment(members, checker)?,
            role: text(members.matching(checker, "Role", role, ROLE_PATTERN, is_role)),
            runtime: runtime(members, checker)?,
            handler: text(members.text(checker, "Handler", HANDLER)),
            architecture: architecture(members)?,
            tracing_mode: tracing.map(str::to_owned),
            ephemeral_storage_mib: number(storage.and_then(|storage| storage.integer(checker, "Size", least, most))),
            revision_id: text(members.text(checker, "RevisionId", REVISION)),
        })
    }

    /// The same for a function that is made: with a role, and Lambda's defaults.
    pub(super) fn of_new(members: &Members<'_>, checker: &mut Checker) -> Result<Self, Fault> {
        let read = Self::read(members, checker, ROLE.required())?;
        let timeout_seconds = read.timeout_seconds.or(Some(TIMEOUT_SECONDS_DEFAULT));
        Ok(Self { timeout_seconds, ..read })
    }

    /// The same for one that is there.
    pub(super) fn of_update(members: &Members<'_>, checker: &mut Checker) -> Result<Self, Fault> {
        Self::read(members, checker, ROLE)
    }

    /// Splits it into what it changes of the settings and of the profile.
    pub(super) fn changes(self) -> (ChangeOf<FunctionSettings>, ChangeOf<FunctionProfile>) {
        let Self { description, memory_mib, timeout_seconds, environment, .. } = self;
        let Self { role, runtime, handler, architecture, tracing_mode, ephemeral_storage_mib, .. } = self;
        let settings = move |there: &mut FunctionSettings| {
            set(&mut there.description, &description);
            set(&mut there.memory_mib, &memory_mib);
            set(&mut there.timeout_seconds, &timeout_seconds);
            set(&mut there.environment, &environment);
        };
        let profile = move |there: &mut FunctionProfile| {
            set(&mut there.role, &role);
            set(&mut there.runtime, &runtime);
            set(&mut there.handler, &handler);
            set(&mut there.architecture, &architecture);
            set(&mut there.tracing_mode, &tracing_mode);
            set(&mut there.ephemeral_storage_mib, &ephemeral_storage_mib);
        };
        (Box::new(settings), Box::new(profile))
    }
}

fn set<T: Clone>(place: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

fn is_role(text: &str) -> bool {
    let rest = text.strip_prefix("arn:aws").and_then(|rest| rest.split_once(":iam::"));
    let Some((partition, rest)) = rest else { return false };
    let account_ends = rest.bytes().take_while(u8::is_ascii_digit).count();
    let name = rest[account_ends..].strip_prefix(":role").unwrap_or_default();
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@-_/".contains(&byte);
    partition.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
        && account_ends == 12
        && !name.trim_start_matches('/').is_empty()
        && name.bytes().all(in_name)
}

fn refuse_what_is_not_here(members: &Members<'_>) -> Result<(), Fault> {
    let says_something = |value: &Document| match value.as_object() {
        // `VpcConfig` with empty lists says the same as none.
        Some(object) => object.iter().any(|(_, value)| !is_empty(value)),
        None => !is_empty(value),
    };
    match NOT_HERE.iter().find(|(name, _)| members.get(name).is_some_and(says_something)) {
        Some((_, message)) => Err(invalid(*message)),
        None => refuse_modes(members),
    }
}

fn is_empty(value: &Document) -> bool {
    value.is_null()
        || value.as_bool() == Some(false)
        || value.as_str().is_some_and(str::is_empty)
        || value.as_array().is_some_and(<[_]>::is_empty)
        || value.as_object().is_some_and(|object| object.iter().next().is_none())
}

/// Members that are let pass where they say what is so anyway.
fn refuse_modes(members: &Members<'_>) -> Result<(), Fault> {
    let text = |of: &str, name: &str| members.get(of).and_then(|value| value.get(name)).and_then(Document::as_str);
    if members.get("PackageType").and_then(Document::as_str).is_some_and(|package| package != "Zip") {
        return Err(invalid("PackageType must be Zip: a function's code is one WebAssembly module, and no image"));
    }
    if text("SnapStart", "ApplyOn").is_some_and(|apply| apply != "None") {
        return Err(invalid("SnapStart must be None: every call has a fresh instance, which takes microseconds"));
    }
    let logs = ["LogFormat", "ApplicationLogLevel", "SystemLogLevel", "LogGroup"];
    let other = logs.into_iter().filter(|name| text("LoggingConfig", name).is_some_and(|value| value != "Text"));
    match other.collect::<Vec<_>>()[..] {
        [] => Ok(()),
        [name, ..] => Err(invalid(format!(
            "LoggingConfig.{name} is not supported: a function's log is lines of text, at GET /v1/functions/NAME/logs"
        ))),
    }
}

fn runtime(members: &Members<'_>, checker: &mut Checker) -> Result<Option<String>, Fault> {
    let Some(runtime) = members.text(checker, "Runtime", TextRule::to(64)) else { return Ok(None) };
    if RUNTIMES.contains(&runtime.as_str()) {
        return Ok(Some(runtime.to_string()));
    }
    Err(invalid(format!(
        "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{}]: a \
         function's code is one WebAssembly module, whatever language it was written in",
        RUNTIMES.join(", ")
    )))
}

fn architecture(members: &Members<'_>) -> Result<Option<String>, Fault> {
    let Some(value) = members.get("Architectures") else { return Ok(None) };
    match value.as_array().map(|items| items.iter().map(Document::as_str).collect::<Vec<_>>()).as_deref() {
        Some([Some(one @ ("x86_64" | "arm64"))]) => Ok(Some((*one).to_owned())),
        _ => Err(invalid("Architectures must hold one of x86_64, arm64: a module runs on either")),
    }
}

/// `Environment.Variables`; one without variables takes away those that are there.
fn environment(members: &Members<'_>, checker: &mut Checker) -> Result<Option<BTreeMap<String, String>>, Fault> {
    let Some(environment) = members.structure(checker, "Environment") else { return Ok(None) };
    let Some(variables) = environment.get("Variables") else { return Ok(Some(BTreeMap::new())) };
    Ok(Some(texts(variables, "Environment.Variables")?))
}

/// The members of an object of texts. What is no text is not repeated in the error: it may be a secret.
pub(super) fn texts(value: &Document, path: &str) -> Result<BTreeMap<String, String>, Fault> {
    let Some(object) = value.as_object() else { return Err(invalid(format!("{path} must be a map"))) };
    let text = |(name, value): (&Text, &Document)| match value.as_str() {
        Some(text) => Ok((name.to_string(), text.to_owned())),
        None => Err(invalid(format!("{path}.{name} must be a string, but it is of type {}", value.type_name()))),
    };
    object.iter().map(text).collect()
}

/// Where a function's code is: `ZipFile`, in Base64.
pub(super) fn zip_file(members: &Members<'_>, checker: &mut Checker) -> Result<Text, Fault> {
    if let Some(name) = ["S3Bucket", "S3Key", "ImageUri"].iter().find(|name| members.get(name).is_some()) {
        return Err(invalid(format!(
            "{name} is not supported: code comes as ZipFile, a zip with one .wasm file in it; from a registry by \
             fleetstep pull"
        )));
    }
    let zip = members.text(checker, "ZipFile", TextRule::to(usize::MAX).sensitive());
    zip.cloned().ok_or_else(|| invalid("Please provide a source for function code."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Configuration, String> {
        let request = Document::parse(json.as_bytes()).unwrap();
        let members = Members::of_lambda(&request).map_err(|fault| fault.message().to_owned())?;
        let mut checker = Checker::default();
        let read = Configuration::of_update(&members, &mut checker).map_err(|fault| fault.message().to_owned())?;
        checker.finish().map_err(|fault| fault.message().to_owned())?;
        Ok(read)
    }

    #[test]
    fn what_says_nothing_is_let_pass_and_what_does_not_apply_is_refused() {
        for passes in [
            r#"{"Layers":[],"VpcConfig":{"SubnetIds":[],"SecurityGroupIds":[],"Ipv6AllowedForDualStack":false}}"#,
            r#"{"DeadLetterConfig":{},"KMSKeyArn":"","SnapStart":{"ApplyOn":"None"},"LoggingConfig":{"LogFormat":"Text"}}"#,
            r#"{"PackageType":"Zip","Architectures":["arm64"],"ImageConfig":null,"Unknown":1}"#,
        ] {
            assert_eq!(read(passes).err(), None, "{passes}");
        }
        for (refused, said) in [
            (r#"{"Layers":["arn:aws:lambda:us-east-1:1:layer:l:1"]}"#, "Layers are not supported"),
            (r#"{"VpcConfig":{"SubnetIds":["subnet-1"]}}"#, "VpcConfig is not supported"),
            (r#"{"PackageType":"Image"}"#, "PackageType must be Zip"),
            (r#"{"SnapStart":{"ApplyOn":"PublishedVersions"}}"#, "SnapStart must be None"),
            (r#"{"LoggingConfig":{"LogFormat":"JSON"}}"#, "LoggingConfig.LogFormat"),
            (r#"{"Architectures":["x86_64","arm64"]}"#, "Architectures must hold one"),
            (r#"{"Runtime":"python3.13"}"#, "Value python3.13 at 'runtime'"),
            (
                r#"{"MemorySize":64}"#,
                "Value '64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128",
            ),
            (
                r#"{"Timeout":900}"#,
                "Value '900' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 300",
            ),
            (r#"{"Role":"admin"}"#, "Value 'admin' at 'role'"),
            (r#"{"Environment":{"Variables":{"A":1}}}"#, "Environment.Variables.A must be a string"),
            (r#"{"Handler":7}"#, "NUMBER_VALUE can not be converted to a String"),
        ] {
            let error = read(refused).err().unwrap_or_default();
            assert!(error.contains(said), "{refused}: {error}");
        }
    }

    #[test]
    fn roles() {
        for role in ["arn:aws:iam::000000000000:role/r", "arn:aws-us-gov:iam::123456789012:role/a/b+c=d,e.f@g-h_i"] {
            assert!(is_role(role), "{role}");
        }
        for role in
            ["", "r", "arn:aws:iam::1:role/r", "arn:aws:iam::000000000000:role/", "arn:aws:iam::000000000000:user/r"]
        {
            assert!(!is_role(role), "{role}");
        }
    }
}

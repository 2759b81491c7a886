//! The developer's loop, as a person goes through it: new, test, dev, deploy, start, executions, logs.

use fleetstep_engine::clock;
use fleetstep_tests::program::{self, Serving};
use fleetstep_tests::{http, root};
use serde_json::{Value, json};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// How long something may take to be seen: a task is compiled, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(240);
/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(200);

/// The program, with guests built in a folder of `test`'s own: two projects have a crate of one name.
fn fleetstep(test: &str) -> Command {
    let programs = program::folder().expect("the program");
    let mut command = Command::new(programs.join("fleetstep"));
    let built = programs.parent().expect("a target folder").join("developing").join(test);
    command.env("CARGO_TARGET_DIR", built).env("NO_COLOR", "1");
    for variable in ["FLEETSTEP_ENDPOINT", "FLEETSTEP_TOKEN", "FLEETSTEP_SDK"] {
        command.env_remove(variable);
    }
    command
}

/// What a command said: exit status, standard output, standard error.
fn said(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// What a command printed that succeeded.
fn printed(command: &mut Command) -> String {
    let (status, stdout, stderr) = said(command);
    assert_eq!(status, 0, "{command:?}\n{stdout}\n{stderr}");
    stdout
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn new_project(test: &str, folder: &Path, sdk: Option<&Path>) {
    let mut command = fleetstep(test);
    command.arg("new").arg(folder);
    if let Some(sdk) = sdk {
        command.arg("--sdk").arg(sdk);
    }
    let made = printed(&mut command);
    assert_eq!(made, format!("made {}\n", folder.display()));
}

#[test]
fn a_new_project_is_tested_deployed_started_and_looked_at() {
    const TEST: &str = "new";
    let temporary = tempfile::tempdir().expect("a folder");
    let project = temporary.path().join("greetings");
    new_project(TEST, &project, None);

    let tested = printed(fleetstep(TEST).args(["test", "--coverage-min", "100"]).arg(&project));
    assert!(tested.contains("3 of 3 cases passed, 100.0 % covered"), "{tested}");
    printed(fleetstep(TEST).args(["validate", "--type", "EXPRESS"]).arg(project.join("greeting.asl.json")));

    let server = Serving::start(["--in-memory", "--history-level", "ALL"]).expect("a server");
    let endpoint = format!("http://{}", server.address);
    let on_server = |arguments: &[&str]| {
        let mut command = fleetstep(TEST);
        command.args(arguments).args(["--endpoint", &endpoint]);
        command
    };
    let deploy = |arguments: &[&str]| lines(&printed(on_server(&["deploy", "--json"]).args(arguments).arg(&project)));
    let changes = |told: &[Value]| {
        let change = |line: &Value| format!("{} {}", line["name"].as_str().unwrap(), line["change"].as_str().unwrap());
        told.iter().map(change).collect::<Vec<_>>()
    };
    let first = deploy(&[]);
    assert_eq!(changes(&first), ["greet created", "greeting created"]);
    assert_eq!((&first[0]["moduleKind"], &first[1]["diagnostics"]), (&json!("task"), &json!([])));
    let again = printed(on_server(&["deploy"]).arg(&project));
    assert!(again.starts_with(&format!("{endpoint}: 0 changed, 2 unchanged, in ")), "{again}");

    // Settings alone, and a definition alone.
    let manifest = project.join("fleetstep.toml");
    let text = std::fs::read_to_string(&manifest).expect("the manifest");
    std::fs::write(&manifest, text.replace("timeout_seconds = 5", "timeout_seconds = 7")).expect("a file");
    assert_eq!(changes(&deploy(&[])), ["greet settings changed", "greeting unchanged"]);
    let definition = project.join("greeting.asl.json");
    let text = std::fs::read_to_string(&definition).expect("the definition");
    std::fs::write(&definition, text.replace("stranger\" },", "friend\" },")).expect("a file");
    assert_eq!(changes(&deploy(&[])), ["greet unchanged", "greeting updated"]);

    // What is wrong is shown with its place, and nothing is put.
    std::fs::write(&definition, text.replace("\"Next\": \"Greet a stranger\"", "\"Next\": \"Nowhere\""))
        .expect("a file");
    let (status, _, stderr) = said(on_server(&["deploy"]).arg(&project));
    assert_eq!(status, 1);
    for part in ["greeting.asl.json:24:19: error[MISSING_TRANSITION_TARGET]", "^^^^^^^^^", "error: workflow greeting: "]
    {
        assert!(stderr.contains(part), "{part}\n{stderr}");
    }
    let (status, stdout, _) = said(on_server(&["deploy", "--json"]).arg(&project));
    let refused = lines(&stdout);
    assert_eq!((status, &refused[0]["diagnostics"][0]["line"]), (1, &json!(24)), "{stdout}");

    look_at_executions(&on_server);
}

fn look_at_executions(on_server: &impl Fn(&[&str]) -> Command) {
    let ada = printed(&mut on_server(&["start", "greeting", "--input", r#"{"name":"Ada"}"#, "--name", "first-one"]));
    assert_eq!(ada, "{\"text\":\"Hello, Ada\"}\n");
    let nobody = printed(&mut on_server(&["start", "greeting", "--json", "--input", r#"{"name":""}"#]));
    let nobody = &lines(&nobody)[0];
    assert_eq!((&nobody["status"], &nobody["output"]["text"]), (&json!("SUCCEEDED"), &json!("Hello, friend")));
    let arn = printed(&mut on_server(&["start", "greeting", "--async", "--input", r#"{"name":"Bob"}"#]));
    assert!(arn.starts_with("arn:aws:states:us-east-1:000000000000:express:greeting:"), "{arn}");

    let (status, _, stderr) = said(&mut on_server(&["start", "nothing"]));
    assert_eq!(status, 2);
    assert!(stderr.contains("error: nothing was not started: StateMachineDoesNotExist"), "{stderr}");

    let listed = printed(&mut on_server(&["executions", "--workflow", "greeting", "--since", "1h"]));
    let rows: Vec<&str> = listed.lines().collect();
    assert_eq!(rows.len(), 4, "{listed}");
    assert!(rows[0].starts_with("STATUS") && rows[3].starts_with("SUCCEEDED"), "{listed}");
    assert!(rows[3].ends_with("  greeting  first-one"), "{listed}");
    assert!(!listed.contains('\x1b'), "no colour without a terminal");
    assert_eq!(lines(&printed(&mut on_server(&["executions", "--json", "--limit", "2"]))).len(), 2);
    assert_eq!(printed(&mut on_server(&["executions", "--status", "failed"])), "");

    let shown = printed(&mut on_server(&["executions", "first"]));
    for part in ["status    SUCCEEDED", "input     {\"name\":\"Ada\"}", "TaskStateEntered", "  Greet"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let shown = &lines(&printed(&mut on_server(&["executions", arn.trim(), "--json"])))[0];
    assert_eq!(shown["execution"]["executionArn"], arn.trim());
    assert_eq!(shown["history"]["events"][0]["type"], "ExecutionStarted");

    let ended = printed(&mut on_server(&["logs"]));
    assert_eq!(ended.lines().count(), 3, "{ended}");
    assert!(ended.lines().all(|line| line.starts_with("SUCCEEDED  greeting  ")), "{ended}");
    let (status, ..) = said(&mut on_server(&["logs", "--function", "nothing"]));
    assert_eq!(status, 2);
}

#[test]
fn a_server_with_keys_is_told_who_asks_and_nobody_else_is() {
    let temporary = tempfile::tempdir().expect("a folder");
    let keys = temporary.path().join("keys.toml");
    let token = |scopes: &str| {
        let mut add = fleetstep("keys");
        add.args(["keys", "add", "--token", "--scopes", scopes, "--keys"]).arg(&keys);
        printed(&mut add).lines().last().expect("a token").to_owned()
    };
    let (deployer, reader) = (token("deploy"), token("read"));
    let keys = keys.to_str().expect("UTF-8");
    let server = Serving::start(["--in-memory", "--keys", keys]).expect("a server");
    let definition = temporary.path().join("hello.asl.json");
    std::fs::write(&definition, r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#).expect("a file");
    let command = |arguments: &[&str], token: Option<&str>| {
        let mut command = fleetstep("keys");
        command.args(arguments).env("FLEETSTEP_ENDPOINT", format!("http://{}", server.address));
        command.envs(token.map(|token| ("FLEETSTEP_TOKEN", token)));
        command
    };
    let definition = definition.to_str().expect("UTF-8");
    let (status, _, stderr) = said(&mut command(&["deploy", definition], None));
    assert_eq!(status, 1);
    assert!(stderr.contains("FLEETSTEP_TOKEN or --token"), "{stderr}");
    // One that may not read does not see what is there, and puts it all the same.
    assert!(printed(&mut command(&["deploy", definition], Some(&deployer))).contains("1 changed, 0 unchanged"));
    let (status, _, stderr) = said(&mut command(&["start", "hello"], Some(&reader)));
    assert_eq!(status, 2);
    assert!(stderr.contains("lacks the scope") && !stderr.contains(&reader), "{stderr}");
    printed(&mut command(&["executions", "--token", &reader], None));
    let help = printed(&mut command(&["executions", "--help"], Some(&reader)));
    assert!(!help.contains(&reader), "{help}");
    let wrong = format!("{reader}\u{7f}");
    let (_, _, stderr) = said(&mut command(&["executions"], Some(&wrong)));
    assert!(!stderr.contains(&reader), "{stderr}");
}

/// A running `fleetstep dev`; killed when it is dropped.
struct Dev {
    process: Child,
    output: PathBuf,
    address: SocketAddr,
}

impl Dev {
    fn start(test: &str, project: &Path, output: &Path) -> Self {
        let file = File::create(output).expect("a file");
        let mut command = fleetstep(test);
        command.arg("dev").arg(project).args(["--listen", "127.0.0.1:0"]).stdin(Stdio::null());
        let process = command.stdout(file.try_clone().expect("a file")).stderr(file).spawn().expect("the program runs");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut dev = Self { process, output: output.to_owned(), address: any };
        dev.waits_for("listens on http://");
        let said = dev.said();
        let address = said.split("listens on http://").nth(1).and_then(|rest| rest.split(';').next());
        dev.address = address.and_then(|address| address.parse().ok()).expect("an address");
        dev
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.output).expect("its output")
    }

    fn waits_for(&self, text: &str) {
        self.waits_until(text, || self.said().contains(text));
    }

    fn waits_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = clock::instant();
        while !is_so() {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for: {what}\n{}", self.said());
            std::thread::sleep(INTERVAL);
        }
    }

    fn run(&self, workflow: &str, input: &str) -> http::Answer {
        let path = format!("/v1/workflows/{workflow}/run");
        http::request(self.address, "POST", &path, http::JSON, input.as_bytes()).expect("an answer")
    }

    fn execution(&self, arn: &str) -> Value {
        let answer = http::request(self.address, "GET", &format!("/v1/executions/{arn}"), http::JSON, b"");
        answer.expect("an answer").1
    }

    fn interrupt(&mut self) -> i32 {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill runs").success());
        self.process.wait().expect("its end").code().unwrap_or(-1)
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It is gone already where the test waited for it.
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}

/// Calls the task again and again, until that says something else; then tells of itself.
fn looping(version: u32) -> String {
    json!({
        "StartAt": "Again",
        "States": {
            "Again": {"Type": "Wait", "Seconds": 1, "Next": "Ask"},
            "Ask": {
                "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:greet",
                "ResultPath": "$.said", "Next": "Is it new?",
            },
            "Is it new?": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.said.text", "StringMatches": "Hello*", "Next": "Again"}],
                "Default": "Tell",
            },
            "Tell": {"Type": "Pass", "Parameters": {"version": version, "said.$": "$.said.text"}, "End": true},
        },
    })
    .to_string()
}

#[test]
fn dev_deploys_what_changes_and_drops_no_execution() {
    const TEST: &str = "dev";
    let temporary = tempfile::tempdir().expect("a folder");
    let project = temporary.path().join("greetings");
    new_project(TEST, &project, Some(&root().join("guest-sdk")));
    let (definition, source) = (project.join("looping.asl.json"), project.join("tasks/greet/src/lib.rs"));
    std::fs::write(&definition, looping(1)).expect("a file");
    let mut dev = Dev::start(TEST, &project, &temporary.path().join("output"));
    dev.waits_for("watching ");
    let ada = r#"{"name":"Ada"}"#;
    assert_eq!(dev.run("greeting", ada), (200, json!({"text": "Hello, Ada"})), "{}", dev.said());
    dev.waits_for("SUCCEEDED  greeting  ");

    let mut start = fleetstep(TEST);
    let endpoint = format!("http://{}", dev.address);
    let old = printed(start.args(["start", "looping", "--async", "--input", ada, "--endpoint", &endpoint]));
    let old = old.trim();

    // Another definition: the new one takes new starts, the old execution goes on.
    let at_once = json!({
        "StartAt": "Tell",
        "States": {"Tell": {"Type": "Pass", "Result": {"version": 2}, "End": true}},
    });
    std::fs::write(&definition, at_once.to_string()).expect("a file");
    dev.waits_for("workflow looping: updated");
    assert_eq!(dev.run("looping", ada), (200, json!({"version": 2})));
    assert_eq!(dev.execution(old)["status"], "RUNNING", "{}", dev.said());

    // A task that does not build: its errors are shown, and the one before stays.
    let good = std::fs::read_to_string(&source).expect("the task");
    std::fs::write(&source, good.replace("Ok(Greeting", "Ok(Greetings")).expect("a file");
    dev.waits_for("error: function greet: cargo could not build");
    assert!(dev.said().contains("cannot find"), "the compiler's own words: {}", dev.said());
    assert_eq!(dev.run("greeting", ada), (200, json!({"text": "Hello, Ada"})));
    assert_eq!(dev.execution(old)["status"], "RUNNING");

    // Another task: old and new executions call it, each by its own definition.
    std::fs::write(&source, good.replace("Hello, {}", "Good day, {}")).expect("a file");
    dev.waits_for("function greet: updated");
    assert_eq!(dev.run("greeting", ada), (200, json!({"text": "Good day, Ada"})));
    dev.waits_until("the old execution", || dev.execution(old)["status"] != "RUNNING");
    let ended = dev.execution(old);
    assert_eq!(
        (&ended["status"], &ended["output"]),
        (&json!("SUCCEEDED"), &json!({"version": 1, "said": "Good day, Ada"}))
    );

    // A definition with an error is shown with its place; one that is gone is removed.
    std::fs::write(&definition, at_once.to_string().replace("\"Pass\"", "\"Pas\"")).expect("a file");
    dev.waits_for("error: workflow looping: ");
    assert!(
        dev.said().contains("looping.asl.json:1:") && dev.said().contains("did you mean 'Pass'?"),
        "{}",
        dev.said()
    );
    assert_eq!(dev.run("looping", ada), (200, json!({"version": 2})));
    std::fs::remove_file(&definition).expect("it was there");
    dev.waits_for("workflow looping: removed");
    assert_eq!(dev.run("looping", ada).0, 404);

    assert_eq!(dev.interrupt(), 0, "{}", dev.said());
    assert!(dev.said().contains("stopping: "), "{}", dev.said());
    assert!(!project.join(".fleetstep").exists(), "nothing is kept");
}

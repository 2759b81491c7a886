//! boto3 and the AWS CLI against a server, unchanged but for the endpoint.

use fleetstep_server::guests;
use fleetstep_tests::program::Serving;
use fleetstep_tests::{Server, clients, root, succeed};
use std::path::Path;
use std::process::Command;

#[test]
fn boto3_and_the_aws_cli_create_start_and_read() {
    let programs = clients(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("the real clients");
    let server = Server::start(&root().join("tests/guests")).expect("a server");
    let script = root().join("tests/clients/clients.py");
    let mut run = Command::new(programs.join("python"));
    let said = succeed(run.arg(script).arg(server.endpoint()).arg(programs.join("aws"))).expect("both clients work");
    assert!(said.contains("boto3: ok") && said.contains("aws cli: ok"), "{said}");
}

#[test]
fn boto3_and_the_aws_cli_deploy_functions_that_are_there_after_a_restart() {
    let programs = clients(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("the real clients");
    let guest = |name: &str, target| guests::build(&root().join("tests/guests").join(name), target).expect("a guest");
    let modules = [guest("conf", guests::DEFAULT_TARGET), guest("command", "wasm32-wasip1")];
    let data = tempfile::tempdir().expect("a folder");
    for (phase, proofs) in [("before", &["boto3: ok", "aws cli: ok"][..]), ("after", &["restart: ok"])] {
        let server = Serving::start(["--data-dir", data.path().to_str().expect("UTF-8")]).expect("a server");
        let mut run = Command::new(programs.join("python"));
        run.arg(root().join("tests/clients/functions.py")).arg(format!("http://{}", server.address));
        let said = succeed(run.arg(programs.join("aws")).args(&modules).arg(phase)).expect("both clients work");
        assert!(proofs.iter().all(|proof| said.contains(proof)), "{said}");
        server.kill().expect("its end");
    }
}

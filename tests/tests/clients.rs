//! boto3 and the AWS CLI against a server, unchanged but for the endpoint.

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

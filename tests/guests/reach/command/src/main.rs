//! A command of WASI's second preview: the event on stdin, the result on stdout.

use std::process::ExitCode;

fn main() -> ExitCode {
    let event = serde_json::from_reader(std::io::stdin()).expect("an event");
    match reach::act(&event) {
        Ok(result) => {
            print!("{result}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("{}", serde_json::json!({ "errorType": "CannotReach", "errorMessage": reason }));
            ExitCode::FAILURE
        }
    }
}

//! A WASI command that behaves as the variable `BEHAVIOUR` says: well, or in each of the ways that a host must bear.

use std::io::{self, Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match behave() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn behave() -> io::Result<ExitCode> {
    match std::env::var("BEHAVIOUR").unwrap_or_default().as_str() {
        "echo" => echo()?,
        "endless-stdout" => write_for_ever(io::stdout())?,
        "endless-stderr" => write_for_ever(io::stderr())?,
        "not-json" => print!("this is no JSON"),
        "nothing" => {}
        "exit-3" => {
            eprintln!("the disk is full");
            return Ok(ExitCode::from(3));
        }
        other => return Err(io::Error::other(format!("the variable BEHAVIOUR is {other:?}"))),
    }
    Ok(ExitCode::SUCCESS)
}

fn echo() -> io::Result<()> {
    let mut event = Vec::new();
    io::stdin().read_to_end(&mut event)?;
    io::stdout().write_all(&event)
}

/// Goes on when the host takes no more, as a program that ignores its errors would.
fn write_for_ever(mut output: impl Write) -> io::Result<()> {
    loop {
        let _ = output.write(&[b'x'; 4096]);
    }
}

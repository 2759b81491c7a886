//! What no client should do.

use serde_json::{Value, json};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::OutputStream;

/// Requests that are sent at once, more than a call may have in flight.
const MANY: usize = 40;
const PART: [u8; 4_096] = [b'x'; 4_096];

pub(crate) fn act(what: &str, url: &str) -> Result<Value, String> {
    match what {
        // Headers of requests are read, and what is forbidden is tried.
        "forbidden-headers" => Ok(forbidden()),
        // An answer is asked for and never read; then it sleeps for ever.
        "never-reads" => {
            let (answer, _) = send(url, Method::Get)?;
            answer.subscribe().block();
            let response = answer.get().ok_or("no answer")?.map_err(|()| "taken")?.map_err(|code| code.to_string())?;
            let _body = response.consume().map_err(|()| "no body")?;
            forever()
        }
        // The request's body is opened and never finished.
        "never-finishes" => {
            let (answer, _body) = send(url, Method::Post)?;
            answer.subscribe().block();
            Ok(told(&answer))
        }
        // The request's body never ends.
        "floods" => {
            let (answer, body) = send(url, Method::Post)?;
            let body = body.ok_or("no body")?;
            let stream = body.write().map_err(|()| "no stream")?;
            while stream.blocking_write_and_flush(&PART).is_ok() {}
            answer.subscribe().block();
            Ok(told(&answer))
        }
        "many" => {
            let sent: Vec<_> = (0..MANY).map(|_| send(url, Method::Get)).collect::<Result<_, _>>()?;
            let told = sent.iter().map(|(answer, _)| {
                answer.subscribe().block();
                told(answer)
            });
            Ok(told.collect())
        }
        // Bodies of requests that are never sent are filled.
        "hoards" => {
            let (mut kept, mut bytes) = (Vec::new(), 0_u64);
            loop {
                let request = OutgoingRequest::new(Fields::new());
                let body = request.body().map_err(|()| "no body")?;
                let stream = body.write().map_err(|()| "no stream")?;
                bytes += fill(&stream);
                kept.push((stream, body, request));
                if kept.len() > 100_000 {
                    return Ok(json!(bytes));
                }
            }
        }
        other => Err(format!("nobody knows how to do `{other}`")),
    }
}

fn fill(stream: &OutputStream) -> u64 {
    let mut bytes = 0;
    while let Ok(room) = stream.check_write() {
        let part = usize::try_from(room).unwrap_or(PART.len()).min(PART.len());
        if part == 0 || stream.write(&PART[..part]).is_err() {
            break;
        }
        bytes += part as u64;
    }
    bytes
}

fn forbidden() -> Value {
    let headers = Fields::new();
    let names = ["host", "connection", "transfer-encoding", "upgrade", "proxy-authorization", "x-own"];
    names.iter().map(|name| json!([name, headers.append(name, b"1").is_ok()])).collect()
}

/// Sends a request; a POST with a body that is still to be written.
fn send(url: &str, method: Method) -> Result<(FutureIncomingResponse, Option<OutgoingBody>), String> {
    let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let request = OutgoingRequest::new(Fields::new());
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    let set = [
        request.set_method(&method),
        request.set_scheme(Some(&scheme)),
        request.set_authority(Some(authority)),
        request.set_path_with_query(Some(path)),
    ];
    if set.contains(&Err(())) {
        return Err(format!("{url} is not a URL"));
    }
    let asked = matches!(method, Method::Post).then(|| request.body());
    let body = asked.transpose().map_err(|()| "no body")?;
    let answer = outgoing_handler::handle(request, None).map_err(|code| code.to_string())?;
    Ok((answer, body))
}

fn told(answer: &FutureIncomingResponse) -> Value {
    match answer.get() {
        Some(Ok(Ok(response))) => json!(response.status()),
        Some(Ok(Err(code))) => json!(code.to_string()),
        Some(Err(())) => json!("taken before"),
        None => json!("nothing yet"),
    }
}

fn forever() -> ! {
    loop {
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}

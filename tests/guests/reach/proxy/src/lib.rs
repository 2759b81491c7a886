//! A proxy component of wasi:http: the event as a POST, the result as the answer. `{"do": "answer", …}` answers what the
//! event says, right or wrong.

use serde_json::{Value, json};
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::StreamError;

wasip2::http::proxy::export!(Proxy);

struct Proxy;

impl wasip2::exports::http::incoming_handler::Guest for Proxy {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let event: Value = serde_json::from_slice(&body(&request)).unwrap_or_default();
        match event["do"].as_str().unwrap_or_default() {
            "request" => answer(out, 200, described(&request).to_string().as_bytes()),
            "answer" => {
                let status = event["status"].as_u64().unwrap_or(200) as u16;
                answer(out, status, event["body"].as_str().unwrap_or_default().as_bytes());
            }
            "answer-large" => {
                let bytes = event["bytes"].as_u64().unwrap_or_default() as usize;
                answer(out, 200, format!("\"{}\"", "x".repeat(bytes - 2)).as_bytes());
            }
            "answer-without-end" => {
                let (response, body) = response(200);
                ResponseOutparam::set(out, Ok(response));
                let stream = body.write().expect("the first to ask");
                while stream.blocking_write_and_flush(&[b'1'; 4_096]).is_ok() {}
            }
            // Neither the body nor its stream is finished when it returns.
            "answer-unfinished" => {
                let (response, body) = response(200);
                ResponseOutparam::set(out, Ok(response));
                let stream = body.write().expect("the first to ask");
                stream.blocking_write_and_flush(b"[1,").expect("the host takes it");
                std::mem::forget((stream, body));
            }
            "answer-error" => ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some("out of cups".to_owned())))),
            "nothing" => (),
            "panic" => panic!("it was told to"),
            "panic-afterwards" => {
                answer(out, 200, b"1");
                panic!("it was told to");
            }
            "hang" => loop {
                std::thread::sleep(std::time::Duration::from_secs(60));
            },
            "spin" => loop {
                std::hint::black_box(());
            },
            _ => match reach::act(&event) {
                Ok(result) => answer(out, 200, result.to_string().as_bytes()),
                Err(reason) => {
                    let error = json!({ "errorType": "CannotReach", "errorMessage": reason });
                    answer(out, 500, error.to_string().as_bytes());
                }
            },
        }
    }
}

fn body(request: &IncomingRequest) -> Vec<u8> {
    let body = request.consume().expect("a request has a body");
    let stream = body.stream().expect("the first to ask");
    let mut text = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(bytes) => text.extend_from_slice(&bytes),
            Err(StreamError::Closed) => return text,
            Err(error) => panic!("{error}"),
        }
    }
}

fn described(request: &IncomingRequest) -> Value {
    let headers = request.headers().entries().into_iter();
    let headers = headers.map(|(name, value)| (name, json!(String::from_utf8_lossy(&value)))).collect();
    let method = if matches!(request.method(), Method::Post) { "POST" } else { "another" };
    json!({ "method": method, "path": request.path_with_query(), "headers": Value::Object(headers) })
}

fn response(status: u16) -> (OutgoingResponse, OutgoingBody) {
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(status).expect("a status");
    let body = response.body().expect("the first to ask");
    (response, body)
}

fn answer(out: ResponseOutparam, status: u16, text: &[u8]) {
    let (response, body) = response(status);
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the first to ask");
    for part in text.chunks(4_096) {
        if stream.blocking_write_and_flush(part).is_err() {
            return;
        }
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("the body is whole");
}

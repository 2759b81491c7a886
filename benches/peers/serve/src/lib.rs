//! What `wasmtime serve` is loaded with: reads an order of about 300 bytes, adds `"processed": true` and writes it, as
//! the guest of our own side does. One read and one write of the body where it fits, so that the peer pays for no more.

use serde_json::{Map, Value};
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::StreamError;

/// The longest order that is read.
const ORDER_BYTES_MAX: usize = 1 << 20;
/// Asked for at once.
const READ_BYTES: u64 = 16 << 10;
/// What one write may carry, by the definition of wasi:io.
const WRITE_BYTES_MAX: usize = 4096;

wasip2::http::proxy::export!(Serve);

struct Serve;

impl wasip2::exports::http::incoming_handler::Guest for Serve {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        match process(&request) {
            Ok(order) => respond(answer, &order),
            Err(problem) => ResponseOutparam::set(answer, Err(ErrorCode::InternalError(Some(problem)))),
        }
    }
}

fn process(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let body = request.consume().map_err(|()| "no body".to_owned())?;
    let text = read(&body)?;
    let mut order: Map<String, Value> = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    order.insert("processed".to_owned(), Value::Bool(true));
    serde_json::to_vec(&order).map_err(|error| error.to_string())
}

fn read(body: &IncomingBody) -> Result<Vec<u8>, String> {
    let stream = body.stream().map_err(|()| "no stream".to_owned())?;
    let mut text = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(bytes) if text.is_empty() => text = bytes,
            Ok(bytes) => text.extend_from_slice(&bytes),
            Err(StreamError::Closed) => return Ok(text),
            Err(error) => return Err(error.to_string()),
        }
        if text.len() > ORDER_BYTES_MAX {
            return Err(format!("over {ORDER_BYTES_MAX} bytes"));
        }
    }
}

fn respond(answer: ResponseOutparam, order: &[u8]) {
    let headers = Fields::new();
    let length = order.len().to_string().into_bytes();
    headers.append("content-length", &length).expect("a header that a guest may set");
    let response = OutgoingResponse::new(headers);
    let body = response.body().expect("the first to ask");
    ResponseOutparam::set(answer, Ok(response));
    let out = body.write().expect("the first to ask");
    for part in order.chunks(WRITE_BYTES_MAX) {
        out.blocking_write_and_flush(part).expect("the host takes the body");
    }
    drop(out);
    OutgoingBody::finish(body, None).expect("as long as its header says");
}

//! Answers: a whole body in one piece, with its headers; or one that is written as it becomes.

use crate::id::Uuid;
use crate::page;
use bytes::Bytes;
use fleetstep_document::Document;
use fleetstep_engine::Timestamp;
use futures_util::stream::{BoxStream, Stream, StreamExt as _};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use std::convert::Infallible;

/// What every request is answered with.
pub(crate) type Reply = Response<ReplyBody>;

/// The body of any answer.
pub type ReplyBody = Either<Full<Bytes>, LiveBody>;
type LiveBody = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

/// A body in one piece.
pub(crate) fn whole(body: impl Into<Bytes>) -> ReplyBody {
    Either::Left(Full::new(body.into()))
}

/// A body that is written piece by piece.
pub(crate) fn live(pieces: impl Stream<Item = Bytes> + Send + 'static) -> ReplyBody {
    Either::Right(StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece))).boxed()))
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// A good answer of the AWS JSON 1.0 protocol, in a map of headers that is not needed any more.
pub(crate) fn aws(body: Bytes, mut headers: HeaderMap) -> Reply {
    headers.clear();
    let mut reply = Response::new(whole(body));
    *reply.headers_mut() = headers;
    add_aws_headers(&mut reply);
    reply
}

/// A refusal of the AWS JSON 1.0 protocol.
pub(crate) fn aws_fault(body: &Document, status: StatusCode) -> Reply {
    let mut reply = Response::new(whole(body.to_json()));
    *reply.status_mut() = status;
    add_aws_headers(&mut reply);
    reply
}

fn add_aws_headers(reply: &mut Reply) {
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    headers.insert(REQUEST_ID, request_id());
}

fn request_id() -> HeaderValue {
    let id = HeaderValue::from_maybe_shared(page::passing(|out| out.extend_from_slice(Uuid::random().as_bytes())));
    id.expect("a UUID is a header value")
}

/// An answer of a REST protocol of AWS's.
pub(crate) fn rest(body: &Document, status: StatusCode) -> Reply {
    let mut reply = json(body, status);
    reply.headers_mut().insert(REQUEST_ID, request_id());
    reply
}

/// An answer of a REST protocol of AWS's without a body.
pub(crate) fn rest_empty(status: StatusCode) -> Reply {
    let mut reply = empty(status);
    reply.headers_mut().insert(REQUEST_ID, request_id());
    reply
}

/// A JSON answer of the plain interface.
pub(crate) fn json(body: &Document, status: StatusCode) -> Reply {
    let mut out = Vec::with_capacity(256);
    body.write_json(&mut out);
    json_bytes(out, status)
}

/// A JSON answer of the plain interface that is written already.
pub(crate) fn json_bytes(body: impl Into<Bytes>, status: StatusCode) -> Reply {
    let mut reply = Response::new(whole(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(whole(Bytes::new()));
    *reply.status_mut() = status;
    reply
}

/// A date of the AWS JSON protocols: seconds since the epoch, with milliseconds.
pub(crate) fn write_epoch_seconds(time: Timestamp, out: &mut Vec<u8>) {
    let millis = time.as_millis().max(0);
    out.extend_from_slice(itoa::Buffer::new().format(millis / 1_000).as_bytes());
    let fraction = (millis % 1_000) as u16;
    let digit = |value: u16| b'0' + (value % 10) as u8;
    out.extend_from_slice(&[b'.', digit(fraction / 100), digit(fraction / 10), digit(fraction)]);
}

/// The same, as a value.
pub(crate) fn epoch_seconds(time: Timestamp) -> Document {
    let mut out = Vec::with_capacity(16);
    write_epoch_seconds(time, &mut out);
    Document::number_from_text(std::str::from_utf8(&out).expect("digits are ASCII"))
}

/// A date of the plain interface: ISO 8601 in UTC, with milliseconds.
pub(crate) fn iso_date(time: Timestamp) -> Document {
    date(time, 3)
}

/// As [`iso_date`], with microseconds.
pub(crate) fn iso_micros(time: Timestamp) -> Document {
    date(time, 6)
}

fn date(time: Timestamp, digits: usize) -> Document {
    match jiff::Timestamp::from_microsecond(time.as_micros()) {
        Ok(time) => Document::from(format!("{time:.digits$}")),
        // Beyond the year 9999: no clock says that.
        Err(_) => Document::NULL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_three_digits_behind_the_point() {
        let cases =
            [(0, "0.000"), (1_720_000_000_123_456, "1720000000.123"), (1_720_000_000_009_999, "1720000000.009")];
        for (micros, expected) in cases {
            let mut out = Vec::new();
            write_epoch_seconds(Timestamp::from_micros(micros), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}

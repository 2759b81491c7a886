//! What of a request becomes an input, and of an output an answer.

use fleetstep_document::Document;
use fleetstep_trigger::{Answer, AnswerBody, Content, Request, Route, RouteSpec, Unreadable};
use http::{HeaderMap, Method};
use serde_json::{Value, json};

fn route(more: Value) -> Route {
    let mut spec = json!({"method": "POST", "path": "/orders/{id}", "workflow": "w"});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    RouteSpec::from_json(spec.to_string().as_bytes(), "r").and_then(RouteSpec::compile).expect("a route")
}

fn document(value: &Value) -> Document {
    Document::parse(value.to_string().as_bytes()).expect("JSON")
}

fn value(document: &Document) -> Value {
    serde_json::from_str(&document.to_json()).expect("JSON")
}

fn asked(content: Content, body: &str, is_authorized: bool) -> Result<Document, Unreadable> {
    let mut headers = HeaderMap::new();
    for (name, value) in [("x-a", "1"), ("x-a", "2"), ("authorization", "Bearer secret"), ("host", "h")] {
        headers.append(name, value.parse().unwrap());
    }
    Request {
        method: &Method::POST,
        path: "/orders/a%2Fb%20c",
        parameters: &[("id".into(), "a%2Fb%20c".to_owned())],
        query: "a=1&b=x+y&a=2&c&a=3",
        headers: &headers,
        content,
        body,
        is_authorized,
    }
    .document()
}

#[test]
fn a_request_is_shown_with_all_its_parts() {
    let expected = json!({
        "method": "POST", "path": "/orders/a%2Fb%20c", "parameters": {"id": "a/b c"},
        "query": {"a": ["1", "2", "3"], "b": "x y", "c": ""},
        "headers": {"x-a": "1, 2", "host": "h"}, "body": {"n": 1}
    });
    assert_eq!(value(&asked(Content::Json, "{\"n\":1}", true).unwrap()), expected);
    let open = value(&asked(Content::Json, "{\"n\":1}", false).unwrap());
    assert_eq!(open["headers"]["authorization"], "Bearer secret", "what is not this server's is the workflow's");
    let form = value(&asked(Content::Form, "command=%2Fgo&text=a+b", true).unwrap());
    assert_eq!(
        (&form["body"], &form["form"]),
        (&json!("command=%2Fgo&text=a+b"), &json!({"command": "/go", "text": "a b"}))
    );
    assert_eq!(value(&asked(Content::Text, "a", true).unwrap())["body"], "a");
    assert_eq!(value(&asked(Content::Nothing, "", true).unwrap())["body"], Value::Null);
    assert!(matches!(asked(Content::Json, "{", true), Err(Unreadable::Body(_))));
}

#[test]
fn media_types_are_told_apart() {
    for (media_type, content) in [
        ("application/json", Some(Content::Json)),
        ("application/cloudevents+json", Some(Content::Json)),
        ("application/x-www-form-urlencoded", Some(Content::Form)),
        ("text/plain", Some(Content::Text)),
        ("text/xml", Some(Content::Text)),
        ("image/svg+xml", Some(Content::Text)),
        ("application/octet-stream", None),
        ("multipart/form-data", None),
        ("", None),
    ] {
        assert_eq!(Content::of(media_type), content, "{media_type}");
    }
}

#[test]
fn without_an_expression_the_input_is_the_request_but_for_its_headers() {
    let request = asked(Content::Json, "[1]", false).unwrap();
    let input = value(&route(json!({})).input(&request, 0, 0).unwrap());
    let members: Vec<&str> = input.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["body", "method", "parameters", "path", "query"]);
}

#[test]
fn an_expression_makes_the_input() {
    let request = asked(Content::Json, "{\"items\":[{\"price\":2},{\"price\":3}]}", true).unwrap();
    for (input, expected) in [
        (json!("{% $request.body %}"), json!({"items": [{"price": 2}, {"price": 3}]})),
        (
            json!({"id": "{% $request.parameters.id %}", "total": "{% $sum($request.body.items.price) %}", "fixed": [1]}),
            json!({"id": "a/b c", "total": 5, "fixed": [1]}),
        ),
        (json!("{% $request.headers.`x-a` %}"), json!("1, 2")),
        (json!("{% $now() %}"), json!("1970-01-01T00:00:01.000Z")),
        (json!({"nothing": null}), json!({"nothing": null})),
    ] {
        let found = route(json!({"input": input})).input(&request, 1_000_000, 7).unwrap();
        assert_eq!(value(&found), expected, "{input}");
    }
    let error = route(json!({"input": {"a": "{% $request.body.none %}"}})).input(&request, 0, 0).unwrap_err();
    assert!(error.message.contains("input/a") && error.message.contains("undefined"), "{error}");
}

#[test]
fn an_expression_makes_the_answer() {
    let request = document(&json!({"parameters": {"id": "7"}}));
    let output = document(&json!({"total": 5, "code": 418, "html": "<p>"}));
    let answer = |template: Value, output: Option<&Document>| {
        let execution = document(&json!({"arn": "arn:x", "name": "x"}));
        route(json!({"output": template})).answer(&request, output, execution, 0, 0).expect("it has one")
    };
    let told = |answer: Answer| {
        let headers: Vec<String> =
            answer.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        let body = match answer.body {
            None => Value::Null,
            Some(AnswerBody::Text(text)) => json!(["text", text.as_str()]),
            Some(AnswerBody::Json(document)) => value(&document),
        };
        json!([answer.status.map(|status| status.as_u16()), headers, body])
    };
    for (template, expected) in [
        (json!({}), json!([null, [], null])),
        (
            json!({"body": "{% $output %}"}),
            json!([null, ["content-type: application/json"], {"total": 5, "code": 418, "html": "<p>"}]),
        ),
        (
            json!({"status": "{% $output.code %}", "body": "{% $output.html %}", "headers": {"Content-Type": "text/html"}}),
            json!([418, ["content-type: text/html"], ["text", "<p>"]]),
        ),
        (
            json!({"status": 201, "headers": {"location": "{% '/orders/' & $request.parameters.id %}", "set-cookie": ["a=1", "b=2"], "x-n": 5}}),
            json!([201, ["location: /orders/7", "set-cookie: a=1", "set-cookie: b=2", "x-n: 5"], null]),
        ),
        (json!({"body": "plain"}), json!([null, ["content-type: text/plain; charset=utf-8"], ["text", "plain"]])),
        (json!({"body": null}), json!([null, ["content-type: application/json"], null])),
    ] {
        assert_eq!(told(answer(template.clone(), Some(&output)).expect("an answer")), expected, "{template}");
    }
    for (template, complaint) in [
        (json!("{% $output.total %}"), "has to be an object"),
        (json!({"code": 200}), "has to be an object"),
        (json!({"status": 99}), "200 to 599"),
        (json!({"status": 101}), "200 to 599"),
        (json!({"status": "200"}), "200 to 599"),
        (json!({"headers": []}), "object of texts"),
        (json!({"headers": {"a": {}}}), "object of texts"),
        (json!({"headers": {"a b": "1"}}), "cannot be a header"),
        (json!({"headers": {"Content-Length": "1"}}), "cannot be a header"),
        (json!({"headers": {"transfer-encoding": "chunked"}}), "cannot be a header"),
        (json!({"headers": {"a": "x\r\nset-cookie: y"}}), "characters it cannot"),
        (json!({"headers": {"a": "x".repeat(9_000)}}), "8192 bytes"),
        (json!({"headers": {"a": vec!["x"; 33]}}), "32 headers"),
        (json!({"body": "{% $output.none %}"}), "undefined"),
    ] {
        let found = answer(template.clone(), Some(&output)).expect_err("no answer");
        assert!(found.contains(complaint), "{template}: {found}");
    }
    let started = json!({"status": 202, "body": {"see": "{% $execution.arn %}"}});
    assert_eq!(told(answer(started, None).unwrap())[2], json!({"see": "arn:x"}));
    assert!(answer(json!({"body": "{% $output %}"}), None).is_err(), "there is no output yet");
}

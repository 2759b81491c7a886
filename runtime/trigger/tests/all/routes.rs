//! Routes: which request finds which, and what cannot be.

use fleetstep_trigger::{Found, Route, RouteSpec, Routes};
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;

fn compiled(spec: &Value) -> Result<Route, String> {
    let mut spec = spec.clone();
    let members = spec.as_object_mut().expect("an object");
    for (name, value) in [("method", "POST"), ("path", "/a"), ("workflow", "w")] {
        members.entry(name).or_insert_with(|| json!(value));
    }
    let name = members.get("name").and_then(Value::as_str).unwrap_or("r").to_owned();
    let spec = RouteSpec::from_json(spec.to_string().as_bytes(), &name);
    spec.and_then(RouteSpec::compile).map_err(|problems| problems.to_string())
}

fn route(name: &str, method: &str, path: &str) -> Arc<Route> {
    let spec = json!({"name": name, "method": method, "path": path});
    Arc::new(compiled(&spec).unwrap_or_else(|problems| panic!("{path}: {problems}")))
}

#[test]
fn the_nearest_route_is_found_and_its_parameters_are() {
    let routes = Routes::new([
        route("all", "GET", "/orders"),
        route("one", "GET", "/orders/{id}"),
        route("latest", "GET", "/orders/latest"),
        route("put", "PUT", "/orders/{order}"),
        route("item", "GET", "/orders/{id}/items/{item}"),
        route("files", "GET", "/files/{*path}"),
    ])
    .expect("a table");
    for (method, path, expected) in [
        ("GET", "/orders", "all"),
        ("GET", "/orders/7", "one id=7"),
        ("GET", "/orders/a%2Fb", "one id=a%2Fb"),
        ("GET", "/orders/latest", "latest"),
        ("PUT", "/orders/latest", "put order=latest"),
        ("GET", "/orders/7/items/x", "item id=7 item=x"),
        ("GET", "/files/a/b/c", "files path=a/b/c"),
        ("POST", "/orders/7", "other methods: GET PUT"),
        ("OPTIONS", "/orders/7", "other methods: GET PUT"),
        ("GET", "/orders/", "nothing"),
        ("GET", "/orders/7/", "nothing"),
        ("GET", "/files/", "nothing"),
        ("GET", "/Orders", "nothing"),
        ("GET", "/", "nothing"),
        ("GET", "", "nothing"),
    ] {
        let found = match routes.find(&method.parse::<Method>().unwrap(), path) {
            Found::Nothing => "nothing".to_owned(),
            Found::OtherMethods(routes) => {
                let mut names: Vec<&str> = routes.iter().map(|route| route.method().as_str()).collect();
                names.sort_unstable();
                format!("other methods: {}", names.join(" "))
            }
            Found::Route(route, parameters) => {
                let name = |(name, value): &(_, String)| format!(" {name}={value}");
                format!("{}{}", route.spec().name, parameters.iter().map(name).collect::<String>())
            }
        };
        assert_eq!(found, expected, "{method} {path}");
    }
    assert_eq!(routes.get("one").map(|route| route.spec().path.as_str()), Some("/orders/{id}"));
    assert!(routes.get("two").is_none());
}

#[test]
fn two_routes_for_one_request_are_refused() {
    for (path, other, is_refused) in [
        ("/a/{id}", "/a/{id}", true),
        ("/a/{id}", "/a/{name}", true),
        ("/a/b", "/a/b", true),
        ("/a/{id}", "/a/{id}/b", false),
        ("/a/{id}", "/a/b", false),
        ("/a/{*rest}", "/a/b", false),
        ("/a/{*rest}", "/a/{id}", true),
    ] {
        let table = Routes::new([route("one", "GET", path), route("two", "GET", other), route("x", "GET", "/x")]);
        match table {
            Ok(_) => assert!(!is_refused, "{path} {other}"),
            Err(conflict) => {
                assert!(is_refused, "{path} {other}: {conflict}");
                let expected = format!("route 'two' would answer what route 'one' answers: GET {path}");
                assert_eq!(conflict.to_string(), expected);
            }
        }
        assert!(Routes::new([route("one", "GET", path), route("two", "PUT", other)]).is_ok(), "{path} {other}");
    }
}

#[test]
fn everything_that_is_wrong_with_a_spec_is_told_at_once_and_with_its_place() {
    for (spec, told) in [
        (json!({"path": "a"}), &["/path: a path begins with /"][..]),
        (json!({"path": "/"}), &["/path: a path has a name behind"]),
        (json!({"path": "//a"}), &["/path: a path has a name behind"]),
        (json!({"path": "/v1/x"}), &["/path: what begins with /v1 is the server's own"]),
        (json!({"path": "/metrics"}), &["server's own"]),
        (json!({"path": "/2015-03-31/functions"}), &["server's own"]),
        (json!({"path": "/~1/a"}), &["server's own"]),
        (json!({"path": "/a b"}), &["/path, at 2: a path has no such character"]),
        (json!({"path": "/a?b"}), &["/path, at 2"]),
        (json!({"path": "/a/../b"}), &["clients resolve"]),
        (json!({"path": "/a/{"}), &["/path: Parameters must"]),
        (json!({"path": "/a/{x}{y}"}), &["/path: Only one parameter"]),
        (json!({"path": "/a/{*x}/b"}), &["/path: Catch-all"]),
        (json!({"path": format!("/{}", "a".repeat(600))}), &["/path: a path has 512 bytes"]),
        (json!({"path": format!("/a{}", "/{x}".repeat(17))}), &["16 parameters"]),
        (json!({"method": "HEAD"}), &["/method: it has to be GET, POST"]),
        (
            json!({"method": "get", "workflow": "a:b:c", "name": "a b"}),
            &["/method", "/workflow: this is no", "/name: a name"],
        ),
        (json!({"workflow": ""}), &["/workflow"]),
        (json!({"pth": 1}), &["unknown field `pth`"]),
        (json!({"mode": "later"}), &["unknown variant `later`"]),
        (
            json!({"input": "{% $request.( %}", "output": {"body": "{% $foo %}"}}),
            &["/input, at ", "/output/body: there is no $foo here; there is $request, $output, $execution"],
        ),
        (json!({"input": {"a": [1, "{% $output %}"]}}), &["/input/a/1: there is no $output here; there is $request"]),
        (json!({"input": "{% $states.input %}"}), &["/input: there is no $states here"]),
        (json!({"input": "{% order.id %}"}), &["/input, at 3: Reference to 'order'"]),
        (json!({"cors": {"origins": []}}), &["/cors: there are 1 to 32"]),
        (json!({"cors": {"origins": ["https://a.example/"]}}), &["/cors: 'https://a.example/' is no origin"]),
        (json!({"cors": {"origins": ["*", "https://a.example"]}}), &["/cors"]),
        (json!({"cors": {"origins": ["*"], "headers": ["a b"]}}), &["/cors: 'a b' is no header's name"]),
        (json!({"input": "x".repeat(70_000)}), &["a route has 65536 bytes at most"]),
    ] {
        let problems = compiled(&spec).expect_err("refused");
        for told in told {
            assert!(problems.contains(told), "{spec}\n{problems}\nlacks {told}");
        }
    }
    let other = RouteSpec::from_json(br#"{"name":"a","method":"GET","path":"/a","workflow":"w"}"#, "b");
    assert!(other.unwrap_err().to_string().contains("it has to be 'b' here"));
    assert!(RouteSpec::from_json(b"[", "b").unwrap_err().to_string().contains("line 1 column 1"));
}

#[test]
fn functions_of_the_library_are_no_variables() {
    let spec = json!({"input": "{% $map($keys($request.query), $uppercase) %}"});
    compiled(&spec).expect("a route");
}

#[test]
fn who_may_use_a_route_without_a_token_is_said_by_it() {
    let verify = json!({"scheme": "github", "secrets": ["long enough"]});
    for (spec, is_open) in [
        (json!({}), false),
        (json!({"public": false}), false),
        (json!({"public": true}), true),
        (json!({"verify": verify}), true),
        (json!({"cors": {"origins": ["*"]}}), false),
    ] {
        assert_eq!(compiled(&spec).expect("a route").is_open(), is_open, "{spec}");
    }
}

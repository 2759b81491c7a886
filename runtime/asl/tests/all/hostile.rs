//! Texts made to break the compiler: it may refuse them, and must do so soon and without a panic.

use fleetstep_asl::{Code, Format, Options, WorkflowType, code_frame, compile};

const LARGEST_BYTES: usize = 1_048_576;

fn check(text: &str, format: Format) -> Vec<Code> {
    let mut codes = Vec::new();
    for target in [None, Some(WorkflowType::Express)] {
        let compilation = compile(text, &Options { format, target, ..Options::default() });
        for diagnostic in compilation.diagnostics.iter().take(20) {
            assert!(!code_frame("x", text, diagnostic).is_empty());
        }
        codes = compilation.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    }
    codes
}

/// `open` as often as fits, or `open` and `close` around nothing, `depth` deep.
fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("{}{}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn depth() {
    let deep = LARGEST_BYTES / 8;
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[", ""), ("{\"a\":", "")] {
        assert_eq!(check(&nested(open, close, deep), Format::Json), [Code::TooDeeplyNested], "{open}");
    }
    for (open, close) in [("- ", ""), ("? ", ""), ("[", "]"), ("{a: ", "}")] {
        assert!(!check(&nested(open, close, deep), Format::Yaml).is_empty(), "{open}");
    }
}

/// Parallel states within each other, as deep as they may be, go through every recursion of the compiler.
#[test]
fn states_within_states() {
    let open = r#"{"StartAt":"%","States":{"%":{"Type":"Parallel","End":true,"Branches":["#;
    for (depth, code) in [(31, None), (40, Some(Code::TooDeeplyNested))] {
        let mut text = String::new();
        for level in 0..depth {
            text.push_str(&open.replace('%', &format!("s{level}")));
        }
        text.push_str(r#"{"StartAt":"end","States":{"end":{"Type":"Succeed"}}}"#);
        text.push_str(&"]}}}".repeat(depth));
        assert_eq!(check(&text, Format::Json).first().copied(), code, "{depth} levels");
    }
    let mut condition = String::from(r#"{"Variable":"$.a","IsNull":true}"#);
    for _ in 0..100 {
        condition = format!(r#"{{"Not":{condition}}}"#);
    }
    let rule = condition.replacen("{\"Not\"", "{\"Next\":\"B\",\"Not\"", 1);
    let text = format!(
        r#"{{"StartAt":"A","States":{{"A":{{"Type":"Choice","Choices":[{rule}]}},"B":{{"Type":"Succeed"}}}}}}"#
    );
    assert_eq!(check(&text, Format::Json), []);
}

#[test]
fn size() {
    assert_eq!(check(&" ".repeat(LARGEST_BYTES + 1), Format::Json), [Code::SchemaValidationFailed]);
    let states: Vec<String> =
        (0..9_000).map(|at| format!(r#""s{at}":{{"Type":"Pass","Next":"s{}"}}"#, at + 1)).collect();
    let text = format!(r#"{{"StartAt":"s0","States":{{{},"s9000":{{"Type":"Succeed"}}}}}}"#, states.join(","));
    assert_eq!(check(&text, Format::Json), []);
    // Each of them is an error of its own.
    let text = text.replace("\"Next\"", "\"Nxet\"");
    assert!(check(&text, Format::Json).len() > 9_000);
    let keys: Vec<String> = (0..40_000).map(|at| format!("\"k{at}\":[{at}]")).collect();
    assert!(check(&format!("{{{}}}", keys.join(",")), Format::Json).len() > 40_000);
    let keys: Vec<String> = (0..70_000).map(|at| format!("\"k{at}.$\":1")).collect();
    let text = format!(
        r#"{{"StartAt":"A","States":{{"A":{{"Type":"Pass","End":true,"Parameters":{{{}}}}}}}}}"#,
        keys.join(",")
    );
    assert_eq!(check(&text, Format::Json).len(), 70_000);
    let states: Vec<String> = (0..9_000).map(|at| format!(r#""s{at}":{{"Type":"Pass","Next":"{at}"}}"#)).collect();
    let text = format!(r#"{{"StartAt":"s0","States":{{{}}}}}"#, states.join(","));
    assert!(check(&text, Format::Json).len() >= 9_000);
    check(&format!("\"{}", "\\u0041".repeat(100_000)), Format::Json);
}

#[test]
fn variables() {
    let chain = |state: &dyn Fn(usize) -> String| {
        let states: Vec<String> =
            (0..6_000).map(|at| format!(r#""s{at}":{{"Type":"Pass",{}"Next":"s{}"}}"#, state(at), at + 1)).collect();
        let text = format!(r#"{{"StartAt":"s0","States":{{{},"s6000":{{"Type":"Succeed"}}}}}}"#, states.join(","));
        check(&text, Format::Json)
    };
    // Each reads what the one before it has assigned; each reads what only the last one assigns.
    let first = chain(&|at| format!(r#""Assign":{{"v{}.$":"$v{at}"}},"#, at + 1));
    assert_eq!(first, [Code::PossiblyUndefinedVariable]);
    let last = chain(&|at| format!(r#""Assign":{{"{}":1}},"InputPath":"$v","#, if at == 5_999 { "v" } else { "w" }));
    assert_eq!(last.len(), 6_000);
    let names: Vec<String> = (0..40_000).map(|at| format!("\"n{at}\":1")).collect();
    let text =
        format!(r#"{{"StartAt":"A","States":{{"A":{{"Type":"Pass","End":true,"Assign":{{{}}}}}}}}}"#, names.join(","));
    assert_eq!(check(&text, Format::Json), []);
}

#[test]
fn expressions() {
    let pass = |value: &str| {
        format!(
            r#"{{"QueryLanguage":"JSONata","StartAt":"A","States":{{"A":{{"Type":"Pass","Output":{value},"End":true}}}}}}"#
        )
    };
    let invalid = [Code::InvalidJsonataExpression];
    for deep in ["(", "[", "{'a':", "-", "$f(", "1+(", "$x:=", "function($x){"] {
        let text = pass(&format!("\"{{% {} %}}\"", deep.repeat(LARGEST_BYTES / 16)));
        assert_eq!(check(&text, Format::Json), invalid, "{deep}");
    }
    let many = vec!["\"{% $states.input.a[b > 1].c %}\""; 20_000].join(",");
    assert_eq!(check(&pass(&format!("[{many}]")), Format::Json), []);
}

#[test]
fn aliases() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(", ")));
    }
    assert!(!check(&text, Format::Yaml).is_empty());
    assert!(!check("a: &a [*a]", Format::Yaml).is_empty());
    let chain: String = (1..300).map(|at| format!("b{at}: &b{at} [*b{}]\n", at - 1)).collect();
    assert!(!check(&format!("b0: &b0 1\n{chain}"), Format::Yaml).is_empty());
}

/// Real definitions with bytes dropped, doubled, swapped and replaced.
#[test]
fn mutations() {
    const SEED: u64 = 20_261_122;
    const ROUNDS: usize = 4_000;
    let json = include_str!("../data/seed.json");
    let yaml = include_str!("../data/seed.yaml");
    assert!(check(json, Format::Json).iter().all(|&code| code == Code::NotSupported));
    assert_eq!(check(yaml, Format::Yaml), []);
    let jsonata = include_str!("../data/seed_jsonata.json");
    assert_eq!(compile(jsonata, &Options::default()).diagnostics, []);
    let seeds = [(json, Format::Json), (yaml, Format::Yaml), (jsonata, Format::Json)];
    let spice = "{}[]\",:\\$.*@?()'-+0123456789eE \n\ttruefalsenullStates.Format&*|>%!#\u{e9}\u{1f600}";
    let spice: Vec<char> = spice.chars().collect();
    let mut random = fastrand::Rng::with_seed(SEED);
    for round in 0..ROUNDS {
        let (source, format) = seeds[round % seeds.len()];
        let mut text: Vec<char> = source.chars().collect();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..text.len());
            let other = random.usize(..text.len());
            match random.u8(..5) {
                0 => drop(text.remove(at)),
                1 => text.insert(at, spice[random.usize(..spice.len())]),
                2 => text[at] = spice[random.usize(..spice.len())],
                3 => text.swap(at, other),
                _ => text.truncate(at),
            }
            if text.is_empty() {
                break;
            }
        }
        let text: String = text.into_iter().collect();
        let outcome = std::panic::catch_unwind(|| check(&text, format));
        assert!(outcome.is_ok(), "seed {SEED}, round {round}: {text}");
    }
}

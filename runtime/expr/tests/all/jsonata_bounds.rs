//! JSONata under attack: each expression must come to an error or a value on a thread of two megabytes.

use fleetstep_expr::jsonata::{Ambient, Budget, Jsonata};

struct Still;

impl Ambient for Still {
    fn now_millis(&self) -> i64 {
        0
    }

    fn random(&mut self) -> f64 {
        0.5
    }
}

/// The code of the error, or the result as JSON.
fn outcome(source: &str) -> String {
    let source = source.to_owned();
    let run = move || {
        let mut world = Still;
        let mut budget = Budget::new(&mut world);
        let answer = Jsonata::compile(&source).and_then(|compiled| compiled.evaluate(None, [], &mut budget));
        match answer {
            Ok(answer) => answer.into_document().map_or_else(|| "nothing".to_owned(), |document| document.to_json()),
            Err(error) => error.code().as_str().to_owned(),
        }
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).expect("a thread");
    thread.join().expect("no panic")
}

/// Expressions of a shape, and what they must come to.
#[test]
fn stays_within_bounds() {
    let n = 20_000;
    let cases = [
        ("parentheses", "(".repeat(n), "U1001"),
        ("closed parentheses", format!("{}1{}", "(".repeat(n), ")".repeat(n)), "U1001"),
        ("arrays", "[".repeat(n), "U1001"),
        ("objects", "{\"a\":".repeat(n), "U1001"),
        ("minus signs", "-".repeat(n), "U1001"),
        ("a long sum", format!("1{}", "+1".repeat(n)), "U1001"),
        ("a long path", format!("a{}", ".a".repeat(n)), "U1001"),
        ("predicates", format!("a{}", "[0]".repeat(n)), "U1001"),
        ("conditions", "1?".repeat(n), "U1001"),
        ("functions", "function(){".repeat(n), "U1001"),
        ("a sum of a hundred", format!("1{}", "+1".repeat(99)), "100"),
        ("endless recursion", "($f := function($n){1 + $f($n)}; $f(1))".to_owned(), "U1001"),
        ("endless tail recursion", "($f := function($n){$f($n)}; $f(1))".to_owned(), "U1001"),
        ("mutual recursion through a map", "($f := function($n){$map([1], $f)}; $f(1))".to_owned(), "U1001"),
        ("recursion through eval", "($f := function(){$eval('[$f()]')}; $f())".to_owned(), "U1001"),
        (
            "nesting arrays",
            "($f := function($n, $a){$n = 0 ? $a : $f($n - 1, [[$a]])}; $f(100000, 1))".to_owned(),
            "U1001",
        ),
        (
            "nesting arrays in a loop",
            "$reduce([1..100000], function($a, $i){[[$a]]}, 1)".to_owned(),
            "U1001",
        ),
        (
            "nesting objects in a loop",
            "$reduce([1..100000], function($a, $i){{'a': $a}}, 1)".to_owned(),
            "U1001",
        ),
        (
            "doubling an array in a loop",
            "$reduce([1..100], function($a, $i){$append($a, $a)}, [1])".to_owned(),
            "U1001",
        ),
        (
            "doubling a string in a loop",
            "$reduce([1..100], function($a, $i){$a & $a}, 'a')".to_owned(),
            "U1001",
        ),
        (
            "loops in loops",
            "$map([1..1000], function($i){$map([1..1000], function($j){$filter([1..1000], function($k){$k = $i})})})"
                .to_owned(),
            "U1001",
        ),
        ("a path of ranges", "$sum([1..3000].([1..3000].($ + 1)))".to_owned(), "U1001"),
        (
            "nesting objects",
            "($f := function($n, $a){$n = 0 ? $a : $f($n - 1, {'a': $a})}; $f(100000, 1))".to_owned(),
            "U1001",
        ),
        (
            "a chain of closures",
            "($f := function($n, $g){$n = 0 ? 1 : $f($n - 1, function(){$g()})}; $f(20000, function(){1}))".to_owned(),
            "1",
        ),
        (
            "a chain of functions",
            "($f := function($n, $g){$n = 0 ? 1 : $f($n - 1, $g ~> $g)}; $f(100000, function($x){$x}))".to_owned(),
            "U1001",
        ),
        (
            "doubling a string",
            "($f := function($n, $s){$n = 0 ? $s : $f($n - 1, $s & $s)}; $f(64, 'a'))".to_owned(),
            "U1001",
        ),
        (
            "comparing what holds itself twice",
            "($f := function($n, $a){$n = 0 ? $a : $f($n - 1, {'a': $a, 'b': $a})}; $f(60, 1) = $f(60, 1))".to_owned(),
            "U1001",
        ),
        (
            "casting what holds itself twice",
            "($f := function($n, $a){$n = 0 ? $a : $f($n - 1, [[$a], [$a]])}; $f(60, 0) ? 1 : 2)".to_owned(),
            "U1001",
        ),
        (
            "writing what holds itself twice",
            "($f := function($n, $a){$n = 0 ? $a : $f($n - 1, {'a': $a, 'b': $a})}; $string($f(60, 1)))".to_owned(),
            "U1001",
        ),
        (
            "giving what holds itself twice",
            "($f := function($n, $a){$n = 0 ? $a : $f($n - 1, {'a': $a, 'b': $a})}; $f(60, 1))".to_owned(),
            "U1001",
        ),
        (
            "a chain of frames",
            "($s := 'function(){$eval($s)}'; $f := function($n, $g){$n = 0 ? 1 : $f($n - 1, $g())}; $f(20000, $eval($s)))"
                .to_owned(),
            "1",
        ),
        ("places without end", "($a := [1..1000]; $count($a[[1..10000000]]))".to_owned(), "U1001"),
        (
            "measuring a long text again and again",
            "($d := function($n, $s){$n = 0 ? $s : $d($n - 1, $s & $s)}; $s := $d(22, 'a');
              $f := function($n){$n = 0 ? 1 : ($length($s); $f($n - 1))}; $f(100000))"
                .to_owned(),
            "U1001",
        ),
        (
            "copying an array again and again",
            "($a := [1..100000]; $f := function($n){$n = 0 ? 1 : ($count($a[]); $f($n - 1))}; $f(100000))".to_owned(),
            "U1001",
        ),
        ("a range of ranges", "$count([1..10000000].[1..10000000])".to_owned(), "U1001"),
        ("a range that is too long", "[1..10000001]".to_owned(), "D2014"),
        ("a catastrophic regex", format!("$match('{}', /^(a+)+$/)", "a".repeat(40) + "b"), "U1001"),
        ("a signature that backtracks", format!("function($a)<{}s>{{1}}(1)", "x?".repeat(60)), "T0410"),
    ];
    for (name, source, expected) in cases {
        assert_eq!(outcome(&source), expected, "{name}");
    }
}

/// What a function that is bound in its own frame holds is let go of: a leak would grow without end.
#[test]
fn deep_recursion_that_fits() {
    assert_eq!(outcome("($f := function($n){$n = 0 ? 0 : 1 + $f($n - 1)}; $f(60))"), "60");
    assert_eq!(outcome("($f := function($n, $s){$n = 0 ? $s : $f($n - 1, $s + $n)}; $f(10000, 0))"), "50005000");
}

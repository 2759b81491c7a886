//! Expressions by chance: from the grammar, or from known ones with pieces put in, taken out and moved.

use crate::engines::Case;
use fastrand::Rng;

/// What expressions are evaluated over.
const INPUTS: &[Option<&str>] = &[
    None,
    Some(r#"{"a":1,"b":"x","c":[1,2,3]}"#),
    Some(r#"{"a":{"b":{"c":[{"x":1,"y":"p"},{"x":2,"y":"q"}]}},"x":[{"b":1},{"b":2},{"b":[3,4]}]}"#),
    Some("[1,2,[3,4]]"),
    Some(r#"{"a":[{"b":[{"c":1},{"c":2}]},{"b":{"c":3}}],"b":null,"c":true,"x":"abc"}"#),
    Some(r#"[{"a":1,"b":2},{"a":3,"b":4}]"#),
    Some(r#""str""#),
    Some("5"),
    Some("[]"),
    Some(r#"{"a":[],"b":{},"c":[[1],[2,[3]]]}"#),
];

const LITERALS: &[&str] = &[
    "1",
    "0",
    "2",
    "-1",
    "1.5",
    "10",
    "3.14159",
    "1e3",
    "\"x\"",
    "\"a\"",
    "\"abc\"",
    "\"\"",
    "\"12\"",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "[1,2]",
    "[3,1,2]",
    "{\"a\":1}",
    "[\"a\",\"b\"]",
    "[[1,2],[3]]",
    "/a/",
    "/[a-c]/i",
    "/(a)(b)?/",
];

const NAMES: &[&str] = &["a", "b", "c", "x", "`a`", "\"a\""];

const VARIABLES: &[&str] = &["$v", "$i", "$x", "$", "$$", "$f"];

const OPERATORS: &[&str] =
    &["+", "-", "*", "/", "%", "=", "!=", "<", ">", "<=", ">=", "&", "and", "or", "in", "~>", "??", "?:", "."];

/// Functions of the library that give the same in both engines, whatever the time and chance.
const FUNCTIONS: &[&str] = &[
    "sum",
    "count",
    "max",
    "min",
    "average",
    "string",
    "substring",
    "substringBefore",
    "substringAfter",
    "lowercase",
    "uppercase",
    "length",
    "trim",
    "pad",
    "match",
    "contains",
    "replace",
    "split",
    "join",
    "formatNumber",
    "formatBase",
    "formatInteger",
    "parseInteger",
    "number",
    "floor",
    "ceil",
    "round",
    "abs",
    "sqrt",
    "power",
    "boolean",
    "not",
    "map",
    "zip",
    "filter",
    "single",
    "reduce",
    "sift",
    "keys",
    "lookup",
    "append",
    "exists",
    "spread",
    "merge",
    "reverse",
    "each",
    "error",
    "assert",
    "type",
    "sort",
    "distinct",
    "base64encode",
    "base64decode",
    "encodeUrlComponent",
    "encodeUrl",
    "decodeUrlComponent",
    "decodeUrl",
    "toMillis",
    "fromMillis",
    "clone",
    "eval",
    "now",
    "millis",
];

/// Those whose second argument is a function.
const HIGHER_ORDER: &[&str] = &["map", "filter", "single", "reduce", "sift", "each", "sort"];

const TOKENS: &[&str] = &[
    ".", "[", "]", "{", "}", "(", ")", ",", "@$v", "#$i", ";", ":", "?", "+", "-", "*", "/", "%", "|", "=", "<", ">",
    "^", "**", "..", ":=", "!=", "<=", ">=", "~>", "?:", "??", " and ", " or ", " in ", "&", "!", "~", "$", "$$",
    "\"a\"", "a", "1", "`", "'", "\"", "/a/", "true", "null", "function", "λ", "[]", " ", "/*x*/", "$v", "-1", "0",
];

/// Longer expressions are not evaluated.
const EXPRESSION_CHARS_MAX: usize = 300;

/// Makes cases from a seed.
pub(crate) struct Generator {
    chance: Rng,
    corpus: Vec<String>,
}

impl Generator {
    /// Begins.
    pub(crate) fn new(seed: u64, corpus: Vec<String>) -> Self {
        Self { chance: Rng::with_seed(seed), corpus }
    }

    /// The next case.
    pub(crate) fn case(&mut self) -> Case {
        loop {
            let depth = self.chance.u32(1..4);
            let expression = match self.chance.u32(..10) {
                0..5 => self.expression(depth),
                5 => {
                    let made = self.expression(2);
                    self.mutated(made)
                }
                _ => {
                    let known = self.known();
                    self.mutated(known)
                }
            };
            let by_chance = expression.contains("random") || expression.contains("shuffle");
            if !by_chance && expression.chars().count() <= EXPRESSION_CHARS_MAX {
                return Case { expression, input: self.pick(INPUTS) };
            }
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.chance.usize(..from.len())]
    }

    fn known(&mut self) -> String {
        self.corpus[self.chance.usize(..self.corpus.len())].clone()
    }

    fn expression(&mut self, depth: u32) -> String {
        if depth == 0 {
            let leaves = [LITERALS, NAMES, NAMES, VARIABLES, &["*", "**", "%"]];
            let leaves = self.pick(&leaves);
            return self.pick(leaves).to_owned();
        }
        let depth = depth - 1;
        match self.chance.u32(..24) {
            0..6 => self.path(depth),
            6..10 => format!("{} {} {}", self.expression(depth), self.pick(OPERATORS), self.expression(depth)),
            10..14 => self.call(depth),
            14 => self.list("[", ",", "]", depth),
            15 => format!("[{}..{}]", self.expression(0), self.expression(0)),
            16 => format!("{{\"k\":{},{}:{}}}", self.expression(depth), self.expression(0), self.expression(depth)),
            17 => self.list("(", "; ", ")", depth),
            18 => format!(
                "({} := {}; {})",
                self.pick(&["$v", "$x", "$f"]),
                self.expression(depth),
                self.expression(depth)
            ),
            19 => format!("{} ? {} : {}", self.expression(depth), self.expression(depth), self.expression(depth)),
            20 => self.lambda(depth),
            21 => format!("|{}|{{\"z\":{}}},{}|", self.expression(depth), self.expression(0), self.expression(0)),
            22 => format!("{}^({}{})", self.expression(depth), self.pick(&["", "<", ">"]), self.expression(0)),
            _ => format!("{}{{{}:{}}}", self.expression(depth), self.pick(&["b", "\"k\""]), self.expression(depth)),
        }
    }

    fn list(&mut self, open: &str, separator: &str, close: &str, depth: u32) -> String {
        let items: Vec<String> = (0..self.chance.u32(..4)).map(|_| self.expression(depth)).collect();
        format!("{open}{}{close}", items.join(separator))
    }

    fn lambda(&mut self, depth: u32) -> String {
        let parameters = self.pick(&["", "$v", "$v,$x", "$v,$x,$i"]);
        let signature = self.pick(&["", "", "", "", "<n:n>", "<s-:s>", "<a<n>:n>", "<x?>", "<(sn)+>"]);
        format!("function({parameters}){signature}{{{}}}", self.expression(depth))
    }

    fn call(&mut self, depth: u32) -> String {
        let name = self.pick(FUNCTIONS);
        if HIGHER_ORDER.contains(&name) {
            let function = match self.chance.u32(..4) {
                0 => format!("${}", self.pick(FUNCTIONS)),
                _ => self.lambda(depth),
            };
            return format!("${name}({}, {function})", self.expression(depth));
        }
        let arguments: Vec<String> = (0..self.chance.u32(..4)).map(|_| self.expression(depth)).collect();
        format!("${name}({})", arguments.join(", "))
    }

    fn path(&mut self, depth: u32) -> String {
        let steps: Vec<String> = (0..self.chance.u32(1..5)).map(|_| self.step(depth)).collect();
        steps.join(".")
    }

    fn step(&mut self, depth: u32) -> String {
        let mut step = match self.chance.u32(..10) {
            0..5 => self.pick(NAMES).to_owned(),
            5 => self.pick(&["*", "**", "%"]).to_owned(),
            6 => self.pick(VARIABLES).to_owned(),
            7 => format!("({})", self.expression(depth)),
            8 => format!("[{}]", self.expression(depth)),
            _ => format!("{{\"k\":{}}}", self.expression(depth)),
        };
        while self.chance.u32(..3) == 0 {
            let suffixes = ["[0]", "[-1]", "[]", "@$v", "#$i", "[$i=0]", "[%.a=1]", "^(b)", "[[0,1]]", "[a]"];
            step.push_str(self.pick(&suffixes));
        }
        step
    }

    fn mutated(&mut self, expression: String) -> String {
        let mut chars: Vec<char> = expression.chars().collect();
        for _ in 0..self.chance.u32(1..4) {
            let at = self.chance.usize(..=chars.len());
            let end = (at + self.chance.usize(1..8)).min(chars.len());
            match self.chance.u32(..4) {
                0 => drop(chars.splice(at..at, self.pick(TOKENS).chars())),
                1 => drop(chars.drain(at..end)),
                2 => drop(chars.splice(at..end, self.pick(TOKENS).chars())),
                _ => {
                    let other: Vec<char> = self.known().chars().collect();
                    let from = self.chance.usize(..=other.len());
                    let to = (from + self.chance.usize(1..20)).min(other.len());
                    chars.splice(at..at, other[from..to].iter().copied());
                }
            }
        }
        chars.into_iter().collect()
    }
}

//! Pattern text to tree: ECMAScript's grammar with the leniency of its Annex B.

use super::class::{Class, DIGITS, SPACES, WORDS};

/// The deepest nesting of groups that is accepted.
const DEPTH_MAX: usize = 100;
/// The most groups that a pattern may have.
const GROUPS_MAX: usize = 1_000;

/// A piece of a pattern.
#[derive(Debug)]
pub(super) enum Node {
    Empty,
    Any,
    Char(char),
    Class(Class),
    Sequence(Vec<Node>),
    /// The alternatives of a disjunction, two or more.
    Either(Vec<Node>),
    Group(usize, Box<Node>),
    /// `groups` are the numbers of those within the body, exclusive of the end.
    Repeat {
        body: Box<Node>,
        min: usize,
        max: usize,
        greedy: bool,
        groups: (usize, usize),
    },
    Look {
        body: Box<Node>,
        behind: bool,
        negated: bool,
    },
    Start,
    End,
    Boundary {
        negated: bool,
    },
    BackReference(usize),
    /// Resolved when all the names are known.
    NamedReference(String),
}

pub(super) struct Parsed {
    pub(super) node: Node,
    pub(super) groups: usize,
    /// Names and the numbers of their groups.
    pub(super) names: Vec<(String, usize)>,
}

pub(super) fn parse(pattern: &str) -> Result<Parsed, &'static str> {
    let text: Vec<char> = pattern.chars().collect();
    let (groups_total, named) = count_groups(&text);
    if groups_total > GROUPS_MAX {
        return Err("Too many captures");
    }
    let mut parser = Parser { text, at: 0, groups: 1, groups_total, named, names: Vec::new(), depth: 0 };
    let node = parser.either()?;
    if parser.at < parser.text.len() {
        return Err("Unmatched ')'");
    }
    Ok(Parsed { node, groups: parser.groups, names: parser.names })
}

/// How many capturing groups there are, which says what `\7` means, and whether one has a name, which says what
/// `\k` means.
fn count_groups(text: &[char]) -> (usize, bool) {
    let (mut count, mut named, mut in_class, mut at) = (0, false, false, 0);
    while at < text.len() {
        match text[at] {
            '\\' => at += 1,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => match text.get(at + 1..) {
                Some(['?', '<', next, ..]) if !matches!(next, '=' | '!') => {
                    count += 1;
                    named = true;
                }
                Some(['?', ..]) => {}
                _ => count += 1,
            },
            _ => {}
        }
        at += 1;
    }
    (count, named)
}

struct Parser {
    text: Vec<char>,
    at: usize,
    groups: usize,
    groups_total: usize,
    named: bool,
    names: Vec<(String, usize)>,
    depth: usize,
}

impl Parser {
    fn either(&mut self) -> Result<Node, &'static str> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("Regular expression too large");
        }
        let mut alternatives = vec![self.sequence()?];
        while self.eat('|') {
            alternatives.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(if alternatives.len() == 1 { alternatives.remove(0) } else { Node::Either(alternatives) })
    }

    fn sequence(&mut self) -> Result<Node, &'static str> {
        let mut items = Vec::new();
        while let Some(c) = self.peek() {
            if matches!(c, '|' | ')') {
                break;
            }
            items.push(self.term()?);
        }
        Ok(match items.len() {
            0 => Node::Empty,
            1 => items.remove(0),
            _ => Node::Sequence(items),
        })
    }

    fn term(&mut self) -> Result<Node, &'static str> {
        let first_group = self.groups;
        let (node, repeatable) = self.atom()?;
        let groups = (first_group, self.groups);
        let Some((min, max)) = self.quantifier()? else { return Ok(node) };
        if !repeatable {
            return Err("Nothing to repeat");
        }
        let greedy = !self.eat('?');
        Ok(Node::Repeat { body: Box::new(node), min, max, greedy, groups })
    }

    /// What a quantifier may follow, and whether it really may.
    fn atom(&mut self) -> Result<(Node, bool), &'static str> {
        let Some(c) = self.next() else { return Ok((Node::Empty, false)) };
        Ok(match c {
            '^' => (Node::Start, false),
            '$' => (Node::End, false),
            '.' => (Node::Any, true),
            '(' => return self.group(),
            '[' => (Node::Class(self.class()?), true),
            '\\' => return self.escape(),
            '*' | '+' | '?' => return Err("Nothing to repeat"),
            '{' => {
                self.at -= 1;
                if self.quantifier()?.is_some() {
                    return Err("Nothing to repeat");
                }
                self.at += 1;
                (Node::Char('{'), true)
            }
            c => (Node::Char(c), true),
        })
    }

    fn group(&mut self) -> Result<(Node, bool), &'static str> {
        if !self.eat('?') {
            return self.capture();
        }
        let (behind, negated) = match self.next() {
            Some(':') => {
                let body = self.group_body()?;
                // Wrapped, so that a quantifier takes the group as a whole.
                return Ok((Node::Sequence(vec![body]), true));
            }
            Some('=') => (false, false),
            Some('!') => (false, true),
            Some('<') => match self.peek() {
                Some('=') => (true, false),
                Some('!') => (true, true),
                _ => {
                    let name = self.name()?;
                    if self.names.iter().any(|(known, _)| *known == name) {
                        return Err("Duplicate capture group name");
                    }
                    self.names.push((name, self.groups));
                    return self.capture();
                }
            },
            _ => return Err("Invalid group"),
        };
        if behind {
            self.at += 1;
        }
        let body = Box::new(self.group_body()?);
        Ok((Node::Look { body, behind, negated }, !behind))
    }

    fn capture(&mut self) -> Result<(Node, bool), &'static str> {
        let number = self.groups;
        self.groups += 1;
        Ok((Node::Group(number, Box::new(self.group_body()?)), true))
    }

    fn group_body(&mut self) -> Result<Node, &'static str> {
        let body = self.either()?;
        if self.eat(')') { Ok(body) } else { Err("Unterminated group") }
    }

    /// A group's name, up to and with its `>`.
    fn name(&mut self) -> Result<String, &'static str> {
        let mut name = String::new();
        loop {
            match self.next() {
                Some('>') if !name.is_empty() => return Ok(name),
                Some(c) if c == '_' || c == '$' || c.is_alphabetic() || !name.is_empty() && c.is_alphanumeric() => {
                    name.push(c);
                }
                _ => return Err("Invalid capture group name"),
            }
        }
    }

    /// `*`, `+`, `?`, `{n}`, `{n,}` or `{n,m}`; anything else stays where it is.
    fn quantifier(&mut self) -> Result<Option<(usize, usize)>, &'static str> {
        let bounds = match self.peek() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            Some('{') => return self.counts(),
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(bounds))
    }

    fn counts(&mut self) -> Result<Option<(usize, usize)>, &'static str> {
        let start = self.at;
        self.at += 1;
        let bounds = self.count().and_then(|min| {
            let max = if self.eat(',') { self.count().unwrap_or(usize::MAX) } else { min };
            self.eat('}').then_some((min, max))
        });
        match bounds {
            Some((min, max)) if min > max => Err("numbers out of order in {} quantifier"),
            Some(bounds) => Ok(Some(bounds)),
            None => {
                self.at = start;
                Ok(None)
            }
        }
    }

    fn count(&mut self) -> Option<usize> {
        let mut value = None::<usize>;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            self.at += 1;
            value = Some(value.unwrap_or(0).saturating_mul(10).saturating_add(digit as usize));
        }
        value
    }

    fn escape(&mut self) -> Result<(Node, bool), &'static str> {
        let Some(c) = self.next() else { return Err("\\ at end of pattern") };
        Ok(match c {
            'b' => (Node::Boundary { negated: false }, false),
            'B' => (Node::Boundary { negated: true }, false),
            'k' if self.named => {
                if !self.eat('<') {
                    return Err("Invalid named reference");
                }
                (Node::NamedReference(self.name()?), true)
            }
            '1'..='9' => (self.reference(), true),
            c => match named_set(c) {
                Some((set, negated)) => (Node::Class(Class::of(set, negated)), true),
                None => (Node::Char(self.escaped_char(c)), true),
            },
        })
    }

    /// `\12` is the twelfth group where there are so many, else a character by its octal number.
    fn reference(&mut self) -> Node {
        self.at -= 1;
        let start = self.at;
        let number = self.count().unwrap_or(usize::MAX);
        if number <= self.groups_total {
            return Node::BackReference(number);
        }
        self.at = start + 1;
        Node::Char(self.escaped_char(self.text[start]))
    }

    /// The character that an escape stands for, `c` being what follows the backslash.
    fn escaped_char(&mut self, c: char) -> char {
        match c {
            't' => '\t',
            'n' => '\n',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'r' => '\r',
            '0'..='7' => self.octal(c),
            'x' => self.hex(2).and_then(char::from_u32).unwrap_or('x'),
            'u' => self.code_unit().unwrap_or('u'),
            'c' => match self.peek().filter(char::is_ascii_alphabetic) {
                Some(letter) => {
                    self.at += 1;
                    char::from(letter as u8 % 32)
                }
                None => {
                    // The backslash stands for itself, and the `c` after it is read again.
                    self.at -= 1;
                    '\\'
                }
            },
            c => c,
        }
    }

    fn octal(&mut self, first: char) -> char {
        let mut value = first as u32 - '0' as u32;
        for _ in 0..2 {
            match self.peek().and_then(|c| c.to_digit(8)) {
                Some(digit) if value * 8 + digit <= 0o377 => {
                    value = value * 8 + digit;
                    self.at += 1;
                }
                _ => break,
            }
        }
        char::from(value as u8)
    }

    /// `count` hexadecimal digits, or nothing and no move.
    fn hex(&mut self, count: usize) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + count)?;
        let value = digits.iter().try_fold(0, |value, c| Some(value * 16 + c.to_digit(16)?))?;
        self.at += count;
        Some(value)
    }

    /// The four digits after `\u`; two escapes that are a surrogate pair make one character.
    fn code_unit(&mut self) -> Option<char> {
        let first = self.hex(4)?;
        if let Some(c) = char::from_u32(first) {
            return Some(c);
        }
        let start = self.at;
        if self.eat('\\')
            && self.eat('u')
            && let Some(second) = self.hex(4)
            && let Some(Ok(c)) = char::decode_utf16([first as u16, second as u16]).next()
        {
            return Some(c);
        }
        self.at = start;
        // No text that this engine sees has half a pair in it.
        Some(char::REPLACEMENT_CHARACTER)
    }

    /// A class, from after its `[` to after its `]`.
    fn class(&mut self) -> Result<Class, &'static str> {
        let mut class = Class { negated: self.eat('^'), ranges: Vec::new() };
        loop {
            let low = match self.class_item()? {
                Item::End => return Ok(class),
                Item::Set(set, negated) => {
                    class.push_set(set, negated);
                    continue;
                }
                Item::Char(low) => low,
            };
            if self.peek() != Some('-') || matches!(self.text.get(self.at + 1), None | Some(']')) {
                class.push(low, low);
                continue;
            }
            self.at += 1;
            match self.class_item()? {
                Item::Char(high) if high < low => return Err("Range out of order in character class"),
                Item::Char(high) => class.push(low, high),
                Item::Set(set, negated) => {
                    class.push(low, low);
                    class.push('-', '-');
                    class.push_set(set, negated);
                }
                Item::End => return Ok(class),
            }
        }
    }

    fn class_item(&mut self) -> Result<Item, &'static str> {
        match self.next() {
            None => Err("Unterminated character class"),
            Some(']') => Ok(Item::End),
            Some('\\') => {
                let Some(c) = self.next() else { return Err("\\ at end of pattern") };
                Ok(match named_set(c) {
                    Some((set, negated)) => Item::Set(set, negated),
                    None if c == 'b' => Item::Char('\u{8}'),
                    None => Item::Char(self.escaped_char(c)),
                })
            }
            Some(c) => Ok(Item::Char(c)),
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn eat(&mut self, c: char) -> bool {
        let there = self.peek() == Some(c);
        self.at += usize::from(there);
        there
    }
}

enum Item {
    Char(char),
    Set(&'static [(char, char)], bool),
    End,
}

/// `\d`, `\S` and the like: the set, and whether what it leaves out is meant.
fn named_set(c: char) -> Option<(&'static [(char, char)], bool)> {
    let set = match c.to_ascii_lowercase() {
        'd' => DIGITS,
        's' => SPACES,
        'w' => WORDS,
        _ => return None,
    };
    Some((set, c.is_ascii_uppercase()))
}

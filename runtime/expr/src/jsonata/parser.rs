//! Tokens to a plain tree, by operator precedence (Pratt). The tree is as the text has it; `process` makes of it what
//! is evaluated.

use super::lexer::{Lexer, Token, TokenKind};
use super::regex::Regex;
use super::signature::Signature;
use super::stack::Stack;
use super::{Code, JsonataError};
use fleetstep_document::{Document, Text};
use std::sync::Arc;

/// How deep expressions may be nested in each other, counted in nodes.
const NESTING_MAX: u32 = 400;

/// A node as the text has it.
pub(super) struct Raw {
    pub(super) kind: RawKind,
    pub(super) position: usize,
    /// `[]` was written behind it.
    pub(super) keep_array: bool,
}

pub(super) enum RawKind {
    Name(Text),
    Variable(Text),
    /// A string, number or other literal.
    Literal(Document),
    Regex(Arc<Regex>),
    /// An operator in the place of an operand: a name after all (`and`, `or`, `in`), or the `?` of a partial
    /// application.
    Operator(&'static str),
    Wildcard,
    Descendant,
    Parent,
    /// The text ended where an operand was due.
    End,
    Binary(&'static str, Box<Raw>, Box<Raw>),
    Group(Box<Raw>, Vec<(Raw, Raw)>),
    Sort(Box<Raw>, Vec<SortTerm<Raw>>),
    Negate(Box<Raw>),
    Array(Vec<Raw>),
    Object(Vec<(Raw, Raw)>),
    Call {
        procedure: Box<Raw>,
        arguments: Vec<Raw>,
        partial: bool,
    },
    Lambda {
        parameters: Vec<Text>,
        signature: Option<Signature>,
        body: Box<Raw>,
    },
    Block(Vec<Raw>),
    Condition {
        condition: Box<Raw>,
        then: Box<Raw>,
        otherwise: Option<Box<Raw>>,
    },
    Transform {
        pattern: Box<Raw>,
        update: Box<Raw>,
        delete: Option<Box<Raw>>,
    },
}

/// One term of `^( )`.
pub(super) struct SortTerm<T> {
    pub(super) descending: bool,
    pub(super) expression: T,
}

/// How tightly an operator binds to what is left of it; 0 ends an expression.
fn binding_power(token: &TokenKind) -> u8 {
    let TokenKind::Operator(operator) = token else { return 0 };
    match *operator {
        "[" | "(" | "@" | "#" => 80,
        "." => 75,
        "{" => 70,
        "*" | "/" | "%" => 60,
        "+" | "-" | "&" => 50,
        "=" | "<" | ">" | "!=" | "<=" | ">=" | "^" | "~>" | "in" | "?:" | "??" => 40,
        "and" => 30,
        "or" => 25,
        "?" => 20,
        ":=" => 10,
        _ => 0,
    }
}

/// Parses a whole expression.
pub(super) fn parse(source: &str, stack: Stack) -> Result<Raw, JsonataError> {
    let mut lexer = Lexer::new(source);
    let token = known(lexer.next(false)?)?;
    let mut parser = Parser { lexer, token, nesting: 0, tallest: 0, stack };
    let expression = parser.expression(0)?;
    match parser.token.kind {
        TokenKind::End => Ok(expression),
        _ => Err(JsonataError::new(Code::S0201).at(parser.token.position).token_value(parser.token.kind.value())),
    }
}

/// The token, unless it only looks like an operator.
fn known(token: Token) -> Result<Token, JsonataError> {
    match token.kind {
        TokenKind::Operator(unknown @ ("!" | "~")) => {
            Err(JsonataError::new(Code::S0204).at(token.position).token(unknown))
        }
        _ => Ok(token),
    }
}

struct Parser {
    lexer: Lexer,
    /// The token that is looked at.
    token: Token,
    stack: Stack,
    /// Expressions that are being parsed inside each other.
    nesting: u32,
    /// The height of the tallest tree finished since this was last reset: long chains grow to the left.
    tallest: u32,
}

impl Parser {
    /// Takes the token that is looked at and goes on.
    fn take(&mut self, after_operand: bool) -> Result<Token, JsonataError> {
        let next = known(self.lexer.next(after_operand)?)?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn is(&self, operator: &str) -> bool {
        matches!(self.token.kind, TokenKind::Operator(found) if found == operator)
    }

    /// Takes the operator that must come here.
    fn expect(&mut self, operator: &str, after_operand: bool) -> Result<(), JsonataError> {
        if !self.is(operator) {
            let code = if matches!(self.token.kind, TokenKind::End) { Code::S0203 } else { Code::S0202 };
            let error = JsonataError::new(code).at(self.token.position).token_value(self.token.kind.value());
            return Err(error.text("value", operator));
        }
        self.take(after_operand).map(|_| ())
    }

    fn expression(&mut self, power: u8) -> Result<Raw, JsonataError> {
        self.nesting += 1;
        let before = std::mem::take(&mut self.tallest);
        self.check_height(self.nesting)?;
        self.stack.check()?;
        let token = self.take(true)?;
        let mut left = self.operand(token)?;
        let mut height = self.tallest + 1;
        while power < binding_power(&self.token.kind) {
            self.tallest = 0;
            let token = self.take(false)?;
            left = self.operation(token, left)?;
            height = height.max(self.tallest) + 1;
            self.check_height(self.nesting + height)?;
        }
        self.tallest = before.max(height);
        self.nesting -= 1;
        Ok(left)
    }

    fn check_height(&self, height: u32) -> Result<(), JsonataError> {
        if height > NESTING_MAX {
            return Err(super::budget::exceeded("The expression is nested too deeply").at(self.token.position));
        }
        Ok(())
    }

    fn boxed(&mut self, power: u8) -> Result<Box<Raw>, JsonataError> {
        self.expression(power).map(Box::new)
    }

    /// What begins with `token`, where an operand is due.
    fn operand(&mut self, token: Token) -> Result<Raw, JsonataError> {
        let position = token.position;
        let kind = match token.kind {
            TokenKind::Name(name) => RawKind::Name(name),
            TokenKind::Variable(name) => RawKind::Variable(name),
            TokenKind::String(text) => RawKind::Literal(Document::from(text)),
            TokenKind::Number(number) => RawKind::Literal(super::cast::number_document(number)),
            TokenKind::Bool(value) => RawKind::Literal(Document::from(value)),
            TokenKind::Null => RawKind::Literal(Document::NULL),
            TokenKind::Regex(regex) => RawKind::Regex(regex),
            TokenKind::End => RawKind::End,
            TokenKind::Operator(operator) => self.prefix(operator, position)?,
        };
        Ok(Raw { kind, position, keep_array: false })
    }

    fn prefix(&mut self, operator: &'static str, position: usize) -> Result<RawKind, JsonataError> {
        Ok(match operator {
            "and" | "or" | "in" => RawKind::Operator(operator),
            "-" => RawKind::Negate(self.boxed(70)?),
            "*" => RawKind::Wildcard,
            "**" => RawKind::Descendant,
            "%" => RawKind::Parent,
            "(" => RawKind::Block(self.block()?),
            "[" => RawKind::Array(self.array()?),
            "{" => RawKind::Object(self.pairs()?),
            "|" => self.transform()?,
            _ => return Err(JsonataError::new(Code::S0211).at(position).token(operator)),
        })
    }

    fn block(&mut self) -> Result<Vec<Raw>, JsonataError> {
        let mut expressions = Vec::new();
        while !self.is(")") {
            expressions.push(self.expression(0)?);
            if !self.is(";") {
                break;
            }
            self.take(false)?;
        }
        self.expect(")", true)?;
        Ok(expressions)
    }

    fn array(&mut self) -> Result<Vec<Raw>, JsonataError> {
        let mut items = Vec::new();
        while !self.is("]") || !items.is_empty() {
            let mut item = self.expression(0)?;
            if self.is("..") {
                let position = self.token.position;
                self.take(false)?;
                let to = self.boxed(0)?;
                item = Raw { kind: RawKind::Binary("..", Box::new(item), to), position, keep_array: false };
            }
            items.push(item);
            if !self.is(",") {
                break;
            }
            self.take(false)?;
        }
        self.expect("]", true)?;
        Ok(items)
    }

    fn pairs(&mut self) -> Result<Vec<(Raw, Raw)>, JsonataError> {
        let mut pairs = Vec::new();
        while !self.is("}") || !pairs.is_empty() {
            let key = self.expression(0)?;
            self.expect(":", false)?;
            pairs.push((key, self.expression(0)?));
            if !self.is(",") {
                break;
            }
            self.take(false)?;
        }
        self.expect("}", true)?;
        Ok(pairs)
    }

    fn transform(&mut self) -> Result<RawKind, JsonataError> {
        let pattern = self.boxed(0)?;
        self.expect("|", false)?;
        let update = self.boxed(0)?;
        let mut delete = None;
        if self.is(",") {
            self.take(false)?;
            delete = Some(self.boxed(0)?);
        }
        self.expect("|", false)?;
        Ok(RawKind::Transform { pattern, update, delete })
    }

    /// What `token` makes of the operand on its left.
    fn operation(&mut self, token: Token, left: Raw) -> Result<Raw, JsonataError> {
        let TokenKind::Operator(operator) = token.kind else { unreachable!("only operators bind to the left") };
        let kind = match operator {
            "(" => self.call(left)?,
            "[" if self.is("]") => {
                let mut left = left;
                innermost(&mut left).keep_array = true;
                self.take(false)?;
                return Ok(left);
            }
            "[" => {
                let predicate = self.boxed(0)?;
                self.expect("]", true)?;
                RawKind::Binary("[", Box::new(left), predicate)
            }
            "{" => RawKind::Group(Box::new(left), self.pairs()?),
            "^" => RawKind::Sort(Box::new(left), self.sort_terms()?),
            ":=" => {
                if !matches!(left.kind, RawKind::Variable(_)) {
                    return Err(JsonataError::new(Code::S0212).at(left.position));
                }
                RawKind::Binary(operator, Box::new(left), self.boxed(9)?)
            }
            "@" | "#" => {
                let variable = self.boxed(80)?;
                if !matches!(variable.kind, RawKind::Variable(_)) {
                    return Err(JsonataError::new(Code::S0214).at(variable.position).token(operator));
                }
                RawKind::Binary(operator, Box::new(left), variable)
            }
            "?" => {
                let then = self.boxed(0)?;
                let mut otherwise = None;
                if self.is(":") {
                    self.take(false)?;
                    otherwise = Some(self.boxed(0)?);
                }
                RawKind::Condition { condition: Box::new(left), then, otherwise }
            }
            "?:" | "??" => RawKind::Binary(operator, Box::new(left), self.boxed(0)?),
            _ => {
                let power = binding_power(&token.kind);
                RawKind::Binary(operator, Box::new(left), self.boxed(power)?)
            }
        };
        Ok(Raw { kind, position: token.position, keep_array: false })
    }

    fn sort_terms(&mut self) -> Result<Vec<SortTerm<Raw>>, JsonataError> {
        self.expect("(", false)?;
        let mut terms = Vec::new();
        loop {
            let descending = self.is(">");
            if descending || self.is("<") {
                self.take(false)?;
            }
            terms.push(SortTerm { descending, expression: self.expression(0)? });
            if !self.is(",") {
                break;
            }
            self.take(false)?;
        }
        self.expect(")", false)?;
        Ok(terms)
    }

    /// A call, a partial application or the definition of a function.
    fn call(&mut self, procedure: Raw) -> Result<RawKind, JsonataError> {
        let mut arguments = Vec::new();
        let mut partial = false;
        while !self.is(")") || !arguments.is_empty() {
            if self.is("?") {
                partial = true;
                let token = self.take(false)?;
                arguments.push(Raw { kind: RawKind::Operator("?"), position: token.position, keep_array: false });
            } else {
                arguments.push(self.expression(0)?);
            }
            if !self.is(",") {
                break;
            }
            self.take(false)?;
        }
        self.expect(")", true)?;
        match &procedure.kind {
            RawKind::Name(name) if name == "function" || name == "λ" => self.lambda(arguments),
            _ => Ok(RawKind::Call { procedure: Box::new(procedure), arguments, partial }),
        }
    }

    fn lambda(&mut self, arguments: Vec<Raw>) -> Result<RawKind, JsonataError> {
        let mut parameters = Vec::with_capacity(arguments.len());
        for (at, argument) in arguments.into_iter().enumerate() {
            let RawKind::Variable(name) = argument.kind else {
                let error = JsonataError::new(Code::S0208).at(argument.position);
                return Err(error.number("value", (at + 1) as f64));
            };
            parameters.push(name);
        }
        let signature = if self.is("<") { Some(self.signature()?) } else { None };
        self.expect("{", false)?;
        let body = self.boxed(0)?;
        self.expect("}", false)?;
        Ok(RawKind::Lambda { parameters, signature, body })
    }

    /// The signature of a lambda, put together from the tokens between the angle brackets.
    fn signature(&mut self) -> Result<Signature, JsonataError> {
        let position = self.token.position;
        let mut text = String::from("<");
        let mut depth = 1;
        while depth > 0 && !self.is("{") && !matches!(self.token.kind, TokenKind::End) {
            self.take(false)?;
            if self.is(">") {
                depth -= 1;
            } else if self.is("<") {
                depth += 1;
            }
            text.push_str(&self.token.kind.text());
        }
        self.expect(">", false)?;
        Signature::parse(&text).map_err(|error| error.at(position))
    }
}

/// The step that a run of predicates belongs to.
fn innermost(mut node: &mut Raw) -> &mut Raw {
    while matches!(node.kind, RawKind::Binary("[", ..)) {
        let RawKind::Binary(_, left, _) = &mut node.kind else { unreachable!("just matched") };
        node = left;
    }
    node
}

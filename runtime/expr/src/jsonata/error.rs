//! What can go wrong: one table of codes and message templates, and the error that fills a template in.

use super::Value;
use fleetstep_document::Document;
use std::fmt;

macro_rules! codes {
    ($($code:ident => $template:literal,)*) => {
        /// The codes of jsonata-js. `S` is found when compiling, `T` is a wrong type, `D` is found when evaluating,
        /// `U` is a bound of this engine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the message template beside each code says what it means")]
        pub enum Code { $($code,)* }

        impl Code {
            /// The code as it is written: `T0410`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)* }
            }

            /// The message, with `{{name}}` for a field as JSON and `{{{name}}}` for its plain text.
            fn template(self) -> &'static str {
                match self { $(Self::$code => $template,)* }
            }
        }
    };
}

codes! {
    S0101 => "String literal must be terminated by a matching quote",
    S0102 => "Number out of range: {{token}}",
    S0103 => "Unsupported escape sequence: \\{{token}}",
    S0104 => "The escape sequence \\u must be followed by 4 hex digits",
    S0105 => "Quoted property name must be terminated with a backquote (`)",
    S0106 => "Comment has no closing tag",
    S0201 => "Syntax error: {{token}}",
    S0202 => "Expected {{value}}, got {{token}}",
    S0203 => "Expected {{value}} before end of expression",
    S0204 => "Unknown operator: {{token}}",
    S0205 => "Unexpected token: {{token}}",
    S0206 => "Unknown expression type: {{token}}",
    S0207 => "Unexpected end of expression",
    S0208 => "Parameter {{value}} of function definition must be a variable name (start with $)",
    S0209 => "A predicate cannot follow a grouping expression in a step",
    S0210 => "Each step can only have one grouping expression",
    S0211 => "The symbol {{token}} cannot be used as a unary operator",
    S0212 => "The left side of := must be a variable name (start with $)",
    S0213 => "The literal value {{value}} cannot be used as a step within a path expression",
    S0214 => "The right side of {{token}} must be a variable name (start with $)",
    S0215 => "A context variable binding must precede any predicates on a step",
    S0216 => "A context variable binding must precede the 'order-by' clause on a step",
    S0217 => "The object representing the 'parent' cannot be derived from this expression",
    S0301 => "Empty regular expressions are not allowed",
    S0302 => "No terminating / in regular expression",
    S0303 => "Invalid regular expression: {{{message}}}",
    S0401 => "Type parameters can only be applied to functions and arrays",
    S0402 => "Choice groups containing parameterized types are not supported",
    S0500 => "Attempted to evaluate an expression containing syntax error(s)",
    T0410 => "Argument {{index}} of function {{token}} does not match function signature",
    T0411 => "Context value is not a compatible type with argument {{index}} of function {{token}}",
    T0412 => "Argument {{index}} of function {{token}} must be an array of {{type}}",
    D1001 => "Number out of range: {{value}}",
    D1002 => "Cannot negate a non-numeric value: {{value}}",
    T1003 => "Key in object structure must evaluate to a string; got: {{value}}",
    D1004 => "Regular expression matches zero length string",
    T1005 => "Attempted to invoke a non-function. Did you mean ${{{token}}}?",
    T1006 => "Attempted to invoke a non-function",
    T1007 => "Attempted to partially apply a non-function. Did you mean ${{{token}}}?",
    T1008 => "Attempted to partially apply a non-function",
    D1009 => "Multiple key definitions evaluate to same key: {{value}}",
    T1010 => "The matcher function argument passed to function {{token}} does not return the correct object structure",
    T2001 => "The left side of the {{token}} operator must evaluate to a number",
    T2002 => "The right side of the {{token}} operator must evaluate to a number",
    T2003 => "The left side of the range operator (..) must evaluate to an integer",
    T2004 => "The right side of the range operator (..) must evaluate to an integer",
    T2006 => "The right side of the function application operator ~> must be a function",
    T2007 => "Type mismatch when comparing values {{value}} and {{value2}} in order-by clause",
    T2008 => "The expressions within an order-by clause must evaluate to numeric or string values",
    T2009 => "The values {{value}} and {{value2}} either side of operator {{token}} must be of the same data type",
    T2010 => "The expressions either side of operator {{token}} must evaluate to numeric or string values",
    T2011 => "The insert/update clause of the transform expression must evaluate to an object: {{value}}",
    T2012 => "The delete clause of the transform expression must evaluate to a string or array of strings: {{value}}",
    T2013 => "The transform expression clones the input object using the $clone() function.  This has been overridden in the current scope by a non-function.",
    D2014 => "The size of the sequence allocated by the range operator (..) must not exceed 1e7.  Attempted to allocate {{value}}.",
    D3001 => "Attempting to invoke string function on Infinity or NaN",
    D3010 => "Second argument of replace function cannot be an empty string",
    D3011 => "Fourth argument of replace function must evaluate to a positive number",
    D3012 => "Attempted to replace a matched string with a non-string value",
    D3020 => "Third argument of split function must evaluate to a positive number",
    D3030 => "Unable to cast value to a number: {{value}}",
    D3040 => "Third argument of match function must evaluate to a positive number",
    D3050 => "The second argument of reduce function must be a function with at least two arguments",
    D3060 => "The sqrt function cannot be applied to a negative number: {{value}}",
    D3061 => "The power function has resulted in a value that cannot be represented as a JSON number: base={{value}}, exponent={{exp}}",
    D3070 => "The single argument form of the sort function can only be applied to an array of strings or an array of numbers.  Use the second argument to specify a comparison function",
    D3080 => "The picture string must only contain a maximum of two sub-pictures",
    D3081 => "The sub-picture must not contain more than one instance of the 'decimal-separator' character",
    D3082 => "The sub-picture must not contain more than one instance of the 'percent' character",
    D3083 => "The sub-picture must not contain more than one instance of the 'per-mille' character",
    D3084 => "The sub-picture must not contain both a 'percent' and a 'per-mille' character",
    D3085 => "The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit character' or a member of the 'decimal digit family'",
    D3086 => "The sub-picture must not contain a passive character that is preceded by an active character and that is followed by another active character",
    D3087 => "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a 'decimal-separator' character",
    D3088 => "The sub-picture must not contain a 'grouping-separator' at the end of the integer part",
    D3089 => "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character",
    D3090 => "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed by an instance of the 'optional digit character'",
    D3091 => "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that is followed by a member of the 'decimal digit family'",
    D3092 => "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an 'exponent-separator'",
    D3093 => "The exponent part of the sub-picture must comprise only of one or more characters that are members of the 'decimal digit family'",
    D3100 => "The radix of the formatBase function must be between 2 and 36.  It was given {{value}}",
    D3110 => "The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given {{value}}",
    D3120 => "Syntax error in expression passed to function eval: {{value}}",
    D3121 => "Dynamic error evaluating the expression passed to function eval: {{value}}",
    D3130 => "Formatting or parsing an integer as a sequence starting with {{value}} is not supported by this implementation",
    D3131 => "In a decimal digit pattern, all digits must be from the same decimal group",
    D3132 => "Unknown component specifier {{value}} in date/time picture string",
    D3133 => "The 'name' modifier can only be applied to months and days in the date/time picture string, not {{value}}",
    D3134 => "The timezone integer format specifier cannot have more than four digits",
    D3135 => "No matching closing bracket ']' in date/time picture string",
    D3136 => "The date/time picture string is missing specifiers required to parse the timestamp",
    D3137 => "{{{message}}}",
    D3138 => "The $single() function expected exactly 1 matching result.  Instead it matched more.",
    D3139 => "The $single() function expected exactly 1 matching result.  Instead it matched 0.",
    D3140 => "Malformed URL passed to ${{{functionName}}}(): {{value}}",
    D3141 => "{{{message}}}",
    U1001 => "{{{message}}}",
}

/// A failure to compile or to evaluate an expression.
#[derive(Clone)]
pub struct JsonataError(Box<Details>);

#[derive(Clone)]
struct Details {
    code: Code,
    position: Option<usize>,
    token: Option<Document>,
    /// The other fields that the template names: name, text as JSON, plain text.
    fields: Vec<(&'static str, String, String)>,
}

impl JsonataError {
    /// An error with nothing filled in.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self(Box::new(Details { code, position: None, token: None, fields: Vec::new() }))
    }

    /// Sets the position, counted in characters of the source.
    #[must_use]
    pub fn at(mut self, position: usize) -> Self {
        self.0.position = Some(position);
        self
    }

    /// Sets the token that the error is about: an operator, a function's name.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.0.token = Some(Document::from(token.into()));
        self
    }

    /// Sets the token, where it may be a number or another literal.
    #[must_use]
    pub(crate) fn token_value(mut self, token: Document) -> Self {
        self.0.token = Some(token);
        self
    }

    /// Fills in a field of the template with a text.
    #[must_use]
    pub fn text(mut self, name: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        let mut json = Vec::new();
        fleetstep_document::write_string(&text, &mut json);
        self.0.fields.push((name, String::from_utf8_lossy(&json).into_owned(), text));
        self
    }

    /// Fills in a field of the template with a value.
    #[must_use]
    pub(in crate::jsonata) fn value(mut self, name: &'static str, value: &Value) -> Self {
        let json = value.describe();
        let plain = value.as_str().map_or_else(|| json.clone(), str::to_owned);
        self.0.fields.push((name, json, plain));
        self
    }

    /// Fills in a field of the template with a number.
    #[must_use]
    pub(crate) fn number(self, name: &'static str, number: f64) -> Self {
        self.value(name, &Value::from(number))
    }

    /// Sets the position where none is set yet.
    #[must_use]
    pub(crate) fn or_at(mut self, position: usize) -> Self {
        self.0.position.get_or_insert(position);
        self
    }

    /// Sets the token where none is set yet.
    #[must_use]
    pub(crate) fn or_token(mut self, token: &str) -> Self {
        self.0.token.get_or_insert_with(|| Document::from(token));
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Where in the source the error arose, in characters, if that is known.
    #[must_use]
    pub fn position(&self) -> Option<usize> {
        self.0.position
    }

    /// The token that the error is about, if there is one and it is no number or the like.
    #[must_use]
    pub fn token_text(&self) -> Option<&str> {
        self.0.token.as_ref()?.as_str()
    }

    /// The message without the code, as jsonata-js words it.
    #[must_use]
    pub fn message(&self) -> String {
        let mut rest = self.0.code.template();
        let mut out = String::with_capacity(rest.len() + 16);
        while let Some(open) = rest.find("{{") {
            let braces = if rest[open..].starts_with("{{{") { 3 } else { 2 };
            let name_from = open + braces;
            let Some(close) = rest[name_from..].find("}}") else { break };
            out.push_str(&rest[..open]);
            out.push_str(&self.field(&rest[name_from..name_from + close], braces == 3));
            rest = &rest[name_from + close + braces..];
        }
        out.push_str(rest);
        out
    }

    /// A field as JSON or as plain text; a field that is not set reads as JavaScript prints it.
    fn field(&self, name: &str, plain: bool) -> String {
        if name == "token" {
            return match &self.0.token {
                Some(token) if plain => token.as_str().map_or_else(|| token.to_json(), str::to_owned),
                Some(token) => token.to_json(),
                None => "undefined".to_owned(),
            };
        }
        let found = self.0.fields.iter().find(|(field, ..)| *field == name);
        found.map_or_else(|| "undefined".to_owned(), |(_, json, text)| if plain { text.clone() } else { json.clone() })
    }
}

impl fmt::Display for JsonataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.message())
    }
}

impl fmt::Debug for JsonataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} (position {:?}, token {:?})", self.0.position, self.0.token)
    }
}

impl std::error::Error for JsonataError {}

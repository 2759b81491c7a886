use fleetstep_guest::TaskError;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Visitor {
    name: String,
}

#[derive(Serialize)]
struct Greeting {
    text: String,
}

#[fleetstep_guest::task]
fn greet(visitor: Visitor) -> Result<Greeting, TaskError> {
    if visitor.name.is_empty() {
        return Err(TaskError::new("NoName", "a visitor has a name"));
    }
    Ok(Greeting { text: format!("Hello, {}", visitor.name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greets_by_name() {
        let greeting = greet(Visitor { name: "Ada".to_owned() }).expect("greets");
        assert_eq!(greeting.text, "Hello, Ada");
    }

    #[test]
    fn a_visitor_without_a_name_is_an_error() {
        let error = greet(Visitor { name: String::new() }).err().expect("refuses");
        assert_eq!(error.error, "NoName");
    }
}

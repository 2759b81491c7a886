//! What the benches call: reads an order of about 300 bytes, adds `"processed": true` and writes it. Imports nothing.

use fleetstep_guest::{TaskError, Value};
use std::collections::BTreeMap;

#[fleetstep_guest::task]
fn process(mut order: BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>, TaskError> {
    order.insert("processed".to_owned(), Value::Bool(true));
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_the_order() {
        let order = BTreeMap::from([("id".to_owned(), Value::from(7))]);
        let processed = process(order).expect("processed");
        assert_eq!(processed["processed"], Value::Bool(true));
        assert_eq!(processed["id"], Value::from(7));
    }
}

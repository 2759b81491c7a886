//! The items that a Map reads from somewhere else, out of the data that a test gives in their place.

use fleetstep_document::{Document, ObjectBuilder, Text};

/// The items within `data`, which is written as `config`, the map's `ReaderConfig`, says.
pub(super) fn items(data: &str, config: &Document) -> Result<Document, String> {
    let setting = |name| config.get(name).and_then(Document::as_str);
    let items = match setting("InputType") {
        None | Some("JSON") => json_items(data, setting("ItemsPointer").unwrap_or_default())?,
        Some("JSONL") => json_lines(data)?,
        Some("CSV") => csv_items(data, config)?,
        Some(other) => return Err(format!("items of the InputType {other} are not supported in a test")),
    };
    let most = config.get("MaxItems").and_then(Document::as_i64).and_then(|most| usize::try_from(most).ok());
    let taken = most.filter(|most| *most > 0).unwrap_or(usize::MAX);
    Ok(Document::from(items.into_iter().take(taken).collect::<Vec<_>>()))
}

fn parse(text: &str) -> Result<Document, String> {
    Document::parse(text.as_bytes()).map_err(|error| format!("it is not valid JSON: {error}"))
}

fn json_items(data: &str, pointer: &str) -> Result<Vec<Document>, String> {
    let data = parse(data)?;
    let mut found = &data;
    for key in pointer.split('/').skip(1) {
        let key = key.replace("~1", "/").replace("~0", "~");
        let next = found.get(&key).or_else(|| found.at(key.parse().ok()?));
        found = next.ok_or_else(|| format!("there is nothing at the ItemsPointer {pointer}"))?;
    }
    found.as_array().map(<[Document]>::to_vec).ok_or_else(|| "it must be a JSON array".to_owned())
}

fn json_lines(data: &str) -> Result<Vec<Document>, String> {
    data.lines().filter(|line| !line.trim().is_empty()).map(parse).collect()
}

fn csv_items(data: &str, config: &Document) -> Result<Vec<Document>, String> {
    let setting = |name| config.get(name).and_then(Document::as_str);
    let delimiter = match setting("CSVDelimiter") {
        Some("PIPE") => '|',
        Some("SEMICOLON") => ';',
        Some("SPACE") => ' ',
        Some("TAB") => '\t',
        _ => ',',
    };
    let mut rows = csv_rows(data, delimiter).into_iter();
    let headers = if setting("CSVHeaderLocation") == Some("GIVEN") {
        let given = config.get("CSVHeaders").and_then(Document::as_array).unwrap_or_default();
        given.iter().filter_map(Document::as_text).cloned().collect()
    } else {
        rows.next().unwrap_or_default()
    };
    let item = |row: Vec<Text>| {
        let mut item = ObjectBuilder::with_capacity(headers.len());
        for (name, value) in headers.iter().zip(row) {
            item.push(name.clone(), value);
        }
        item.build()
    };
    Ok(rows.map(item).collect())
}

/// The rows of a CSV text (RFC 4180): a field in quotes may hold delimiters, line breaks and doubled quotes.
fn csv_rows(data: &str, delimiter: char) -> Vec<Vec<Text>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut characters = data.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if is_quoted => is_quoted = false,
            '"' if field.is_empty() => is_quoted = true,
            _ if is_quoted => field.push(character),
            '\r' if characters.peek() == Some(&'\n') => {}
            '\n' => {
                row.push(Text::from(std::mem::take(&mut field)));
                rows.push(std::mem::take(&mut row));
            }
            _ if character == delimiter => row.push(Text::from(std::mem::take(&mut field))),
            _ => field.push(character),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(Text::from(field));
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_as_the_configuration_says() {
        for (config, data, expected) in [
            ("{}", "[1,2,3]", "[1,2,3]"),
            (r#"{"MaxItems":2}"#, "[1,2,3]", "[1,2]"),
            (r#"{"ItemsPointer":"/a/0/b~1c"}"#, r#"{"a":[{"b/c":[7]}]}"#, "[7]"),
            (r#"{"InputType":"JSONL"}"#, "{\"n\":1}\n\n2\n", r#"[{"n":1},2]"#),
            (r#"{"InputType":"CSV"}"#, "a,b\r\n1,\"x, \"\"y\"\"\n\"\r\n", r#"[{"a":"1","b":"x, \"y\"\n"}]"#),
            (
                r#"{"InputType":"CSV","CSVDelimiter":"PIPE","CSVHeaderLocation":"GIVEN","CSVHeaders":["k","v"]}"#,
                "1|2\n3|4",
                r#"[{"k":"1","v":"2"},{"k":"3","v":"4"}]"#,
            ),
        ] {
            assert_eq!(items(data, &parse(config).unwrap()).unwrap().to_json(), expected, "{data}");
        }
        for (config, data, expected) in [
            ("{}", "{", "it is not valid JSON"),
            ("{}", "{}", "it must be a JSON array"),
            (r#"{"ItemsPointer":"/a"}"#, "{}", "there is nothing at the ItemsPointer /a"),
            (r#"{"InputType":"PARQUET"}"#, "", "items of the InputType PARQUET are not supported in a test"),
        ] {
            let problem = items(data, &parse(config).unwrap()).unwrap_err();
            assert!(problem.starts_with(expected), "{data}: {problem}");
        }
    }
}

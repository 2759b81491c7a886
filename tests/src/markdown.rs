//! Tests that are data: a Markdown file whose `##` headings name cases, and whose fenced blocks are their parts.

use anyhow::{Context as _, Result};
use std::path::Path;

/// What stands under one `##` heading. What stands above the first one is a case of that file's title.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// `file.md:line: heading`
    pub name: String,
    /// The fenced blocks, in order.
    pub blocks: Vec<Block>,
}

/// A fenced block: three backticks, then `LANGUAGE ROLE`.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// How it is written, `json` for example.
    pub language: String,
    /// Which part of the case it is.
    pub role: String,
    /// The lines between the fences.
    pub text: String,
}

impl Case {
    /// The block of that role.
    #[must_use]
    pub fn block(&self, role: &str) -> Option<&Block> {
        self.blocks.iter().find(|block| block.role == role)
    }
}

/// The cases of one file.
///
/// # Errors
/// A file that cannot be read, or a fence that is not closed.
pub fn cases(file: &Path) -> Result<Vec<Case>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let file_name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut cases = vec![Case { name: file_name.to_string(), blocks: Vec::new() }];
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let last = cases.len() - 1;
        if let Some(title) = line.strip_prefix("## ") {
            cases.push(Case { name: format!("{file_name}:{}: {title}", at + 1), blocks: Vec::new() });
        } else if let Some(info) = line.strip_prefix("```") {
            let (language, role) = info.split_once(' ').unwrap_or((info, ""));
            let mut block = Block { language: language.to_owned(), role: role.to_owned(), text: String::new() };
            loop {
                let (_, line) = lines.next().with_context(|| format!("{file_name}:{}: not closed", at + 1))?;
                if line == "```" {
                    break;
                }
                block.text.push_str(line);
                block.text.push('\n');
            }
            cases[last].blocks.push(block);
        }
    }
    Ok(cases)
}

/// The cases of all `*.md` files of a folder, each file's list apart.
///
/// # Errors
/// As [`cases`].
pub fn files(folder: &Path) -> Result<Vec<Vec<Case>>> {
    let listing = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = listing.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "md")).map(|file| cases(file)).collect()
}

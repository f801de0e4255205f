//! The cookbook as a sequence of texts, requests and answers.

use std::{fs, path::PathBuf};

/// A part of the page.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Whatever is for people only.
    Text(String),
    /// A command of the shell.
    Request(String),
    /// What came back.
    Answer(String),
    /// What later requests mention: assignments.
    Kept(String),
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) pieces: Vec<Piece>,
}

impl Page {
    fn path() -> PathBuf {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md").into()
    }

    pub(crate) fn read() -> Self {
        Self::parse(&fs::read_to_string(Self::path()).unwrap())
            .unwrap_or_else(|why| panic!("docs/api.md: {why}"))
    }

    pub(crate) fn write(&self) {
        fs::write(Self::path(), self.to_text()).unwrap();
    }

    /// # Errors
    ///
    /// Why not all of it can be played.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = vec![Piece::Text(String::new())];
        let mut lines = text.split_inclusive('\n');
        let mut recipe = 0;
        while let Some(line) = lines.next() {
            let Some(language) = line.strip_prefix("```") else {
                if line.starts_with("## ") {
                    complete(&pieces, recipe)?;
                    recipe += 1;
                    if !line.starts_with(&format!("## {recipe}. ")) {
                        return Err(format!("`{}` should be number {recipe}", line.trim_end()));
                    }
                    pieces.push(Piece::Text(String::new()));
                }
                if recipe > 0 && line.trim_start().starts_with("curl ") {
                    return Err(format!("`curl` stands outside of a block: `{}`", line.trim_end()));
                }
                match pieces.last_mut() {
                    Some(Piece::Text(text)) => text.push_str(line),
                    _ => pieces.push(Piece::Text(line.to_owned())),
                }
                continue;
            };
            let block: String = lines.by_ref().take_while(|it| it.trim_end() != "```").collect();
            pieces.push(match language.trim_end() {
                "http" if pieces.iter().rev().any(|it| matches!(it, Piece::Request(_))) => {
                    Piece::Answer(block)
                }
                "sh" if block.starts_with("curl ") => Piece::Request(block),
                "sh" if is_assignments(&block) => Piece::Kept(block),
                "sh" => {
                    return Err(format!(
                        "recipe {recipe} has a block that is neither `curl` nor assignments"
                    ));
                }
                other => return Err(format!("a block of `{other}`: there are `sh` and `http`")),
            });
        }
        complete(&pieces, recipe)?;
        Ok(Self { pieces })
    }

    /// How many recipes there are: each is numbered, and asks something.
    pub(crate) fn recipes(&self) -> usize {
        let is_heading = |it: &&Piece| matches!(it, Piece::Text(text) if text.starts_with("## "));
        self.pieces.iter().filter(is_heading).count()
    }

    fn to_text(&self) -> String {
        let part = |it: &Piece| match it {
            Piece::Text(text) => text.clone(),
            Piece::Request(block) | Piece::Kept(block) => format!("```sh\n{block}```\n"),
            Piece::Answer(block) => format!("```http\n{block}```\n"),
        };
        self.pieces.iter().map(part).collect()
    }
}

/// Looks at the recipe that ends here: each request has one answer, before anything else is asked.
fn complete(pieces: &[Piece], recipe: usize) -> Result<(), String> {
    if recipe == 0 {
        return Ok(());
    }
    let begins = pieces.iter().rposition(|it| matches!(it, Piece::Text(text) if text.starts_with("## ")));
    let blocks: Vec<_> =
        pieces[begins.unwrap_or(0)..].iter().filter(|it| !matches!(it, Piece::Text(_))).collect();
    if !blocks.iter().any(|it| matches!(it, Piece::Request(_))) {
        return Err(format!("recipe {recipe} asks nothing"));
    }
    for (at, block) in blocks.iter().enumerate() {
        let before = at.checked_sub(1).map(|it| blocks[it]);
        match (block, blocks.get(at + 1)) {
            (Piece::Request(_), Some(Piece::Answer(_))) => {}
            (Piece::Request(_), _) => return Err(format!("recipe {recipe} has a request without an answer")),
            (Piece::Answer(_), _) if !matches!(before, Some(Piece::Request(_))) => {
                return Err(format!("recipe {recipe} has an answer without a request"));
            }
            (Piece::Kept(_), _) if before.is_none() => {
                return Err(format!("recipe {recipe} keeps something before it asks"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_assignments(block: &str) -> bool {
    let is_name = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_uppercase() || it == b'_');
    !block.is_empty() && block.lines().all(|it| it.split_once('=').is_some_and(|(name, _)| is_name(name)))
}

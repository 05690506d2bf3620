//! The fenced blocks of a Markdown file, and why some of them are not run.

use std::path::{Path, PathBuf};

/// A fenced block.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// The file, from the project's folder, and the line of the fence.
    pub(super) place: String,
    pub(super) language: String,
    pub(super) text: String,
    /// Why it is not run, if it says so in the line before it.
    pub(super) not_run: Option<String>,
}

/// What stands before a block that is not run.
const MARKER: &str = "<!-- not run: ";

/// The project's folder.
pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every page, from the project's folder.
pub(super) fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "CHANGELOG.md", "dashboards/README.md", "packaging/README.md", "tests/schemas/README.md"]
            .map(PathBuf::from)
            .into();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if root().join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

pub(super) fn text(page: &Path) -> String {
    std::fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// The blocks of a page, in order.
pub(super) fn blocks(page: &Path) -> Vec<Block> {
    let text = text(page);
    let (mut blocks, mut open, mut before) = (Vec::new(), None::<(Block, usize)>, String::new());
    for (number, line) in text.lines().enumerate() {
        let place = format!("{}:{}", page.display(), number + 1);
        let (bare, indent) = (line.trim_start(), line.len() - line.trim_start().len());
        if let Some((mut block, of)) = open.take() {
            if bare.trim_end() == "```" {
                blocks.push(block);
                before.clear();
            } else {
                block.text.push_str(line.get(of.min(indent)..).unwrap_or_default());
                block.text.push('\n');
                open = Some((block, of));
            }
        } else if let Some(language) = bare.strip_prefix("```") {
            let reason = before.trim().strip_prefix(MARKER).and_then(|rest| rest.strip_suffix(" -->"));
            let (language, not_run) = (language.trim().to_owned(), reason.map(str::to_owned));
            open = Some((Block { place, language, text: String::new(), not_run }, indent));
        } else {
            assert!(!before.contains(MARKER), "{place}: a block must stand right below why it is not run");
            line.clone_into(&mut before);
        }
    }
    assert!(open.is_none(), "{}: a block has no end", page.display());
    blocks
}

/// A page without its blocks.
pub(super) fn prose(page: &Path) -> String {
    let mut is_code = false;
    let text = text(page);
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

//! How far the numbers can be trusted.

use askama::Template;

use super::collection::{ShownSource, source};
use super::parts::minute;
use crate::expose::views::{DataQualityView, FindingView};

#[derive(Template)]
#[template(path = "quality.html")]
struct Page<'a> {
    view: &'a DataQualityView,
    as_of: String,
    sources: Vec<ShownSource<'a>>,
    problems: Vec<&'a FindingView>,
    good: Vec<&'a FindingView>,
}

/// The page of data quality.
pub fn page(view: &DataQualityView) -> askama::Result<String> {
    // What was left out has a table of its own.
    let told = view.findings.iter().filter(|finding| finding.level != "notice");
    let (good, problems) = told.partition(|finding| finding.level == "good");
    let sources = view.sources.iter().map(source).collect();
    Page { view, as_of: minute(view.as_of), sources, problems, good }.render()
}

//! `chiplog import`: reported facts from a CSV file, and the templates for it.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};

use super::print;
use crate::app::App;
use crate::clock;
use crate::pipeline::import;
use crate::reported::{Intake, TEMPLATES, Template, find};
use crate::store::AuditEntry;

pub(super) async fn run(config: &Path, template: Option<&str>, file: Option<&Path>, dry_run: bool) -> Result<ExitCode> {
    let Some(id) = template else { return print(&list()).map(|()| ExitCode::SUCCESS) };
    let template = find(id).ok_or_else(|| anyhow!("there is no template \"{id}\". {}", list()))?;
    let Some(file) = file else { return print(&template.csv()).map(|()| ExitCode::SUCCESS) };
    let rows: Box<dyn Read + Send> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(BufReader::new(File::open(file).with_context(|| format!("{} cannot be opened", file.display()))?))
    };
    let app = App::open(config).await?;
    let known = app.known_to_reporters(clock::now());
    let intake = Intake::csv(template, &known, rows).with_context(|| format!("{}", file.display()))?;
    let mut lost = None;
    let imported = import(intake, (!dry_run).then_some(&app.store), |problem| {
        if let Err(error) = print(&format!("{}:{}: {}\n", file.display(), problem.line, problem.reason)) {
            lost = Some(error);
        }
    });
    let imported = imported.await?;
    lost.map_or(Ok(()), Err)?;
    if !dry_run {
        let entry = AuditEntry {
            reporter: "command line".to_owned(),
            template: template.id.to_owned(),
            origin: "csv",
            accepted: imported.good,
            rejected: imported.bad,
        };
        app.store.audit(&entry, clock::now()).await?;
    }
    app.store.close().await;
    let stored = if dry_run {
        "nothing is stored in a dry run".to_owned()
    } else {
        format!("{} new or changed", imported.changed)
    };
    print(&format!("{}: {} good rows ({stored}), {} bad rows\n", template.id, imported.good, imported.bad))?;
    Ok(if imported.bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list() -> String {
    let width = TEMPLATES.iter().map(|template| template.id.len()).max().unwrap_or_default();
    let line = |template: &Template| format!("  {:width$}  {}\n", template.id, template.row);
    format!("Templates are:\n{}", TEMPLATES.iter().map(line).collect::<String>())
}

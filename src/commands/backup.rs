//! `chiplog dump` and `chiplog restore`: the whole store as a file, and back, also into the other engine.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use secrecy::ExposeSecret as _;

use super::unfinished::Unfinished;
use super::{print, shutdown_signal, told_to_stop};
use crate::app::read_config;
use crate::store::Store;

/// The file that stands for standard output or input.
const STANDARD: &str = "-";

/// A dump holds the key that people are hashed with.
const ONLY_THE_OWNER: u32 = 0o600;

pub(super) async fn dump(config: &Path, file: &Path) -> Result<ExitCode> {
    let store = Store::open(read_config(config)?.store_url.expose_secret()).await?;
    if file == Path::new(STANDARD) {
        store.dump(&mut BufWriter::new(std::io::stdout())).await?;
        store.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    let unfinished = Unfinished::begin(file, ONLY_THE_OWNER)?;
    let mut out = BufWriter::new(&unfinished.file);
    let stop = shutdown_signal()?;
    let rows = tokio::select! {
        rows = store.dump(&mut out) => rows.map_err(anyhow::Error::from),
        () = told_to_stop(stop) => Err(anyhow!("stopped before the dump was whole: {} is not written", file.display())),
    };
    store.close().await;
    let rows = rows?;
    out.flush().with_context(|| format!("{} cannot be written", file.display()))?;
    drop(out);
    unfinished.finish()?;
    print(&format!(
        "{}: {rows} rows. It holds the key that people are hashed with: keep it secret.\n",
        file.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn restore(config: &Path, file: &Path) -> Result<ExitCode> {
    let store = Store::open(read_config(config)?.store_url.expose_secret()).await?;
    let dump: Box<dyn BufRead> = if file == Path::new(STANDARD) {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(file).with_context(|| format!("{} cannot be opened", file.display()))?))
    };
    let rows = store.restore(dump).await?;
    store.close().await;
    print(&format!("{rows} rows restored.\n"))?;
    Ok(ExitCode::SUCCESS)
}

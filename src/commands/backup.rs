//! `chiplog dump` and `chiplog restore`: the whole store as a file, and back, also into the other engine.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use secrecy::ExposeSecret as _;

use super::print;
use crate::app::read_config;
use crate::store::Store;

/// The file that stands for standard output or input.
const STANDARD: &str = "-";

pub(super) async fn dump(config: &Path, file: &Path) -> Result<ExitCode> {
    let store = Store::open(read_config(config)?.store_url.expose_secret()).await?;
    if file == Path::new(STANDARD) {
        store.dump(&mut BufWriter::new(std::io::stdout())).await?;
        store.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    // The file gets its name only when it is whole.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let part = folder.join(format!(".{}.part", file.file_name().unwrap_or_default().to_string_lossy()));
    let opened = create_secret(&part).with_context(|| format!("{} cannot be written", part.display()))?;
    let mut out = BufWriter::new(opened);
    let rows = store.dump(&mut out).await;
    store.close().await;
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            // Half a dump is of no use; the error that made it so is what counts.
            let _ = std::fs::remove_file(&part);
            return Err(error.into());
        }
    };
    out.flush()
        .and_then(|()| out.get_ref().sync_all())
        .with_context(|| format!("{} cannot be written", part.display()))?;
    std::fs::rename(&part, file).with_context(|| format!("{} cannot be written", file.display()))?;
    print(&format!(
        "{}: {rows} rows. It holds the key that people are hashed with: keep it secret.\n",
        file.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// A file that nobody else may read.
fn create_secret(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
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

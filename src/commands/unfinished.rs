//! A file that gets its name only when it is whole: what is cut off must not look like what is done.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A file under way, beside the place where it will be. Given up, it is removed, and whatever was in that place stays.
pub(super) struct Unfinished {
    /// What is written to.
    pub(super) file: File,
    /// Where it lies meanwhile.
    pub(super) part: PathBuf,
    place: PathBuf,
}

impl Unfinished {
    /// Begins a file that only those may read whom `mode` lets.
    pub(super) fn begin(place: &Path, mode: u32) -> Result<Self> {
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let part = folder.join(format!(".{}.part", place.file_name().unwrap_or_default().to_string_lossy()));
        // One that a crash has left may be readable for others.
        let _ = std::fs::remove_file(&part);
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(true).mode(mode).open(&part);
        let file = file.with_context(|| format!("{} cannot be written", place.display()))?;
        Ok(Self { file, part, place: place.to_owned() })
    }

    /// Gives the file its name, once all of it is on the disk.
    pub(super) fn finish(self) -> Result<()> {
        let renamed = self.file.sync_all().and_then(|()| std::fs::rename(&self.part, &self.place));
        renamed.with_context(|| format!("{} cannot be written", self.place.display()))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After it got its name there is nothing to remove; where it did not, the error that made it so is what counts.
        let _ = std::fs::remove_file(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_given_up_leaves_nothing_and_what_is_whole_gets_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("dump.jsonl");
        let names = || std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect::<Vec<_>>();
        std::fs::write(&place, "before").unwrap();
        let mut given_up = Unfinished::begin(&place, 0o600).unwrap();
        given_up.file.write_all(b"half of").unwrap();
        assert_eq!(names().len(), 2);
        drop(given_up);
        assert_eq!((names().len(), std::fs::read_to_string(&place).unwrap().as_str()), (1, "before"));

        let mut whole = Unfinished::begin(&place, 0o600).unwrap();
        whole.file.write_all(b"all of it").unwrap();
        whole.finish().unwrap();
        assert_eq!((names().len(), std::fs::read_to_string(&place).unwrap().as_str()), (1, "all of it"));
        assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);

        let nowhere = Unfinished::begin(&folder.path().join("nowhere/dump.jsonl"), 0o600).err().unwrap();
        assert!(nowhere.to_string().ends_with("nowhere/dump.jsonl cannot be written"), "{nowhere}");
    }
}

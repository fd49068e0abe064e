//! Appends to the newest file, whole lines or nothing, and begins the next one.

use crate::disk::{Disk, Growing};
use crate::files::{AuditError, Limits, make_room, name};
use std::io;
use std::path::{Path, PathBuf};

pub(crate) struct Writer {
    dir: PathBuf,
    disk: Box<dyn Disk>,
    limits: Limits,
    /// The newest file.
    number: u64,
    /// Its bytes up to the end of its last whole line.
    length: u64,
    /// Closed after an error: what is opened again is what is there.
    file: Option<Box<dyn Growing>>,
}

impl Writer {
    pub fn new(dir: &Path, disk: Box<dyn Disk>, limits: Limits, number: u64, length: u64) -> Self {
        Writer { dir: dir.to_owned(), disk, limits, number, length, file: None }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Appends whole lines to one file. After an error none of them is there.
    pub fn append(&mut self, lines: &[u8]) -> Result<(), AuditError> {
        self.opened()?;
        if self.length > 0 && self.length.saturating_add(lines.len() as u64) > self.limits.bytes {
            self.finish()?;
            self.begin_next()?;
        }
        let (path, length) = (self.path(), self.length);
        let file = self.opened()?;
        if let Err(error) = file.append(lines) {
            // When this fails too, the next opening cuts.
            let error = match file.cut(length) {
                Ok(()) => error,
                Err(cut) => io::Error::new(error.kind(), format!("{error}, and then: {cut}")),
            };
            self.file = None;
            return Err(AuditError::at(&path)(error));
        }
        self.length += lines.len() as u64;
        Ok(())
    }

    /// Waits until the file is on the disk.
    pub fn finish(&mut self) -> Result<(), AuditError> {
        let Some(file) = &self.file else { return Ok(()) };
        let synced = file.sync().map_err(AuditError::at(&self.path()));
        if synced.is_err() {
            self.file = None;
        }
        synced
    }

    fn path(&self) -> PathBuf {
        self.dir.join(name(self.number))
    }

    fn begin_next(&mut self) -> Result<(), AuditError> {
        make_room(&self.dir, self.number + 1, self.limits.files)?;
        (self.number, self.length, self.file) = (self.number + 1, 0, None);
        Ok(())
    }

    /// The file, as long as it should be.
    fn opened(&mut self) -> Result<&mut Box<dyn Growing>, AuditError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.open()?,
        };
        Ok(self.file.insert(file))
    }

    fn open(&mut self) -> Result<Box<dyn Growing>, AuditError> {
        loop {
            let path = self.path();
            let mut file = self.disk.open(&path).map_err(AuditError::at(&path))?;
            let found = file.length().map_err(AuditError::at(&path))?;
            if found > self.length {
                file.cut(self.length).map_err(AuditError::at(&path))?;
            }
            if found >= self.length {
                return Ok(file);
            }
            // Somebody cut or removed it, perhaps within a line.
            self.begin_next()?;
        }
    }
}

//! A backup without its cluster: what is kept in a database or a file, what it comes to, and a file put into a database.

use super::checkpoint;
use super::connection::{Column, Pool, Value};
use super::database::put_state;
use super::file::{FileError, Header, Reader, Record, within};
use super::place::Place;
use super::proof::{self, Known, Proven, Reach};
use super::reading;
use super::rebuild::{AsOf, Flaw, Rebuild};
use super::rows::Rows;
use super::tables;
use super::trouble::{BackupError, DatabaseError};
use metadata::{Index, State, Term};
use serde::Serialize;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Commits that are gathered for one go of statements.
const AT_ONCE: usize = 512;
const SQLITE: &[u8] = b"SQLite format 3\0";
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Where a backup is.
pub enum Archive {
    Database(Opened),
    File(PathBuf),
}

/// A database that is read.
pub struct Opened(Pool);

/// A point of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    pub index: Index,
    pub at_ms: u64,
}

/// A stretch that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    pub after: Index,
    pub upto: Index,
}

/// One history of a cluster, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lineage {
    pub lineage: String,
    /// Whether it is the one that goes on; an earlier one was put aside.
    pub current: bool,
    pub term: Term,
    pub upto: Index,
    pub commits: u64,
    /// The first commit and the last.
    pub first: Option<Point>,
    pub last: Option<Point>,
    pub gaps: Vec<Missing>,
    pub checkpoints: Vec<Point>,
}

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// `sqlite`, `postgresql` or `file`.
    pub kind: &'static str,
    pub cluster_id: String,
    /// When a file was made.
    pub created_at_ms: Option<u64>,
    pub lineages: Vec<Lineage>,
}

/// A state that came out of a backup.
pub struct Rebuilt {
    pub state: State,
    /// The newest index and term that anything in the backup is of.
    pub newest: (Index, Term),
    /// Up to where it could have been rebuilt.
    pub upto: Index,
    pub gaps: Vec<Missing>,
}

fn missing(gaps: &[(Index, Index)]) -> Vec<Missing> {
    gaps.iter().map(|(after, upto)| Missing { after: *after, upto: *upto }).collect()
}

impl Archive {
    /// Opens what is there: a URL of a database, a SQLite file, or a file that was exported.
    ///
    /// # Errors
    /// When it is none of these, or does not answer.
    pub async fn open(from: &str) -> Result<Self, BackupError> {
        if ["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| from.starts_with(scheme)) {
            let pool = Pool::open(&Place::of(from)?.only_to_read()).await?;
            return Ok(Archive::Database(Opened(pool)));
        }
        let path = Path::new(from);
        let io = |source| BackupError::Io { what: from.to_owned(), source };
        let mut head = Vec::new();
        File::open(path).and_then(|file| file.take(16).read_to_end(&mut head)).map_err(io)?;
        if head.starts_with(SQLITE) {
            let pool = Pool::open(&Place::file(path).only_to_read()).await?;
            return Ok(Archive::Database(Opened(pool)));
        }
        if head.starts_with(GZIP) {
            return Ok(Archive::File(path.to_owned()));
        }
        Err(BackupError::Refused(format!("{from} is neither a SQLite file nor a file that `quorate backup export` made")))
    }

    /// What is kept in it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn contents(&self) -> Result<Contents, BackupError> {
        match self {
            Archive::Database(Opened(pool)) => of_database(pool).await,
            Archive::File(path) => on_thread(path, |reader| Scan::of(reader, AsOf::Newest)).await.map(Scan::contents),
        }
    }

    /// Proves it: what it comes to has the digest that the cluster had, and its tables hold that.
    ///
    /// # Errors
    /// [`BackupError::Flaw`] with the first that is wrong.
    pub async fn prove(&self) -> Result<Proven, BackupError> {
        match self {
            Archive::Database(Opened(pool)) => proof::prove(pool, Reach::Whole).await,
            Archive::File(path) => {
                let scan = on_thread(path, |reader| Scan::of(reader, AsOf::Newest)).await?;
                Ok(Proven {
                    cluster_id: scan.header.cluster_id.to_string(),
                    lineage: scan.header.lineage.to_string(),
                    index: scan.rebuild.state().revision(),
                    digest: scan.rebuild.state().digest(),
                    commits: scan.rebuild.commits(),
                    gaps: scan.gaps(),
                })
            }
        }
    }

    /// The state as of some point.
    ///
    /// # Errors
    /// [`BackupError::Flaw`] where it is not in there.
    pub async fn rebuild(&self, as_of: AsOf) -> Result<Rebuilt, BackupError> {
        match self {
            Archive::Database(Opened(pool)) => {
                let known = Known::read(pool).await?;
                let state = proof::rebuilt(pool, &known, as_of).await?;
                let mut tx = pool.begin().await?;
                let newest = (reading::newest_index(&mut tx).await?, reading::newest_term(&mut tx).await?);
                Ok(Rebuilt { state, newest, upto: known.watermark, gaps: missing(&known.gaps) })
            }
            Archive::File(path) => {
                let scan = on_thread(path, move |reader| Scan::of(reader, as_of)).await?;
                scan.reached(as_of)?;
                let (newest, upto, gaps) = ((scan.last.index, scan.term), scan.last.index, missing(&scan.gaps()));
                Ok(Rebuilt { state: scan.rebuild.into_state(), newest, upto, gaps })
            }
        }
    }
}

async fn of_database(pool: &Pool) -> Result<Contents, BackupError> {
    let mut tx = pool.begin_to_compare().await?;
    tables::check(&mut tx).await?;
    let mark = reading::mark(&mut tx).await?.ok_or(Flaw::Empty)?;
    let cluster_id = reading::owner(&mut tx).await?.unwrap_or_default();
    let (gaps, checkpoints) = (missing(&reading::gaps(&mut tx).await?), reading::checkpoints(&mut tx).await?);
    let checkpoints = checkpoints.into_iter().map(|kept| Point { index: kept.index, at_ms: kept.at_ms }).collect();
    let sql = "SELECT log_index, at_ms FROM history WHERE kind <> 'gap' ORDER BY log_index";
    let mut ends = Vec::new();
    for order in ["ASC", "DESC"] {
        let row = tx.rows(format!("{sql} {order} LIMIT 1"), &[], &[Column::Number, Column::Number]).await?.pop();
        ends.push(row.map(|row| Point { index: row[0].number() as u64, at_ms: row[1].number() as u64 }));
    }
    let commits = reading::number(&mut tx, "COUNT(*)", "history WHERE kind <> 'gap'", &[]).await?.unwrap_or_default();
    let (first, last) = (ends[0], ends[1]);
    let (term, upto) = (mark.term as u64, mark.index as u64);
    let mut lineages = vec![Lineage { lineage: mark.lineage, current: true, term, upto, commits, first, last, gaps, checkpoints }];
    let sql = "SELECT lineage, term, log_index FROM archived_watermark ORDER BY lineage LIMIT 1000".to_owned();
    for row in tx.rows(sql, &[], &[Column::Text, Column::Number, Column::Number]).await? {
        let Ok([lineage, term, upto]) = <[Value; 3]>::try_from(row) else { continue };
        let (lineage, term, upto) = (lineage.text(), term.number() as u64, upto.number() as u64);
        let of = [Value::Text(lineage.clone())];
        let commits = reading::number(&mut tx, "COUNT(*)", "archived_history WHERE lineage = $1 AND kind <> 'gap'", &of).await?;
        let (commits, gaps, checkpoints) = (commits.unwrap_or_default(), Vec::new(), Vec::new());
        lineages.push(Lineage { lineage, current: false, term, upto, commits, first: None, last: None, gaps, checkpoints });
    }
    Ok(Contents { kind: pool.kind(), cluster_id, created_at_ms: None, lineages })
}

/// A file that was read to its end, and what it came to at some point.
struct Scan {
    header: Header,
    rebuild: Rebuild,
    began: Point,
    first: Option<Point>,
    last: Point,
    commits: u64,
    term: Term,
}

impl Scan {
    fn of(reader: &mut Reader<BufReader<File>>, as_of: AsOf) -> Result<Scan, BackupError> {
        let header = reader.header().clone();
        let Some(Record::State(state)) = reader.next()? else { return Err(Flaw::Empty.into()) };
        let began = Point { index: state.revision(), at_ms: state.at_ms() };
        let mut scan = Scan { header, rebuild: Rebuild::from(*state), began, first: None, last: began, commits: 0, term: 0 };
        while let Some(record) = reader.next()? {
            let Record::Commit(commit, _) = record else { return Err(FileError::Damaged("a second state".to_owned()).into()) };
            if within(as_of, commit.index, commit.at_ms) {
                scan.rebuild.take_commit(commit.index, commit.prev_index, commit.at_ms, &commit.changes, &commit.digest.to_string())?;
            }
            let point = Point { index: commit.index, at_ms: commit.at_ms };
            scan.first.get_or_insert(point);
            scan.last = point;
            scan.commits += 1;
            scan.term = scan.term.max(commit.term);
        }
        Ok(scan)
    }

    /// Whether the point that was asked for is in it.
    fn reached(&self, as_of: AsOf) -> Result<(), Flaw> {
        let oldest = self.began.index;
        match as_of {
            AsOf::Index(asked) if asked > self.last.index => Err(Flaw::TooLate { asked, newest: self.last.index }),
            AsOf::Index(asked) if asked < oldest => Err(Flaw::TooEarly { asked: asked.to_string(), oldest }),
            AsOf::Time(at_ms) if at_ms < self.began.at_ms => Err(Flaw::TooEarly { asked: format!("{at_ms} ms"), oldest }),
            _ => Ok(()),
        }
    }

    fn gaps(&self) -> Vec<(Index, Index)> {
        if self.began.index > 0 { vec![(0, self.began.index)] } else { Vec::new() }
    }

    fn contents(self) -> Contents {
        let checkpoints = if self.began.index > 0 { vec![self.began] } else { Vec::new() };
        let last = self.first.map(|_| self.last);
        let (gaps, commits, upto, term) = (missing(&self.gaps()), self.commits, self.last.index, self.term);
        let lineage = self.header.lineage.to_string();
        let lineage = Lineage { lineage, current: true, term, upto, commits, first: self.first, last, gaps, checkpoints };
        let created_at_ms = Some(self.header.created_at_ms);
        Contents { kind: "file", cluster_id: self.header.cluster_id.to_string(), created_at_ms, lineages: vec![lineage] }
    }
}

/// Reads a file where it holds nobody up.
async fn on_thread<T: Send + 'static>(
    path: &Path,
    read: impl FnOnce(&mut Reader<BufReader<File>>) -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    let (path, what) = (path.to_owned(), path.display().to_string());
    let done = tokio::task::spawn_blocking(move || {
        let file = File::open(&path).map_err(|source| BackupError::Io { what: path.display().to_string(), source })?;
        read(&mut Reader::open(BufReader::new(file))?)
    });
    done.await.map_err(|error| BackupError::Io { what, source: std::io::Error::other(error) })?
}

/// Puts a file into an empty database, all or nothing: a backup as a leader would have written it.
///
/// # Errors
/// When the file is not whole, or the database holds anything.
pub async fn import(file: &Path, url: &str) -> Result<Contents, BackupError> {
    // All of it first: a damaged file leaves nothing behind.
    let scan = on_thread(file, |reader| Scan::of(reader, AsOf::Newest)).await?;
    let pool = Pool::open(&Place::of(url)?).await?;
    let mut tx = pool.begin().await?;
    let there = tx.tables().await?;
    if !there.is_empty() {
        return Err(DatabaseError::NotEmpty(there.join(", ")).into());
    }
    tables::make(&mut tx).await?;
    let source = |source| BackupError::Io { what: file.display().to_string(), source };
    let mut reader = Reader::open(BufReader::new(File::open(file).map_err(source)?))?;
    let mut began = Rows::default();
    if let Some(Record::State(state)) = reader.next()?
        && state.revision() > 0
    {
        began.gap(0, scan.term, &state);
        began.checkpoint(checkpoint::pack(&state).map_err(source)?);
    }
    began.write(&mut tx).await?;
    let mut ended = false;
    while !ended {
        let mut rows = Rows::default();
        for _ in 0..AT_ONCE {
            let Some(record) = reader.next()? else {
                ended = true;
                break;
            };
            if let Record::Commit(commit, by) = record {
                rows.history(&commit, by.as_ref()).map_err(DatabaseError::from)?;
            }
        }
        rows.write(&mut tx).await?;
    }
    put_state(&mut tx, scan.rebuild.state()).await?;
    let (cluster_id, lineage) = (text(scan.header.cluster_id), text(scan.header.lineage));
    tx.execute("INSERT INTO backup (id, cluster_id) VALUES (1, $1)".to_owned(), [cluster_id]).await?;
    let mark = [lineage, scan.term.into(), scan.last.index.into()];
    tx.execute("INSERT INTO watermark (id, lineage, term, log_index) VALUES (1, $1, $2, $3)".to_owned(), mark).await?;
    tx.commit().await?;
    of_database(&pool).await
}

fn text(id: Uuid) -> Value {
    Value::Text(id.to_string())
}

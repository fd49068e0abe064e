//! Where the backup goes: a database URL, with the schema that it has to itself where one is named.

use super::trouble::DatabaseError;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use std::path::Path;
use std::str::FromStr;

/// What the longest name of PostgreSQL has, in bytes.
const LONGEST_NAME: usize = 63;

/// A database.
#[derive(Clone)]
pub(super) enum Place {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres { options: Box<PgConnectOptions>, schema: Option<String> },
}

/// Whether a backup can go there: `sqlite://…`, or `postgres://…` with `schema=NAME` among its parameters.
///
/// # Errors
/// What is wrong with the URL, without what may be secret in it.
pub fn check_database_url(url: &str) -> Result<(), String> {
    Place::of(url).map(drop).map_err(|error| error.to_string())
}

impl Place {
    /// A SQLite file.
    pub(super) fn file(path: &Path) -> Self {
        Place::Sqlite(Box::new(SqliteConnectOptions::new().filename(path)))
    }

    /// The same for who only reads: nothing is made there, and nothing written.
    pub(super) fn only_to_read(self) -> Self {
        match self {
            Place::Sqlite(options) => {
                // What a crash left half written is taken back by who opens it, and that is a change.
                let mut journal = options.get_filename().as_os_str().to_owned();
                journal.push("-journal");
                let whole = !Path::new(&journal).exists();
                Place::Sqlite(Box::new(options.read_only(whole).create_if_missing(false)))
            }
            postgres @ Place::Postgres { .. } => postgres,
        }
    }

    pub(super) fn of(url: &str) -> Result<Self, DatabaseError> {
        let no = |why: &str| DatabaseError::Url(why.to_owned());
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url).map_err(|_| no("it is no URL of a SQLite file: sqlite://PATH?mode=rwc"))?;
            return Ok(Place::Sqlite(Box::new(options)));
        }
        if !["postgres:", "postgresql:"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(no("it is neither sqlite:// nor postgres://"));
        }
        let (rest, query) = url.split_once('?').unwrap_or((url, ""));
        let (ours, theirs): (Vec<&str>, Vec<&str>) =
            query.split('&').filter(|pair| !pair.is_empty()).partition(|pair| pair.starts_with("schema="));
        let schema = match ours.as_slice() {
            [] => None,
            [pair] => Some(pair.trim_start_matches("schema=").to_owned()),
            _ => return Err(no("it names a schema twice")),
        };
        if schema.as_deref().is_some_and(|name| !is_name(name)) {
            return Err(no("its schema has to be 1 to 63 of a-z, 0-9 and _, no digit first"));
        }
        let options =
            PgConnectOptions::from_str(&format!("{rest}?{}", theirs.join("&"))).map_err(|_| no("it is no URL of a PostgreSQL database"))?;
        // PgBouncer refuses connections that ask for what it does not know; and statements with a name would stay behind on
        // whichever of its connections they came through.
        let options = options.extra_float_digits(None).statement_cache_capacity(0).application_name("quorate");
        Ok(Place::Postgres { options: Box::new(options), schema })
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain) && !name.as_bytes()[0].is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_taken_out_of_the_url() {
        let schema = |url: &str| match Place::of(url) {
            Ok(Place::Postgres { schema, .. }) => schema.unwrap_or_default(),
            Ok(Place::Sqlite(_)) => "sqlite".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(schema("postgres://u:p@h:1/d?schema=quorate"), "quorate");
        assert_eq!(schema("postgresql://h/d?sslmode=disable&schema=a_1&connect_timeout=3"), "a_1");
        assert_eq!(schema("postgres://h/d"), "");
        assert_eq!(schema("sqlite://x.sqlite?mode=rwc"), "sqlite");
    }

    #[test]
    fn what_is_no_url_is_refused_without_its_secrets() {
        for url in [
            "mysql://u:secret@h/d",
            "postgres://u:secret@h/d?schema=",
            "postgres://u:secret@h/d?schema=A",
            "postgres://u:secret@h/d?schema=a&schema=b",
            "postgres://u:secret@h/d?schema=1a",
            "postgres://u:secret@h/d?schema=a%22b",
            "postgres://u:secret@h:x/d",
            "sqlite://x?mode=secret",
        ] {
            let said = check_database_url(url).err().unwrap_or_default();
            assert!(!said.is_empty() && !said.contains("secret"), "{url}: {said}");
        }
    }
}

//! Arguments by hand: known flags, free words, and whatever follows `--`.

use anyhow::{Result, bail};

/// What a command was given.
#[derive(Debug, Default, PartialEq)]
pub struct Args {
    flags: Vec<String>,
    /// Everything that is no flag, in order.
    pub words: Vec<String>,
    /// Everything after `--`, untouched.
    pub rest: Vec<String>,
}

impl Args {
    /// Sorts `given`; a flag that is not among `known` is refused by its name.
    pub fn parse(given: Vec<String>, known: &[&str]) -> Result<Args> {
        let mut args = Args::default();
        let mut given = given.into_iter();
        while let Some(arg) = given.next() {
            if arg == "--" {
                args.rest = given.collect();
                break;
            }
            if !arg.starts_with('-') {
                args.words.push(arg);
            } else if known.contains(&arg.as_str()) {
                args.flags.push(arg);
            } else if known.is_empty() {
                bail!("unknown flag `{arg}`: this command takes none");
            } else {
                bail!("unknown flag `{arg}`: this command takes {}", known.join(", "));
            }
        }
        Ok(args)
    }

    /// For a command that takes flags alone.
    pub fn flags_only(given: Vec<String>, known: &[&str]) -> Result<Args> {
        let args = Args::parse(given, known)?;
        match args.words.first().or(args.rest.first()) {
            Some(word) => bail!("unexpected argument `{word}`"),
            None => Ok(args),
        }
    }

    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }
}

pub fn is_help(arg: &str) -> bool {
    matches!(arg, "--help" | "-h")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(given: &[&str]) -> Vec<String> {
        given.iter().map(|arg| arg.to_string()).collect()
    }

    #[test]
    fn flags_words_and_rest_are_told_apart() -> Result<()> {
        let args = Args::parse(strings(&["--quick", "wasm", "--", "--quick", "x"]), &["--quick"])?;
        assert!(args.has("--quick"));
        assert_eq!(args.words, ["wasm"]);
        assert_eq!(args.rest, ["--quick", "x"]);
        Ok(())
    }

    #[test]
    fn an_unknown_flag_is_refused_by_name() {
        let error = Args::parse(strings(&["--fast"]), &["--quick"]).map_err(|error| error.to_string());
        assert_eq!(error, Err("unknown flag `--fast`: this command takes --quick".to_string()));
    }

    #[test]
    fn a_stray_word_is_refused_where_none_is_expected() {
        assert!(Args::flags_only(strings(&["now"]), &[]).is_err());
        assert!(Args::flags_only(strings(&["--", "now"]), &[]).is_err());
    }
}

//! Passwords: argon2id, one at a time, so that a storm of sign-ins costs one thread and nineteen MiB, and nobody else anything.

use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use metadata::access::PasswordHash;
use metadata::{Code, Rejection};
use std::sync::Arc;
use tokio::sync::Semaphore;
use uuid::Uuid;
use zxcvbn::{Score, zxcvbn};

/// The least that OWASP recommends of argon2id.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Who waits for a turn, at most.
const MOST_WAITING: usize = 32;
const SHORTEST: usize = 15;
const LONGEST: usize = 128;
/// A hash for names that nobody has: that there is no such account takes as long to find out as that the password is wrong.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$4m0tqOc4aVqFPUZl9q1nQ0mYyKcQ7tKf8d2oX9mR3mE";

/// The one turn, and the places before it.
pub struct Passwords {
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords { places: Arc::new(Semaphore::new(MOST_WAITING)), turn: Arc::new(Semaphore::new(1)) }
    }
}

fn argon2() -> Result<Argon2<'static>, Rejection> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn failed(error: impl std::fmt::Display) -> Rejection {
    Rejection::new(Code::Overloaded, format!("The password could not be worked on: {error}"))
}

impl Passwords {
    /// Whether this is the password of that hash; never, where there is none.
    ///
    /// # Errors
    /// OVERLOADED when too many wait already.
    pub async fn check(&self, hash: Option<&PasswordHash>, password: String) -> Result<bool, Rejection> {
        let known = hash.is_some();
        let text = hash.map_or(NOBODYS, PasswordHash::text).to_owned();
        let right = self
            .in_turn(move || {
                let parsed = argon2::PasswordHash::new(&text).map_err(failed)?;
                match argon2()?.verify_password(password.as_bytes(), &parsed) {
                    Ok(()) => Ok(true),
                    Err(Error::Password) => Ok(false),
                    Err(error) => Err(failed(error)),
                }
            })
            .await?;
        Ok(right && known)
    }

    /// The hash of a new password.
    ///
    /// # Errors
    /// OVERLOADED when too many wait already.
    pub async fn hash(&self, password: String) -> Result<PasswordHash, Rejection> {
        let text = self.in_turn(move || hash_of(&password)).await?;
        PasswordHash::new(text).ok_or_else(|| failed("its hash is too long"))
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T, Rejection> + Send + 'static) -> Result<T, Rejection> {
        let busy = |_| Rejection::new(Code::Overloaded, format!("{MOST_WAITING} wait to have a password checked on this node already"));
        let _place = self.places.clone().try_acquire_owned().map_err(busy)?;
        let turn = self.turn.clone().acquire_owned().await.map_err(failed)?;
        // Whoever waits may leave; the turn is over when the work is.
        let worked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        worked.await.map_err(failed)?
    }
}

fn hash_of(password: &str) -> Result<String, Rejection> {
    let salt = SaltString::encode_b64(Uuid::new_v4().as_bytes()).map_err(failed)?;
    Ok(argon2()?.hash_password(password.as_bytes(), &salt).map_err(failed)?.to_string())
}

/// Whether this can be a password: long, and none that is tried first. What it is made of does not matter.
///
/// # Errors
/// INVALID_REQUEST, without a word of the password.
pub fn rule(password: &str, name: &str) -> Result<(), Rejection> {
    let no = |what: &str, value: String| {
        let allowed = format!("{SHORTEST} to {LONGEST} characters, of any kind, that are not easily guessed");
        Err(Rejection::new(Code::InvalidRequest, what).at("password", value, allowed))
    };
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return no("No password is so short or so long", format!("{length} characters"));
    }
    if zxcvbn(password, &[name, "quorate"]).score() < Score::Three {
        return no("This password is one that is tried first", "one that is easily guessed".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_right_or_wrong_and_nobody_has_one() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse battery staple".to_owned()).await.expect("a hash");
        assert!(hash.text().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.text());
        for (known, password, right) in [
            (Some(&hash), "correct horse battery staple", true),
            (Some(&hash), "correct horse battery stapl", false),
            (Some(&hash), "", false),
            (None, "correct horse battery staple", false),
        ] {
            assert_eq!(passwords.check(known, password.to_owned()).await, Ok(right), "{password}");
        }
        assert_ne!(passwords.hash("correct horse battery staple".to_owned()).await, Ok(hash), "each has a salt of its own");
    }

    #[tokio::test]
    async fn one_at_a_time_and_only_so_many_wait() {
        let passwords = Arc::new(Passwords::default());
        let held = passwords.turn.clone().acquire_owned().await.expect("a turn");
        let waiting: Vec<_> = (0..MOST_WAITING)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move { passwords.check(None, "x".to_owned()).await })
            })
            .collect();
        while passwords.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(passwords.check(None, "x".to_owned()).await.map_err(|no| no.code), Err(Code::Overloaded));
        drop(held);
        for one in waiting {
            assert_eq!(one.await.expect("it ends"), Ok(false));
        }
    }

    #[test]
    fn what_is_long_and_not_tried_first_can_be_one() {
        let long = "x7 ".repeat(50);
        for (password, fits) in [
            ("tulip engine marble fog", true),
            ("zwölf Boxkämpfer jagen Eva", true),
            ("too short 1!", false),
            (long.as_str(), false),
            ("passwordpassword", false),
            ("123456789012345", false),
            ("aaaaaaaaaaaaaaaaaaaa", false),
            ("qwertyuiopqwertyuiop", false),
            ("quoratequoratequorate", false),
        ] {
            let ruled = rule(password, "ana");
            assert_eq!(ruled.is_ok(), fits, "{password}");
            assert!(ruled.err().is_none_or(|no| !format!("{no:?}").contains(password)), "{password} is repeated");
        }
    }
}

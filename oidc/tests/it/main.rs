//! Sign-ins with a provider that is a real HTTP server on loopback: good ones, bad tokens, keys that change, and a provider that fails.

mod failing;
mod keys;
mod provider;
mod settings;
mod signing_in;
mod tokens;
mod world;

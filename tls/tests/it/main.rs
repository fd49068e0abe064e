//! What is shown, what is trusted, and what is refused: over real sockets, on loopback.

mod files;
mod handshakes;
mod world;

//! Keeps the last minute of heartbeats and the last minutes of the commit rate, so that a first paint shows them at once.

use crate::heard::Heard;
use controller::Controller;
use std::sync::{Arc, Mutex};

/// What was heard lately on this node.
#[derive(Clone)]
pub struct Sampler(Arc<Mutex<Heard>>);

impl Sampler {
    /// Follows the node's pulses until the node stops.
    pub fn start(controller: &Controller) -> Self {
        let sampler = Sampler(Arc::default());
        let (heard, controller) = (sampler.0.clone(), controller.clone());
        tokio::spawn(async move {
            let mut pulses = controller.watch_pulse();
            while pulses.changed().await.is_ok() {
                let pulse = controller.pulse();
                if let Ok(mut heard) = heard.lock() {
                    heard.take(&pulse);
                }
            }
        });
        sampler
    }

    /// A copy of it.
    pub fn heard(&self) -> Heard {
        self.0.lock().map(|heard| heard.clone()).unwrap_or_default()
    }
}

//! What a write asks of the cache: intent → statement → publish.

use std::time::Instant;

use super::script::{Args, INTENT, PUBLISH};
use super::types::IntentState;
use super::{Cache, Intent, Published};
use crate::{Meter, WorkspaceId};

impl Cache {
    /// Announces a write. Call it right before the statement.
    pub async fn intent(&self, meter: &Meter, workspace: WorkspaceId) -> Intent {
        let Some(redis) = &self.redis else {
            return Intent { workspace, state: IntentState::Off };
        };
        let (id, sent) = (uuid::Uuid::new_v4().simple().to_string(), Instant::now());
        let args = Args::new().number(workspace.0).with(id.as_str());
        let state = match redis.run(meter, self.writing(), &INTENT, args, None).await {
            Ok(_) => IntentState::Announced { id, sent },
            // It may have arrived all the same. Then its mark keeps the workspace out of the cache until it expires.
            Err(_) => IntentState::Away,
        };
        Intent { workspace, state }
    }

    /// Publishes a write whose outcome is known, before it is answered. Also after a statement that certainly changed nothing.
    pub async fn publish(&self, meter: &Meter, intent: Intent) -> Published {
        let known = Instant::now();
        let (Some(redis), IntentState::Announced { id, sent }) = (&self.redis, intent.state) else {
            return Published::Done;
        };
        let args = Args::new().number(intent.workspace.0).with(id);
        match redis.run(meter, self.writing(), &PUBLISH, args, None).await {
            Ok(_) => Published::Done,
            // The tenth is for clocks that run at different rates.
            Err(_) if known.duration_since(sent) < self.settings.mark_ttl.mul_f32(0.9) => Published::Covered,
            Err(_) => Published::Distrust,
        }
    }

    /// Kills every entry of a workspace because the store has pending invalidations for it. If true, delete **exactly the
    /// rows seen before this call** (by id, not "up to an id": a row with a smaller id may commit later).
    pub async fn settle(&self, meter: &Meter, workspace: WorkspaceId) -> bool {
        let Some(redis) = &self.redis else {
            return true;
        };
        let args = Args::new().number(workspace.0).with("");
        redis.run(meter, self.writing(), &PUBLISH, args, None).await.is_ok()
    }
}

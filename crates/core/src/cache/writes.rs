//! What a write asks of the cache: intent → statement → publish.

use std::sync::Arc;
use std::time::Instant;

use super::script::{Args, INTENT, PUBLISH};
use super::types::IntentState;
use super::{Cache, Intent, Published, Touched};
use crate::{Meter, WorkspaceId};

impl Cache {
    /// Announces a write. Call it right before the statement.
    pub async fn intent(&self, meter: &Arc<Meter>, workspace: WorkspaceId, touched: Touched) -> Intent {
        let Some(redis) = self.redis.as_ref().filter(|_| self.settings.answers) else {
            return Intent { workspace, touched, state: IntentState::Off };
        };
        let (id, sent) = (uuid::Uuid::new_v4().simple().to_string(), Instant::now());
        let args = intent_args(workspace, &id, touched);
        let state = match redis.run(meter, self.writing(), &INTENT, args, None).await {
            Ok(_) => IntentState::Announced { id, sent },
            // It may have arrived all the same. Then its mark keeps the workspace out of the cache until it expires.
            Err(_) => IntentState::Away,
        };
        Intent { workspace, touched, state }
    }

    /// Publishes a write whose outcome is known, before it is answered. Also after a statement that certainly changed
    /// nothing.
    pub async fn publish(&self, meter: &Arc<Meter>, intent: Intent) -> Published {
        let known = Instant::now();
        let (Some(redis), IntentState::Announced { id, sent }) = (&self.redis, intent.state) else {
            return Published::Done;
        };
        let args = intent_args(intent.workspace, &id, intent.touched);
        let in_background = intent.touched == Touched::EverythingInBackground;
        match redis.run(meter, self.writing(), &PUBLISH, args, None).await {
            Ok(_) => Published::Done,
            // The tenth is for clocks that run at different rates.
            Err(_) if !in_background && known.duration_since(sent) < self.settings.mark_ttl.mul_f32(0.9) => {
                Published::Covered
            }
            Err(_) => Published::Distrust,
        }
    }

    /// Kills every entry of a workspace because the store has pending invalidations for it. If true, delete **exactly
    /// the rows seen before this call** (by id, not "up to an id": a row with a smaller id may commit later).
    pub async fn settle(&self, meter: &Arc<Meter>, workspace: WorkspaceId) -> bool {
        let Some(redis) = &self.redis else {
            return true;
        };
        let args = intent_args(workspace, "", Touched::Everything);
        redis.run(meter, self.writing(), &PUBLISH, args, None).await.is_ok()
    }
}

/// Arguments of `intent.lua` and `publish.lua`.
pub fn intent_args(workspace: WorkspaceId, write: &str, touched: Touched) -> Args {
    Args::new().number(workspace.0).with(write).with(match touched {
        Touched::Everything => "*".to_owned(),
        Touched::EverythingInBackground => "~".to_owned(),
        Touched::Lists => "-".to_owned(),
        Touched::Todo(todo) => todo.simple().to_string(),
    })
}

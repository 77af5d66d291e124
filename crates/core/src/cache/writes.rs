//! Calls of writes: intent → statement → publish.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::redis::RedisFailure;
use super::script::{Args, INTENT, PUBLISH, WATCH};
use super::types::IntentState;
use super::{Cache, Intent, InvalidationScope, Published};
use crate::{Caller, Meter, WorkspaceId};

impl Cache {
    /// The longest time from an announcement to the statement. After it, the write is announced again.
    const FRESH: Duration = Duration::from_secs(1);

    /// Announces a write, unless that was done when the request came in. Call it right before the statement.
    pub async fn intent(&self, caller: &Caller, scope: InvalidationScope) -> Intent {
        let Caller { workspace, meter, announced, actor: _, person: _, request: _ } = caller;
        let workspace = *workspace;
        let caches = self.settings.answers || scope == InvalidationScope::Access;
        let Some(redis) = self.redis.as_ref().filter(|_| caches && scope != InvalidationScope::Nothing) else {
            return Intent { workspace, scope, state: IntentState::Off };
        };
        let known = if scope == InvalidationScope::Access { None } else { announced.take() };
        let id = match known {
            Some((id, age)) if age < Self::FRESH => {
                return Intent { workspace, scope, state: IntentState::Announced { id } };
            }
            Some((id, _)) => id,
            None => new_id(),
        };
        let args = intent_args(workspace, &id, &scope.fields());
        let state = match redis.run(meter, self.announcing(), &INTENT, args, None).await {
            Ok(_) => IntentState::Announced { id },
            // A call that failed may have arrived all the same. Nobody removes its fence, and when that expires
            // something is invalidated that need not be.
            Err(RedisFailure::Starved) => IntentState::Starved,
            Err(_) => IntentState::Away,
        };
        Intent { workspace, scope, state }
    }

    /// Withdraws an announcement that nobody has taken: the request wrote nothing. If it fails, its fence expires.
    pub async fn withdraw(&self, caller: &Caller) {
        if let (Some(redis), Some((id, _))) = (&self.redis, caller.announced.take()) {
            let args = publish_args(caller.workspace, &id, InvalidationScope::Nothing);
            let _ = redis.run(&caller.meter, self.reading(), &PUBLISH, args, None).await;
        }
    }

    /// Whether writes are announced when they come in ([`GateRequest::announce`](super::GateRequest::announce)).
    pub fn announces(&self) -> bool {
        self.redis.is_some() && self.settings.answers
    }

    /// A number that every write of the caller's workspace raises when it is published. `None` while that cannot be
    /// known.
    pub async fn changes_of(&self, caller: &Caller) -> Option<i64> {
        let redis = self.redis.as_ref().filter(|_| self.settings.answers)?;
        let args = Args::new().number(caller.workspace.0);
        redis.run(&caller.meter, self.reading(), &WATCH, args, None).await.ok()?.number()
    }

    /// Publishes a write whose outcome is known, before it is answered. `changed` is false of a statement that
    /// certainly changed nothing. A committed write is never refused: where a starved instance has waited in vain, that
    /// must be recorded, too.
    pub async fn publish(&self, meter: &Arc<Meter>, intent: Intent, changed: bool) -> Published {
        let (Some(redis), IntentState::Announced { id }) = (&self.redis, intent.state) else {
            return Published::Done;
        };
        let scope = if changed { intent.scope } else { InvalidationScope::Nothing };
        let args = publish_args(intent.workspace, &id, scope);
        match redis.run(meter, self.publishing(), &PUBLISH, args, None).await {
            Ok(_) => Published::Done,
            Err(_) if !changed => Published::Done,
            Err(_) => Published::MustRecord,
        }
    }
}

/// The id of a write.
pub fn new_id() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Arguments of `intent.lua`.
pub fn intent_args(workspace: WorkspaceId, write: &str, fields: &str) -> Args {
    Args::new().number(workspace.0).with(write).with(fields)
}

/// Arguments of `publish.lua`.
pub fn publish_args(workspace: WorkspaceId, write: &str, scope: InvalidationScope) -> Args {
    intent_args(workspace, write, &scope.fields()).flag(scope == InvalidationScope::TodosInBackground)
}

//! The check while nobody asks. It is good for a second, so whoever asks after a pause would have to wait for Postgres;
//! where requests are rare that is everybody.

use std::sync::{Arc, Mutex};

use super::{FollowUp, OwnedCredential};
use crate::cache::{Credential, GateRequest, Reach};
use crate::usecases::Service;
use crate::{Meter, lock};

/// The last caller who was authenticated.
#[derive(Debug, Default)]
pub(in crate::usecases) struct LastCaller(Mutex<Option<OwnedCredential>>);

impl LastCaller {
    pub fn note(&self, credential: Credential<'_>) {
        *lock(&self.0) = OwnedCredential::of(credential);
    }

    fn take(&self) -> Option<OwnedCredential> {
        lock(&self.0).take()
    }
}

impl Service {
    /// Checks as a request of the last caller would, uncounted: of all instances one is asked to, when the last check
    /// runs out soon. Says what is to be done then, the check itself included.
    pub async fn keep_check(&self, meter: &Arc<Meter>) -> FollowUp {
        let Some(last) = self.last_caller.take() else { return FollowUp::default() };
        let gate_request = GateRequest::authentication(last.as_credential());
        let Some(gate_reply) = self.enter_if_known(meter, &gate_request).await else { return FollowUp::default() };
        if gate_reply.redis != Reach::Reached || gate_reply.after.wait {
            self.last_caller.note(last.as_credential());
            return FollowUp::default();
        }
        // Notes the caller again, unless the token is not good any more.
        let access = self.authenticate(meter, &gate_request, gate_reply).await;
        access.map(|access| access.follow_up).unwrap_or_default()
    }
}

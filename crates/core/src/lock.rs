//! Locks of an instance. They are held for a moment, never while waiting for anything.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A poisoned lock only means that a panic passed by; what it protects is never left half done.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

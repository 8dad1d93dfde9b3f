//! RSA keys shared by all issuers of a process, since making one takes longer than most tests.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::rsa::{KeyPair, KeySize};

/// Keys that nobody holds; the one longest unused is handed out first.
static FREE: Mutex<VecDeque<KeyPair>> = Mutex::new(VecDeque::new());

/// A 2048-bit key that nobody else in this process holds; given back when dropped.
pub(super) struct PooledRsaKey(Option<KeyPair>);

impl PooledRsaKey {
    pub(super) fn take() -> Self {
        let free = FREE
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let key = free.unwrap_or_else(|| {
            KeyPair::generate(KeySize::Rsa2048).expect("the system provides randomness")
        });
        Self(Some(key))
    }
}

impl Deref for PooledRsaKey {
    type Target = KeyPair;

    fn deref(&self) -> &KeyPair {
        self.0.as_ref().expect("a key is held until it is dropped")
    }
}

impl Drop for PooledRsaKey {
    fn drop(&mut self) {
        if let Some(key) = self.0.take() {
            FREE.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_back(key);
        }
    }
}

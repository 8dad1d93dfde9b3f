use std::collections::{BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::signing_key::SigningKey;
use crate::jose::Algorithm;

/// The keys of one issuer: those that sign, those that are published, and those that nobody shall meet again soon.
pub(super) struct KeyRing {
    slots: Vec<Slot>,
    previous: Vec<SigningKey>,
    added: Vec<SigningKey>,
    jwks: Vec<Value>,
    hidden: BTreeSet<String>,
    strangers: Vec<SigningKey>,
    retired: VecDeque<SigningKey>,
}

/// The current key of an algorithm, made when it is first needed.
struct Slot {
    algorithm: Algorithm,
    key: Option<SigningKey>,
}

impl Slot {
    fn key(&mut self) -> SigningKey {
        let make = || SigningKey::generate(self.algorithm);
        self.key.get_or_insert_with(make).clone()
    }
}

impl KeyRing {
    /// A dropped RSA key goes back to the pool, so an old one is held a while: the next key must not be the one before.
    const RETIRED: usize = 16;

    pub(super) fn publish(&mut self, algorithms: &[Algorithm]) {
        let mut before = std::mem::take(&mut self.slots);
        for &algorithm in algorithms {
            let kept = before.iter().position(|slot| slot.algorithm == algorithm);
            let kept = kept.and_then(|at| before.swap_remove(at).key);
            self.slots.push(Slot {
                algorithm,
                key: kept,
            });
        }
        let dropped: Vec<_> = before.into_iter().filter_map(|slot| slot.key).collect();
        self.retire(dropped);
    }

    pub(super) fn default_key(&mut self) -> SigningKey {
        match self.slots.first_mut() {
            Some(slot) => slot.key(),
            None => self.key(Algorithm::RS256),
        }
    }

    pub(super) fn key(&mut self, algorithm: Algorithm) -> SigningKey {
        self.slot(algorithm).key()
    }

    pub(super) fn stranger(&mut self, algorithm: Algorithm) -> SigningKey {
        let known = self
            .strangers
            .iter()
            .find(|key| key.algorithm() == algorithm);
        known.cloned().unwrap_or_else(|| {
            let key = SigningKey::generate(algorithm);
            self.strangers.push(key.clone());
            key
        })
    }

    /// New keys under new key ids. The keys before go on being published, those before them do not.
    pub(super) fn rotate(&mut self) {
        let keys = self
            .slots
            .iter_mut()
            .filter_map(|slot| slot.key.take())
            .collect();
        let previous = std::mem::replace(&mut self.previous, keys);
        self.retire(previous);
    }

    pub(super) fn rotate_dropping(&mut self) {
        self.rotate();
        let previous = std::mem::take(&mut self.previous);
        self.retire(previous);
    }

    pub(super) fn rotate_in_place(&mut self) {
        let mut old = Vec::new();
        for slot in &mut self.slots {
            let key = slot.key();
            let new = SigningKey::generate(slot.algorithm);
            slot.key = Some(match key.key_id() {
                Some(key_id) => new.with_key_id(key_id),
                None => new.without_key_id(),
            });
            old.push(key);
        }
        self.retire(old);
    }

    pub(super) fn withdraw(&mut self, key_id: &str) {
        let named = |key: &SigningKey| key.key_id() == Some(key_id);
        let current = self
            .slots
            .iter_mut()
            .filter_map(|slot| slot.key.take_if(|key| named(key)));
        let mut withdrawn: Vec<_> = current.collect();
        withdrawn.extend(self.previous.extract_if(.., |key| named(key)));
        withdrawn.extend(self.added.extract_if(.., |key| named(key)));
        self.jwks
            .retain(|jwk| jwk.get("kid").and_then(Value::as_str) != Some(key_id));
        self.retire(withdrawn);
    }

    pub(super) fn set_key_id(&mut self, algorithm: Algorithm, key_id: &str) {
        let slot = self.slot(algorithm);
        slot.key = Some(slot.key().with_key_id(key_id));
    }

    pub(super) fn add_key(&mut self, key: SigningKey) {
        self.added.push(key);
    }

    pub(super) fn add_jwk(&mut self, jwk: Value) {
        self.jwks.push(jwk);
    }

    /// From now on no own key is published with this member.
    pub(super) fn hide(&mut self, member: &str) {
        self.hidden.insert(member.to_owned());
    }

    /// The document: current keys, previous ones, added ones, and JWKs as they were given.
    pub(super) fn document(&mut self) -> Value {
        let mut keys: Vec<_> = self.slots.iter_mut().map(Slot::key).collect();
        keys.extend(self.previous.iter().chain(&self.added).cloned());
        let publish = |key: &SigningKey| {
            let mut jwk = key.public_jwk();
            if let Some(members) = jwk.as_object_mut() {
                members.retain(|name, _| !self.hidden.contains(name));
            }
            jwk
        };
        let mut published: Vec<Value> = keys.iter().map(publish).collect();
        published.extend(self.jwks.iter().cloned());
        json!({ "keys": published })
    }

    fn slot(&mut self, algorithm: Algorithm) -> &mut Slot {
        let found = self
            .slots
            .iter()
            .position(|slot| slot.algorithm == algorithm);
        let at = found.unwrap_or_else(|| {
            self.slots.push(Slot {
                algorithm,
                key: None,
            });
            self.slots.len() - 1
        });
        self.slots.get_mut(at).expect("found or just added")
    }

    fn retire(&mut self, keys: Vec<SigningKey>) {
        self.retired.extend(keys);
        let surplus = self.retired.len().saturating_sub(Self::RETIRED);
        self.retired.drain(..surplus);
    }
}

impl Default for KeyRing {
    fn default() -> Self {
        let mut ring = Self {
            slots: Vec::new(),
            previous: Vec::new(),
            added: Vec::new(),
            jwks: Vec::new(),
            hidden: BTreeSet::new(),
            strangers: Vec::new(),
            retired: VecDeque::new(),
        };
        ring.publish(&[Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]);
        ring
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]
mod tests {
    use super::*;

    fn ring() -> KeyRing {
        let mut ring = KeyRing::default();
        ring.publish(&[Algorithm::EdDSA]);
        ring
    }

    fn key_ids(ring: &mut KeyRing) -> Vec<String> {
        let document = ring.document();
        let keys = document["keys"].as_array().unwrap();
        keys.iter()
            .map(|jwk| jwk["kid"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_rotated_key_is_published_for_one_more_round() {
        let mut ring = ring();
        let first = key_ids(&mut ring).remove(0);
        ring.rotate();
        let second = key_ids(&mut ring);
        assert_eq!((second.len(), &second[1]), (2, &first));
        ring.rotate();
        assert_eq!(key_ids(&mut ring)[1], second[0]);
        ring.rotate_dropping();
        assert_eq!(key_ids(&mut ring).len(), 1);
    }

    #[test]
    fn rotation_in_place_keeps_the_key_id_and_changes_the_key() {
        let mut ring = ring();
        let before = ring.document();
        ring.rotate_in_place();
        let after = ring.document();
        assert_eq!(before["keys"][0]["kid"], after["keys"][0]["kid"]);
        assert_ne!(before["keys"][0]["x"], after["keys"][0]["x"]);
    }

    #[test]
    fn a_withdrawn_key_is_published_no_more_wherever_it_stood() {
        let mut ring = ring();
        ring.set_key_id(Algorithm::EdDSA, "one");
        ring.rotate();
        ring.set_key_id(Algorithm::EdDSA, "two");
        ring.add_key(SigningKey::generate(Algorithm::ES256).with_key_id("three"));
        ring.add_jwk(json!({"kty": "oct", "kid": "four"}));
        assert_eq!(key_ids(&mut ring), ["two", "one", "three", "four"]);
        for key_id in ["one", "two", "three", "four"] {
            ring.withdraw(key_id);
        }
        let left = key_ids(&mut ring);
        assert!(left.len() == 1 && left[0].starts_with("eddsa-"), "{left:?}");
    }

    #[test]
    fn a_hidden_member_is_published_for_no_own_key() {
        let mut ring = ring();
        ring.hide("alg");
        ring.add_jwk(json!({"kty": "oct", "alg": "HS256"}));
        let document = ring.document();
        assert_eq!(document["keys"][0].get("alg"), None);
        assert_eq!(document["keys"][1]["alg"], "HS256");
    }
}

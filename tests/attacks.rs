//! Known attacks on services that take tokens, each with the answer it is owed.
//!
//! The number before a row is that of the attack in our list of them; a CVE is named where one made it known. Each row
//! is a request through [`AuthenticateLayer`](tower_bearer::AuthenticateLayer), and differs in one thing from one that
//! is accepted beside it. What is checked: the exact kind of the refusal, the status, the whole `WWW-Authenticate` header
//! (no other header and no body come with it), and that nothing said of it holds a part of the token.

#[path = "attacks/algorithm.rs"]
mod algorithm;
#[path = "attacks/claim.rs"]
mod claim;
#[path = "attacks/conduct.rs"]
mod conduct;
#[path = "attacks/key.rs"]
mod key;
#[path = "attacks/shape.rs"]
mod shape;
#[path = "attacks/signature.rs"]
mod signature;
mod support;
#[path = "attacks/transport.rs"]
mod transport;
mod twin;

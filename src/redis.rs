//! Redis, or Valkey, as the place where several instances of a service share what they must all know.
//!
//! What is kept there is a matter of the module that keeps it: [`revocation`](crate::revocation), [`dpop`](crate::dpop). This one
//! knows where Redis is and when it can be believed.
//!
//! 1. **Only the server that has our keys now is believed.** With every answer that something rests on, the server tells that it is a
//!    master and that the slot of our keys is wholly its own. A replica, a demoted master, a Cluster node that is giving the slot
//!    away: all of them count as gone, and the right one is looked for again. Of Sentinels more than half must agree.
//! 2. **Nothing waits for long.** 200 ms for a connection and 200 ms for an answer, unless told otherwise.
//! 3. **Nothing that stands in Redis can fill our memory.** An answer that announces more than 16 KiB of text or 65 536 elements ends
//!    the connection before it is read.
//! 4. **TLS is verified, always**, against the operating system's authorities or those given, by name.
//!
//! # What a deployment must see to
//!
//! - Redis 6 or newer, or Valkey, with `maxmemory-policy noeviction`: what Redis throws away, nobody new learns of.
//! - A user who may do no more than this:
//!
//!   ```text
//!   ACL SETUSER bearer on >password resetkeys ~{tower-bearer}:* resetchannels &{tower-bearer}:*
//!       -@all +eval +exists +getrange +ping +pttl +publish +scan +set +subscribe
//!   ```
//!
//!   Of Sentinels: `+sentinel|get-master-addr-by-name`.
//! - Who may write there may revoke anything, and by deleting may undo what no running instance remembers. So Redis is to be reached by
//!   the services and by nobody else, and over TLS where the network is not theirs.
//! - Redis writes asynchronously to its replicas: a failover can lose the last second. Every instance that knew a lost revocation
//!   writes it back as soon as it has found the new master.
//! - A Cluster's old master may go on answering for `cluster-node-timeout` after the others have lost sight of it (15 s by default);
//!   a short one is better here.

mod bounded;
mod connection;
mod deployment;
mod failure;
mod master;
mod sentinels;
mod server;
mod tls;

pub(crate) use connection::{Connection, Listener, refusal};
pub use deployment::Redis;
pub(crate) use failure::{Failure, FailureKind};
pub(crate) use master::{Answers, Master, Masters};

//! Times, outcomes and throughput, under the allocator that a service has.

fn main() {
    tower_bearer_peers::command::main(None);
}

//! The same workers under an allocator that counts; that costs time, so nothing is timed here.

fn main() {
    tower_bearer_peers::command::main(Some(|call| allocation_counter::measure(call).count_total));
}

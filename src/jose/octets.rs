//! Looking for an octet in many, of which sixteen or more are looked at in one step.

/// Where `octet` first is.
pub(super) fn find(text: &[u8], octet: u8) -> Option<usize> {
    // Within a run there is no branch between two octets: three times as fast as the standard library where there is none to
    // find, as in most garbage.
    const RUN: usize = 64;
    let holds = |run: &[u8; RUN]| {
        run.iter()
            .fold(0, |any, each| any | u8::from(*each == octet))
            != 0
    };
    let (runs, _) = text.as_chunks();
    let clear = runs.iter().position(holds).unwrap_or(runs.len()) * RUN;
    let rest = text.get(clear..)?;
    Some(clear + rest.iter().position(|each| *each == octet)?)
}

/// How often `octet` is there.
pub(super) fn count(text: &[u8], octet: u8) -> usize {
    // In runs short enough for a count to fit an octet.
    let count = |run: &[u8]| run.iter().map(|each| u8::from(*each == octet)).sum::<u8>();
    text.chunks(128).map(|run| usize::from(count(run))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_octet_is_found_and_counted_wherever_it_is() {
        for length in [0, 1, 2, 127, 128, 129, 255, 256, 257, 1000] {
            let mut text = vec![b'a'; length];
            assert_eq!(find(&text, b'.'), None);
            assert_eq!(count(&text, b'a'), length);
            for at in 0..length {
                for octet in text.get_mut(at).into_iter() {
                    *octet = b'.';
                }
                assert_eq!(find(&text, b'.'), Some(0), "{at} of {length}");
                assert_eq!(count(&text, b'.'), at + 1, "{at} of {length}");
            }
            for at in 0..length.saturating_sub(1) {
                for octet in text.get_mut(at).into_iter() {
                    *octet = b'a';
                }
                assert_eq!(find(&text, b'.'), Some(at + 1), "{at} of {length}");
            }
        }
    }
}

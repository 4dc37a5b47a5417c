//! Memory that the program is done with.

/// Gives memory that is free inside the program back to the machine, after much of it was
/// needed for a short time: reading a large file, for one. Without it the allocator keeps what
/// it had at most. It takes milliseconds, so it has no place between a question and its answer.
///
/// Where the allocator has no such wish nothing happens.
#[cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "malloc_trim")
)]
pub fn give_back() {
    // SAFETY: it takes no pointer, and the allocator locks what it looks at.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    #[test]
    fn what_was_freed_in_small_pieces_goes_back_to_the_machine() {
        let resident_pages = || -> usize {
            let text = std::fs::read_to_string("/proc/self/statm").expect("proc is there");
            text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number")
        };
        let mut kept = Vec::new();
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        for number in 0..100_000_u32 {
            let piece = vec![1; 600];
            // Some stay, so that nothing can simply be cut off at the end.
            if number % 10_000 == 9_999 { kept.push(piece) } else { pieces.push(piece) }
        }
        drop(pieces);
        let before = resident_pages();
        super::give_back();
        let after = resident_pages();
        assert!(after + 8_000 < before, "{before} pages, then {after}");
        assert_eq!(kept.len(), 10);
    }
}

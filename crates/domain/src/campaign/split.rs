//! Shares an audience out, by the recipient alone: whoever asks, whenever, gets the same answer, so a chunk that comes twice or a run
//! that is tried again changes nobody's lot.

use sha2::{Digest as _, Sha256};

/// Which of these shares a recipient belongs to. `salt` keeps lots that are drawn for different ends apart: the variant must not hang
/// together with the number. Shares of weight 0 get nobody; without any weight everybody belongs to the first.
pub fn pick(salt: &str, recipient: &str, weights: &[u32]) -> usize {
    let all: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    if weights.len() < 2 || all == 0 {
        return 0;
    }
    let mut hash = Sha256::new();
    hash.update(salt);
    hash.update([0]);
    hash.update(recipient);
    let hash = hash.finalize();
    let lot = hash[..8].iter().fold(0_u64, |lot, byte| lot << 8 | u64::from(*byte)) % all;
    let mut upto = 0;
    let found = weights.iter().position(|weight| {
        upto += u64::from(*weight);
        lot < upto
    });
    found.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(salt: &str, weights: &[u32]) -> Vec<usize> {
        let mut shares = vec![0; weights.len()];
        for n in 0..10_000 {
            shares[pick(salt, &format!("+4915{n:08}"), weights)] += 1;
        }
        shares
    }

    #[test]
    fn shares_are_as_large_as_their_weights() {
        let shares = shares("variant", &[1, 0, 3]);

        assert!(shares[0].abs_diff(2_500) < 200, "{shares:?}");
        assert_eq!(shares[1], 0);
        assert!(shares[2].abs_diff(7_500) < 200, "{shares:?}");
    }

    #[test]
    fn lots_for_different_ends_have_nothing_to_do_with_each_other() {
        let both = (0..10_000).filter(|n| {
            let recipient = format!("+4915{n:08}");
            pick("variant", &recipient, &[1, 1]) == pick("number", &recipient, &[1, 1])
        });
        assert!(both.count().abs_diff(5_000) < 300);
    }

    #[test]
    fn nothing_to_choose_from_is_the_first() {
        assert_eq!(pick("x", "+49151", &[]), 0);
        assert_eq!(pick("x", "+49151", &[0, 0]), 0);
    }
}

//! Message ids that look like Meta's: `wamid.` and base64 of the other party's number and a unique tail.

use data_encoding::{BASE64, HEXUPPER};

/// Makes wamids; no two are equal, not even across restarts of the simulator.
#[derive(Debug)]
pub(crate) struct Mint {
    run: u32,
    made: u64,
}

impl Mint {
    pub(crate) fn new() -> Self {
        Self {
            run: rand::random(),
            made: 0,
        }
    }

    /// The id of a message from or to this user.
    pub(crate) fn next(&mut self, user: &str) -> String {
        self.made += 1;
        // An odd factor permutes the 64-bit numbers: opaque to look at, yet never twice the same.
        let serial = self.made.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut tail = [0; 9];
        tail[0] = (self.run >> 24) as u8;
        tail[1..].copy_from_slice(&serial.to_be_bytes());
        let mut raw = Vec::with_capacity(64);
        raw.extend([0x1C, 0x18, u8::try_from(user.len()).unwrap_or(u8::MAX)]);
        raw.extend(user.as_bytes());
        raw.extend([0x15, 0x02, 0x00, 0x11, 0x18, 0x18]);
        raw.extend(HEXUPPER.encode(&self.run.to_be_bytes()[1..]).as_bytes());
        raw.extend(HEXUPPER.encode(&tail).as_bytes());
        raw.push(0);
        format!("wamid.{}", BASE64.encode(&raw))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_wamids_are_equal() {
        let mut mint = Mint::new();
        let mut other_run = Mint {
            run: mint.run.wrapping_add(1),
            made: 0,
        };

        let made: HashSet<String> = (0..1_000)
            .flat_map(|_| [mint.next("14155550100"), other_run.next("14155550100")])
            .collect();

        assert_eq!(made.len(), 2_000);
        assert!(
            made.iter()
                .all(|wamid| wamid.starts_with("wamid.HBgLMTQxNTU1NTAxMDAVAgAR"))
        );
    }
}

//! What a process holds: memory and open files, read from `/proc`.

use std::fs;

/// What a process holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Footprint {
    /// Resident memory, in megabytes (2^20 bytes).
    pub megabytes: f64,
    /// Open files, sockets included.
    pub files: usize,
}

impl Footprint {
    /// Of a living process on Linux; nothing of any other.
    pub fn of(id: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: f64 = line.split_whitespace().next()?.parse().ok()?;
        Some(Self {
            megabytes: kilobytes / 1024.0,
            files: fs::read_dir(format!("/proc/{id}/fd")).ok()?.count(),
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[cfg(target_os = "linux")]
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_is_opened_is_counted() {
        let before = Footprint::of(std::process::id()).unwrap();

        let files: Vec<_> = (0..200).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();

        let after = Footprint::of(std::process::id()).unwrap();
        assert!(after.files >= before.files + 100, "{before:?}, then {after:?}");
        assert!(after.megabytes > 1.0);
        drop(files);
    }
}

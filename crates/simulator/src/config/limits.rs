//! Meta's limits: the figures, and what the simulator does about them.

use serde::{Deserialize, Serialize};

/// How Meta answers a free-form message when the customer service window is closed. Public captures show both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreeFormOutsideWindow {
    /// 200 with a wamid, then a `failed` status with code 131047.
    #[default]
    FailLater,
    /// 400 with code 131047.
    Refuse,
}

/// The figures of Meta's limits (sources: throughput, pair rate and messaging limits pages).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Refuse with 130429 what exceeds a number's throughput. Measuring and the violation are there either way.
    pub enforce_throughput: bool,
    /// Messages above the throughput that one second may hold before they are refused.
    pub throughput_burst: u32,
    /// Throughput of a number made by `auto_register`.
    pub default_throughput: u32,
    /// Inbound messages take part in a number's throughput, as Meta says.
    pub count_inbound: bool,
    /// Read marks take part in a number's throughput (not documented by Meta).
    pub count_read_marks: bool,
    /// HTTP status of 130429 and 131056: 400 in Meta's table, 429 elsewhere.
    pub throttle_http_status: u16,
    /// Messages one pair may get at once.
    pub pair_burst: u32,
    /// Time until a pair gets one message back; 0 switches the pair rate off.
    pub pair_refill_ms: u64,
    /// Length of Meta's 24 hours: the messaging limit's window and the customer service window.
    pub day_ms: u64,
    /// Code of an exhausted messaging limit; not documented, so configurable (131048, 131049 and 130429 are reported).
    pub messaging_limit_code: i64,
    /// Answer to free-form messages outside the customer service window.
    pub free_form_outside_window: FreeFormOutsideWindow,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            enforce_throughput: true,
            throughput_burst: 0,
            default_throughput: 80,
            count_inbound: true,
            count_read_marks: false,
            throttle_http_status: 400,
            pair_burst: 45,
            pair_refill_ms: 6_000,
            day_ms: 24 * 60 * 60 * 1_000,
            messaging_limit_code: 131_048,
            free_form_outside_window: FreeFormOutsideWindow::FailLater,
        }
    }
}

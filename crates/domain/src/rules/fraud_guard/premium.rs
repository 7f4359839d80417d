//! Ranges that are dear to call and that nobody has WhatsApp on: premium and shared-cost services, satellite phones, ships.
//!
//! Written to only by mistake, or by somebody who earns on it. From the national numbering plans as filed with the ITU; the list is
//! not complete and cannot be: `deny_destinations` adds to it.

/// Beginnings of numbers.
pub(super) const PREMIUM: &[&str] = &[
    // International: freephone, shared cost, personal numbers, satellite phones and ships, international networks, premium rate.
    "+800", "+808", "+870", "+878", "+881", "+882", "+883", "+888", "+979", // North America.
    "+1900", "+1976", // Europe.
    "+30901", "+30909", "+31900", "+31906", "+31909", "+3290", "+3389", "+34803", "+34806", "+34807", "+34905",
    "+351607", "+351608", "+351646", "+351648", "+351760", "+35315", "+358600", "+358700", "+3690", "+3989", "+41900",
    "+41901", "+41906", "+420900", "+420906", "+420908", "+420909", "+421900", "+43900", "+43901", "+43930", "+43931",
    "+43939", "+4470", "+449", "+4590", "+46900", "+46939", "+46944", "+4782", "+4870", "+49137", "+49180", "+49190",
    "+49900", // Asia and Oceania.
    "+61190", "+64900", "+81990", "+82060", "+82700", "+90900", // Latin America.
    "+52900", "+54600", "+55300", "+55900", "+56600", // Africa.
    "+27862",
];

//! The one integration test binary of chiplog.

mod architecture;
mod attribution_truth;
mod truth;

//! What has to hold between a flag and what it shares with others: segments, layers, holdouts.

use crate::model::faults::Faults;
use crate::model::path::Path;
use crate::model::targeting::shared::Shared;
use crate::read::state::FlagState;

/// Adds what is wrong between a flag and the segments, layers and holdouts that there are, and
/// between its values and its type.
pub(super) fn check_flag_state(
    state: &FlagState,
    shared: &Shared,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    let _ = (state, shared, path, faults);
}

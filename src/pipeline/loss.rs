//! Which defects mean that messages may be missing, and for whom.

use crate::defect::{Defect, DefectKind};

/// Whether the defect means that packets may be missing.
pub(super) const fn is_loss(defect: &Defect) -> bool {
    matches!(
        defect.kind,
        DefectKind::TcpGap
            | DefectKind::SctpGap
            | DefectKind::IpFragmentsMissing
            | DefectKind::Dropped
            | DefectKind::BadBlock
    )
}

/// Whether a defect of the stages before messages means that some were in the capture and not
/// read; to those who look for a message it is as if it had not been captured. Where a defect says
/// which way its message went ([`Defect::flow`]), it is missing there alone.
pub(super) const fn is_unread(defect: &Defect) -> bool {
    matches!(
        defect.kind,
        DefectKind::Evicted | DefectKind::Malformed | DefectKind::Snapped
    )
}

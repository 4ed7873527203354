//! Work that waits for the disk.

use tokio::{runtime::Handle, task};

use crate::SpoolError;

/// Runs `work` where it may block. Whoever polls without a runtime, as the simulation does, has no
/// other tasks that it would keep waiting, so there it runs in place.
pub(crate) async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SpoolError> {
    if Handle::try_current().is_err() {
        return Ok(work());
    }
    task::spawn_blocking(work)
        .await
        .map_err(|_| SpoolError::Closed)
}

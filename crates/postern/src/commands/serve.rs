//! `postern serve`.

use std::path::Path;

use crate::{
    daemon::{self, Log, log, panics},
    failure::{Exit, Failure},
    load::load_to_start,
    output, sandbox,
    wiring::Wiring,
};

pub(crate) fn run(config: &Path) -> Result<Exit, Failure> {
    let loaded = load_to_start(config)?;
    // Before there is a second thread, which would not lose what this one gives up.
    let given_up = sandbox::enter(&loaded)?;
    let log = Log::start(&loaded.settings.log);
    panics::count();
    given_up.tell();
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("postern")
        .build()
        .map_err(|error| Failure::new("no runtime", &error))?;
    let wiring = Wiring::try_from(loaded.settings).map_err(Failure::plain)?;
    // What was cut off ends with the runtime, and the queue closes with the last that held it.
    let announce = |line: &str| output::print(format_args!("{line}\n"));
    let ended = runtime.block_on(Box::pin(daemon::run(config, wiring, log, announce)));
    drop(runtime);
    log::flush();
    ended
}

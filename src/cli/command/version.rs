//! `mlo version`

use crate::cli::args::Version;
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;

pub(in crate::cli) fn run(options: &Version, screen: &mut Screen) -> Exit {
    let version = env!("CARGO_PKG_VERSION");
    let platform = format!("{}_{}", std::env::consts::OS, std::env::consts::ARCH);
    if options.json {
        screen.print_json(serde_json::json!({ "mlo_version": version, "platform": platform }));
    } else {
        screen.print(&format!("mlo {version} on {platform}\n"));
    }
    Exit::Done
}

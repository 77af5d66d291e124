//! `cargo xtask adopt`: brings the data of the application that this service replaces into a workspace, with the
//! integer ids that clients of version 1 have stored.
//!
//! Every value goes through the domain's own types, as it would over the API. One transaction writes everything, so
//! that a failure leaves nothing. A value that cannot come is reported, and then nothing comes; a value that a
//! documented rule mends is reported and comes.

mod check;
mod compare;
mod map;
mod people;
mod report;
mod rows;
mod source;
mod target;
mod todos;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use todo_core::domain::people::Name;

use self::map::Map;
use self::report::Report;
use self::source::Source;
use self::target::Target;
use crate::Session;
use crate::database::Which;
use crate::progress::{Step, print, say};

/// Why there is no second run for what has changed.
const NO_SINCE: &str = "--since cannot be right: the old tables tell neither what was removed nor when tags were put \
                        on todos, and not every write of the old application moves updated_at. Repeat --dry-run as \
                        often as you like; then stop the old application's writers and adopt once, into an empty \
                        workspace";

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    which: Which,
    /// The old application's database. It is read in one snapshot, and nothing there is locked or changed.
    #[arg(long, value_name = "URL", required_unless_present_any = ["print_map", "since"])]
    from: Option<String>,
    /// The workspace to fill: an empty one, or a new name, for which one is made.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["print_map", "since"])]
    workspace: Option<String>,
    /// A TOML file with the old names of tables and columns, and old words for statuses and priorities.
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Print the map that is used without --map, and end.
    #[arg(long)]
    print_map: bool,
    /// The time zone of instants that name none, by its name, such as UTC or Europe/Berlin.
    #[arg(long, value_name = "ZONE")]
    assume_zone: Option<String>,
    /// Report what cannot come as it is, row by row, and write nothing. Fails if a real run would.
    #[arg(long)]
    dry_run: bool,
    /// Refused: what has changed since an earlier run cannot be known from the old tables. Adopt once, after the last
    /// write.
    #[arg(long, value_name = "INSTANT")]
    since: Option<String>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Ask a running instance of the old application and version 1 the same, and compare the answers field by field.
    Compare(compare::Args),
}

pub async fn main(session: &Session, args: &Args) -> Result<ExitCode> {
    if let Some(Command::Compare(args)) = &args.command {
        return compare::main(args).await;
    }
    if args.print_map {
        print(map::DEFAULTS.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    if args.since.is_some() {
        bail!(NO_SINCE);
    }
    let map = Map::load(args.map.as_deref())?;
    let from = args.from.as_deref().context("--from is missing")?;
    let workspace = args.workspace.as_deref().context("--workspace is missing")?;
    refuse_changed(workspace)?;
    let mut source = Source::open(from, args.assume_zone.as_deref()).await?;
    let connection = args.which.connect(&session.checkout).await?;
    let mut target = Target::rehearse(connection, workspace).await?;

    let step = Step::begin("checking the old data");
    let mut report = Report::default();
    bring(&mut source, &mut target, &map, &mut report).await?;
    let findings = report.totals();
    if report.refused > 0 {
        bail!(
            "nothing can come: {findings} (stdout names each). Mend the refused ones in the old database, or in the map"
        );
    }
    step.done();
    if args.dry_run {
        say(&format!("everything can come; nothing has been written: {findings}"));
        return Ok(ExitCode::SUCCESS);
    }

    // The same rows again, since the snapshot is: what the check has accepted cannot be refused now.
    let step = Step::begin(format!("bringing the old data into the workspace `{workspace}`"));
    target.begin(workspace).await?;
    bring(&mut source, &mut target, &map, &mut Report { quiet: true, ..Report::default() }).await?;
    target.finish().await?;
    step.done();
    say(&format!("the workspace `{workspace}` holds the old data: {findings}"));
    Ok(ExitCode::SUCCESS)
}

async fn bring(source: &mut Source, target: &mut Target, map: &Map, report: &mut Report) -> Result<()> {
    let people = people::bring(source, target, map, report).await?;
    todos::bring(source, target, map, &people, report).await?;
    for table in source.unread().await? {
        report.leave_out_table(&table, "nothing reads it");
    }
    Ok(())
}

/// Fails for a name that the API would refuse, or give to another workspace.
fn refuse_changed(workspace: &str) -> Result<()> {
    match Name::parse(workspace) {
        Ok(name) if name.as_str() == workspace => Ok(()),
        Ok(name) => bail!("--workspace: a name is sanitised, and this one would be `{name}`; write it so"),
        Err(error) => bail!("--workspace: the name {}", error.detail),
    }
}

//! The passes of a run.

use std::fs::File;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Once;

use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use todo_core::lock;

use super::{Needs, PANIC, SLOW, TIMES, Test, runtime};
use crate::harness::{completeness, server};

/// Runs all suites as the command line says.
pub fn run(suites: Vec<Vec<Test>>) -> ExitCode {
    let arguments = Arguments::from_args();
    let (own, shared): (Vec<Test>, Vec<Test>) = suites.into_iter().flatten().partition(|test| test.needs.own_server());
    let (large, own): (Vec<Test>, Vec<Test>) = own.into_iter().partition(|test| test.needs == Needs::Large);
    if arguments.list {
        let all = shared.into_iter().chain(own).chain(large).map(Test::trial).collect();
        return libtest_mimic::run(&arguments, all).exit_code();
    }
    let everything = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.ignored && !arguments.bench;
    // They count rows, not time, and Postgres works for them on one processor. What they tell would be torn apart by
    // what the others tell, so it comes afterwards.
    let told = format!("{}/large-{}.log", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    let beside = Arguments { logfile: Some(told.clone()), ..arguments.clone() };
    let beside = std::thread::spawn(move || pass(&beside, 1, large));
    // The tests mostly wait for the server, so more of them than cores run at once. Those with a server of their own
    // measure times and are kept apart.
    let passes = [pass(&arguments, 8, shared), pass(&arguments, 1, own), beside.join().unwrap()];
    std::io::copy(&mut File::open(&told).unwrap(), &mut std::io::stdout()).unwrap();
    std::fs::remove_file(told).unwrap();
    list_slow_tests();
    if passes.iter().any(Conclusion::has_failed) {
        return ExitCode::from(101);
    }
    if !everything {
        return ExitCode::SUCCESS;
    }
    let check = Trial::test("completeness", || {
        caught(|| {
            runtime().block_on(async {
                let verdict = completeness::check().await;
                server::clear_up().await;
                verdict
            })
        })?
        .map_err(Failed::from)
    });
    libtest_mimic::run(&arguments, vec![check]).exit_code()
}

fn pass(arguments: &Arguments, threads: usize, tests: Vec<Test>) -> Conclusion {
    let arguments = Arguments { test_threads: arguments.test_threads.or(Some(threads)), ..arguments.clone() };
    libtest_mimic::run(&arguments, tests.into_iter().map(Test::trial).collect())
}

fn list_slow_tests() {
    let mut slow = std::mem::take(&mut *lock(&TIMES));
    slow.retain(|(time, _)| *time >= SLOW);
    slow.sort_by(|a, b| b.cmp(a));
    for (time, name) in slow {
        eprintln!("{:5.0} s  {name}", time.as_secs_f64());
    }
}

/// Runs `body`; a panic becomes a failure that says where and what, instead of a line lost among those of other tests.
pub fn caught<T>(body: impl FnOnce() -> T) -> Result<T, Failed> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let noted = PANIC.with_borrow_mut(|slot| slot.as_mut().map(|text| *text = Some(info.to_string())));
            if noted.is_none() {
                usual(info);
            }
        }));
    });
    PANIC.set(Some(None));
    let ended = panic::catch_unwind(AssertUnwindSafe(body));
    let text = PANIC.take().flatten();
    ended.map_err(|_| text.unwrap_or_else(|| "the test panicked".to_owned()).into())
}

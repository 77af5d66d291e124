//! What requests cost, and the plans that must not be.

use super::plans::Plan;
use crate::harness::Answer;

/// Collects them over one test.
#[derive(Default)]
pub struct Ledger {
    costs: Vec<Cost>,
    faults: Vec<String>,
}

/// A request's longest statement.
struct Cost {
    what: String,
    duration: f64,
    rows: f64,
    indexes: String,
}

impl Ledger {
    /// Notes a request that must have succeeded.
    pub fn enter(&mut self, answer: &Answer, plans: &[Plan]) {
        let what = format!("{} {}", answer.method, answer.path);
        if !(200..300).contains(&answer.status) {
            self.faults.push(format!("{what} answered {}", answer.status));
        }
        self.note(&what, plans);
    }

    /// Notes what was executed for something.
    pub fn note(&mut self, what: &str, plans: &[Plan]) {
        self.faults.extend(plans.iter().flat_map(Plan::faults).map(|fault| format!("{what}: {fault}")));
        match plans.iter().max_by(|a, b| a.duration.total_cmp(&b.duration)) {
            None => self.faults.push(format!("{what} executed nothing")),
            Some(longest) => self.costs.push(Cost {
                what: what.to_owned(),
                duration: longest.duration,
                rows: plans.iter().map(Plan::rows).sum(),
                indexes: longest.indexes().join(" "),
            }),
        }
    }

    /// What was noted last may not have looked at more rows than these.
    pub fn at_most(&mut self, rows: f64) {
        if let Some(Cost { what, rows: looked_at, indexes, .. }) = self.costs.last().filter(|cost| cost.rows > rows) {
            self.faults.push(format!("{what} looked at {looked_at} rows ({indexes})"));
        }
    }

    /// None of these statements may have looked at more rows: for what has as many statements as there are todos to
    /// tell of.
    pub fn each_at_most(&mut self, plans: &[Plan], rows: f64) {
        let beyond = plans.iter().filter(|plan| plan.rows() > rows);
        let faults = beyond.map(|plan| format!("{} rows were looked at in: {}", plan.rows(), plan.query));
        self.faults.extend(faults);
    }

    /// No part of these statements may have looked at more todos.
    pub fn each_scan_at_most(&mut self, answer: &Answer, plans: &[Plan], rows: f64) {
        let longest = plans.iter().map(Plan::longest_scan).fold(0.0, f64::max);
        if longest > rows {
            self.faults.push(format!("{} {} looked at {longest} todos in one scan", answer.method, answer.path));
        }
    }

    /// Shows the slowest, and fails if any plan was at fault.
    pub fn close(mut self, shown: usize) {
        self.costs.sort_by(|a, b| b.duration.total_cmp(&a.duration));
        eprintln!("the slowest of {}:", self.costs.len());
        for Cost { what, duration, rows, indexes } in self.costs.iter().take(shown) {
            eprintln!("{duration:8.2} ms {rows:7} rows  {what}  {indexes}");
        }
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
    }
}

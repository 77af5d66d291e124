//! Bar charts as SVG, without a library: bars of a few series in groups, on a logarithmic scale, each with its value.

use std::fmt::Write;

/// Panels below each other, all with the same groups and series.
pub struct Chart<'a> {
    /// What each group of bars has one of.
    pub series: Vec<&'a str>,
    /// The groups, from left to right.
    pub groups: Vec<&'a str>,
    /// The panels, from top to bottom.
    pub panels: Vec<Panel<'a>>,
}

/// Values of one kind.
pub struct Panel<'a> {
    /// What they are, and in which unit.
    pub title: &'a str,
    /// By group and series; what was not measured is missing.
    pub values: Vec<Vec<Option<f64>>>,
}

/// Told apart also by who does not see colours: from dark to light.
const COLOURS: [&str; 5] = ["#7f1d1d", "#d97706", "#67b7dc", "#4b5563", "#d1d5db"];
/// Names of series in a row of the legend.
const A_ROW: usize = 3;
/// The height of such a row.
const ROW: f64 = 20.0;
const WIDTH: f64 = 860.0;
const PANEL: f64 = 190.0;
/// Above the legend, and below it.
const MARGIN: f64 = 15.0;
/// The height of the longest bar.
const BAR: f64 = 110.0;
/// What the shortest bar has, so that it is seen.
const SHORTEST: f64 = 3.0;

impl Chart<'_> {
    /// The file's text.
    pub fn svg(&self) -> String {
        let top = 2.0 * MARGIN + ROW * count(self.series.len().div_ceil(A_ROW) + 1);
        let height = top + PANEL * count(self.panels.len());
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        for (index, name) in self.series.iter().enumerate() {
            let left = 20.0 + (WIDTH - 40.0) / count(A_ROW) * count(index % A_ROW);
            let line = MARGIN + ROW * count(index / A_ROW);
            rect(&mut svg, left, line, 14.0, 14.0, COLOURS.get(index));
            text(&mut svg, left + 20.0, line + 12.0, "start", name);
        }
        text(&mut svg, WIDTH - 20.0, top - MARGIN, "end", "bars on a logarithmic scale");
        for (index, panel) in self.panels.iter().enumerate() {
            self.panel(&mut svg, panel, top + PANEL * count(index));
        }
        svg + "</svg>\n"
    }

    fn panel(&self, svg: &mut String, panel: &Panel<'_>, top: f64) {
        let _ = writeln!(
            svg,
            "<text x=\"20\" y=\"{:.1}\" font-weight=\"bold\">{}</text>",
            top + 16.0,
            escaped(panel.title)
        );
        let floor = top + 30.0 + BAR + 14.0;
        let known = || panel.values.iter().flatten().flatten().copied().filter(|value| *value > 0.0);
        let (least, most) = (known().fold(f64::INFINITY, f64::min), known().fold(0.0, f64::max));
        let span = (most / least).ln().max(f64::EPSILON);
        let group = (WIDTH - 40.0) / count(self.groups.len().max(1));
        let bar = (group - 30.0) / count(self.series.len().max(1));
        for (index, (name, values)) in self.groups.iter().zip(&panel.values).enumerate() {
            let left = 20.0 + group * count(index);
            for (series, value) in values.iter().enumerate() {
                let x = left + bar * count(series);
                let Some(value) = value else {
                    text(svg, x + bar / 2.0, floor - 4.0, "middle", "?");
                    continue;
                };
                let share = if *value > 0.0 { 0.1 + 0.9 * (value / least).ln() / span } else { 0.0 };
                let height = (BAR * share).max(SHORTEST);
                rect(svg, x, floor - height, bar - 4.0, height, COLOURS.get(series));
                text(svg, x + bar / 2.0 - 2.0, floor - height - 4.0, "middle", &short(*value));
            }
            text(svg, left + (group - 34.0) / 2.0, floor + 16.0, "middle", name);
        }
    }
}

fn rect(svg: &mut String, x: f64, y: f64, width: f64, height: f64, colour: Option<&&str>) {
    let colour = colour.unwrap_or(&"black");
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>", escaped(words));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Three digits that count.
fn short(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_shows_every_value_and_what_is_missing() {
        let values = vec![vec![Some(1.0), Some(100.0)], vec![Some(0.0), None]];
        let panels = vec![Panel { title: "a < b", values }];
        let svg = Chart { series: vec!["old", "new"], groups: vec!["read", "write"], panels }.svg();
        for part in
            ["a &lt; b", ">old<", ">write<", ">1.00<", ">100<", ">0.00<", ">?<", "height=\"110.0\"", "height=\"3.0\""]
        {
            assert!(svg.contains(part), "no {part} in {svg}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}

//! What was found, as a picture: throughput, and time on a logarithmic axis.

use std::fmt::Write;

use crate::contender::Contender;
use crate::report::{Report, significant};
use crate::tokens::{Algorithm, Case};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 300.0;
const RIGHT: f64 = 70.0;
const BAR: f64 = 13.0;
const GAP: f64 = 9.0;
const TITLE: f64 = 46.0;

/// Ratios below and above are drawn at the edge.
const LEAST: f64 = 0.001;
const MOST: f64 = 20.0;

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#24292f}.t{font-weight:600;font-size:13px}.s{fill:#57606a;font-size:11px}\
.ours{fill:#1a7f37}.peer{fill:#8c959f}.none{fill:#54aeff}.light{opacity:.5}line{stroke:#d0d7de}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}.ours{fill:#3fb950}.peer{fill:#7d8590}line{stroke:#3d444d}}";

/// Bars side by side, each with its figure.
struct Panel {
    title: String,
    subtitle: String,
    bars: Vec<Bars>,
}

struct Bars {
    contender: Contender,
    /// Share of the full width, and what is written beside it.
    bars: Vec<(f64, String)>,
}

pub fn svg(report: &Report) -> String {
    let panels: Vec<_> = [throughput(report), Some(times(report))]
        .into_iter()
        .flatten()
        .collect();
    let height: f64 = panels.iter().map(Panel::height).sum();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\
         <title>tower-bearer beside its peers</title><style>{STYLE}</style>\n"
    );
    let mut top = 0.0;
    for panel in &panels {
        panel.draw(&mut svg, top);
        top += panel.height();
    }
    svg.push_str("</svg>\n");
    svg
}

fn throughput(report: &Report) -> Option<Panel> {
    let most = report.throughput.iter().map(|one| one.requests);
    let most = most.fold(f64::NAN, f64::max);
    report.unauthenticated()?;
    let bars = report.throughput.iter().map(|one| Bars {
        contender: one.contender,
        bars: vec![(one.requests / most, format!("{:.0}", one.requests))],
    });
    Some(Panel {
        title: "HTTP requests a second, one RS256 token again and again".to_owned(),
        subtitle: "longer is better".to_owned(),
        bars: bars.collect(),
    })
}

fn times(report: &Report) -> Panel {
    let bars = Contender::all().filter(|contender| *contender != Contender::NoAuthentication);
    let bars = bars.map(|contender| {
        let bar = |case| {
            let ratio = report.ratio(contender, Algorithm::RS256, case)?;
            let share = (ratio.clamp(LEAST, MOST) / LEAST).ln() / (MOST / LEAST).ln();
            Some((share, significant(ratio)))
        };
        Bars {
            contender,
            bars: [bar(Case::New), bar(Case::Repeated)]
                .into_iter()
                .flatten()
                .collect(),
        }
    });
    Panel {
        title: format!(
            "Time of a call over the bare RS256 check ({:.1} µs): a new token, and below it, paler, a repeated one",
            report.bare(Algorithm::RS256) / 1e3
        ),
        subtitle: "shorter is better; the axis is logarithmic".to_owned(),
        bars: bars.collect(),
    }
}

impl Panel {
    fn height(&self) -> f64 {
        TITLE + self.bars.iter().map(Bars::height).sum::<f64>() + GAP
    }

    fn draw(&self, svg: &mut String, top: f64) {
        let _ = writeln!(
            svg,
            "<text class=\"t\" x=\"8\" y=\"{}\">{}</text><text class=\"s\" x=\"8\" y=\"{}\">{}</text>",
            top + 18.0,
            self.title,
            top + 34.0,
            self.subtitle
        );
        let mut y = top + TITLE;
        let bottom = top + self.height() - GAP;
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{LEFT}\" y1=\"{y}\" y2=\"{bottom}\"/>"
        );
        for bars in &self.bars {
            bars.draw(svg, y);
            y += bars.height();
        }
    }
}

impl Bars {
    fn height(&self) -> f64 {
        BAR * self.bars.len() as f64 + GAP
    }

    fn draw(&self, svg: &mut String, top: f64) {
        let class = match self.contender {
            contender if contender.is_ours() => "ours",
            contender if contender.authenticates() => "peer",
            _ => "none",
        };
        let middle = top + (self.height() - GAP) / 2.0 + 4.0;
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            self.contender.about().name
        );
        for (index, (share, label)) in self.bars.iter().enumerate() {
            let y = top + BAR * index as f64;
            let width = share * (WIDTH - LEFT - RIGHT);
            let pale = if index == 0 { "" } else { " light" };
            let _ = writeln!(
                svg,
                "<rect class=\"{class}{pale}\" x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{}\"/>\
                 <text class=\"s\" x=\"{:.1}\" y=\"{}\">{label}</text>",
                BAR - 1.0,
                LEFT + width + 5.0,
                y + BAR - 3.0
            );
        }
    }
}

//! SVG put together: escaped, with rounded numbers.

use std::fmt::Write;

/// The width of a chart in units of its drawing; pages scale it.
pub(super) const WIDTH: f64 = 720.0;

/// How high one line of text is.
pub(super) const LINE: f64 = 18.0;

/// About how wide a letter is; enough to keep words apart.
pub(super) const LETTER: f64 = 6.6;

/// Which end of a text stands at its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A rectangle by its left upper corner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// A drawing that grows from back to front.
pub(super) struct Drawing<'a> {
    id: &'a str,
    title: &'a str,
    body: String,
}

impl<'a> Drawing<'a> {
    pub(super) fn new(id: &'a str, title: &'a str) -> Self {
        Self { id, title, body: String::new() }
    }

    /// A straight line.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), until: (f64, f64)) {
        let (x1, y1, x2, y2) = (number(from.0), number(from.1), number(until.0), number(until.1));
        self.push(&format!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"));
    }

    /// Words at a point of the baseline.
    pub(super) fn text(&mut self, class: &str, anchor: Anchor, at: (f64, f64), words: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let (x, y) = (number(at.0), number(at.1));
        self.push(&format!("<text{class} x=\"{x}\" y=\"{y}\"{anchor}>{}</text>", escape(words)));
    }

    /// A rectangle; without a tooltip where it is mere background.
    pub(super) fn rectangle(&mut self, class: &str, area: Area, rounding: f64, tooltip: Option<&str>) {
        let Area { x, y, width, height } = area;
        let rounding = if rounding > 0.0 { format!(" rx=\"{}\"", number(rounding)) } else { String::new() };
        let (x, y, width, height) = (number(x), number(y), number(width.max(0.0)), number(height.max(0.0)));
        let shape =
            format!("rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{rounding}");
        self.mark("rect", &shape, tooltip);
    }

    /// A filled circle.
    pub(super) fn circle(&mut self, class: &str, at: (f64, f64), radius: f64, tooltip: Option<&str>) {
        let (x, y) = (number(at.0), number(at.1));
        self.mark(
            "circle",
            &format!("circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{}\"", number(radius)),
            tooltip,
        );
    }

    /// A path of the given commands.
    pub(super) fn path(&mut self, class: &str, commands: &str, tooltip: Option<&str>) {
        self.mark("path", &format!("path class=\"{class}\" d=\"{commands}\""), tooltip);
    }

    /// A rectangle of a stage: its colour and, at every second stage, hatching.
    pub(super) fn stage(&mut self, index: usize, area: Area, tooltip: Option<&str>) {
        self.rectangle(stage_class(index), area, 2.0, tooltip);
        if index % 2 == 1 {
            let commands = hatching(area);
            if !commands.is_empty() {
                self.path("hatch", &commands, tooltip);
            }
        }
    }

    /// The whole, so many units high.
    pub(super) fn finish(self, height: f64, description: &str) -> String {
        let Self { id, title, body } = self;
        let (id, title, description) = (escape(id), escape(title), escape(description));
        let (width, height) = (number(WIDTH), number(height));
        format!(
            "<svg class=\"drawing\" viewBox=\"0 0 {width} {height}\" width=\"100%\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-description\"><title id=\"{id}-title\">{title}</title>\
             <desc id=\"{id}-description\">{description}</desc>\n{body}</svg>"
        )
    }

    fn mark(&mut self, name: &str, shape: &str, tooltip: Option<&str>) {
        match tooltip {
            Some(words) => self.push(&format!("<{shape}><title>{}</title></{name}>", escape(words))),
            None => self.push(&format!("<{shape}/>")),
        }
    }

    fn push(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }
}

/// A drawing that says that there is nothing to draw.
pub(super) fn nothing(id: &str, title: &str) -> String {
    let mut drawing = Drawing::new(id, title);
    drawing.text("soft", Anchor::Middle, (WIDTH / 2.0, 32.0), "no data");
    drawing.finish(52.0, "There is no data to draw.")
}

/// The class of the stage at a place; after six they begin anew.
pub(super) fn stage_class(index: usize) -> &'static str {
    ["stage-1", "stage-2", "stage-3", "stage-4", "stage-5", "stage-6"][index % 6]
}

/// A path through points.
pub(super) fn polyline(points: &[(f64, f64)]) -> String {
    let mut commands = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        // Writing into a String cannot fail.
        let _ = write!(commands, "{command}{} {}", number(*x), number(*y));
    }
    commands
}

/// Slanted lines over an area.
fn hatching(area: Area) -> String {
    let slant = area.height / 2.0;
    let mut commands = String::new();
    let mut x = area.x + 5.0;
    while x + slant <= area.x + area.width {
        commands.push_str(&polyline(&[(x, area.y + area.height), (x + slant, area.y)]));
        x += 9.0;
    }
    commands
}

/// A number with at most one digit behind the point.
pub(super) fn number(value: f64) -> String {
    let rounded = format!("{:.1}", if value.is_finite() { value } else { 0.0 });
    let short = rounded.trim_end_matches(".0");
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// Text that is safe within an element and within an attribute. What XML does not allow becomes a space.
pub(super) fn escape(words: &str) -> String {
    let mut safe = String::with_capacity(words.len());
    for letter in words.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            control if control.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

/// About how wide words are.
pub(super) fn width_of(words: &str) -> f64 {
    words.chars().count() as f64 * LETTER
}

/// Words that fit a width, with an ellipsis where some are left out.
pub(super) fn shortened(words: &str, width: f64) -> String {
    if width_of(words) <= width {
        return words.to_owned();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a text can have")]
    let letters = ((width / LETTER).clamp(2.0, 1000.0) as usize) - 1;
    let kept: String = words.chars().take(letters).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_digit_and_no_negative_zero() {
        assert_eq!([0.04, 1.25, 1.35, -0.01, 12.0, f64::NAN].map(number), ["0", "1.2", "1.4", "0", "12", "0"]);
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("<a href=\"x\">R&D's\u{7}</a>"), "&lt;a href=&quot;x&quot;&gt;R&amp;D&#39;s &lt;/a&gt;");
        let mut drawing = Drawing::new("i\"d", "a < b");
        drawing.text("", Anchor::End, (1.0, 2.0), "]]>");
        drawing.circle("dot", (1.0, 2.0), 3.0, Some("\"&\""));
        let drawn = drawing.finish(10.0, "<script>");
        assert!(!drawn.contains("<script>") && drawn.contains("id=\"i&quot;d-title\">a &lt; b</title>"));
        assert!(drawn.contains(">]]&gt;</text>") && drawn.contains("<title>&quot;&amp;&quot;</title></circle>"));
    }

    #[test]
    fn long_words_are_shortened() {
        assert_eq!(shortened("checkout", 100.0), "checkout");
        // Ten letters take 66 units: nine stay beside the ellipsis.
        assert_eq!(shortened("a very long service name", 66.0), "a very lo…");
        assert_eq!(shortened("ééééé", 1.0), "é…");
    }

    #[test]
    fn every_second_stage_is_hatched() {
        let area = Area { x: 0.0, y: 0.0, width: 30.0, height: 20.0 };
        // Lines from 5 and 14; one from 23 would end at 33, outside.
        assert_eq!(hatching(area), "M5 20L15 0M14 20L24 0");
    }
}

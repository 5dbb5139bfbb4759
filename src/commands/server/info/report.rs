//! The text that INFO replies with.
use std::fmt::{Display, Write};

#[derive(Default)]
pub struct Report(String);

impl Report {
    /// Begins a section, with a blank line between it and the one before.
    pub fn section(&mut self, title: &str) {
        if !self.0.is_empty() {
            self.0.push_str("\r\n");
        }
        self.line(format_args!("# {title}"));
    }
    pub fn field(&mut self, name: &str, value: impl Display) {
        self.line(format_args!("{name}:{value}"));
    }
    /// A field that is left out if its value is not known.
    pub fn known(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }
    pub fn fields<V: Display>(&mut self, fields: impl IntoIterator<Item = (&'static str, V)>) {
        fields.into_iter().for_each(|(name, value)| self.field(name, value));
    }
    pub fn text(&self) -> &str {
        &self.0
    }
    fn line(&mut self, line: std::fmt::Arguments) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{line}\r\n");
    }
}

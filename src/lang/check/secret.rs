//! Secrets in files: the path that stands in the place of a secret comes in, the content of the file goes out. And secrets
//! in addresses, which only have to be hidden.

use std::path::Path;

use crate::lang::check::Checker;
use crate::lang::diagnostic::Diagnostic;
use crate::lang::source::Span;
use crate::lang::syntax::{Value, ValueKind};
use crate::lang::{files, mask};
use crate::plugin::{Arg, ArgValue, Opt};

impl Checker<'_> {
    /// Passwords in addresses are secret, also in addresses that are wrong.
    pub(super) fn hide_passwords(&mut self, value: &Value) {
        match &value.kind {
            ValueKind::List(values) => {
                values.iter().for_each(|value| self.hide_passwords(value));
                return;
            }
            ValueKind::Quoted(_) | ValueKind::Bareword(_) => {}
            _ => return,
        }
        let Some(source) = self.sources.source(value.span) else {
            return;
        };
        let (start, end) = (value.span.start as usize, value.span.end as usize);
        let text = source.text.get(start..end).unwrap_or("");
        let address = text.trim_start_matches(['"', '\'']);
        let start = end - address.len();
        if let Some(password) = mask::password_in(address) {
            self.secrets.push(Span {
                start: (start + password.start) as u32,
                end: (start + password.end) as u32,
                ..value.span
            });
        }
    }

    /// The content of the file that is named in the place of a secret.
    pub(super) fn arg_in_file(&mut self, opt: &Opt, value: &Value) -> Option<Arg> {
        let named = match &value.kind {
            ValueKind::Plugin(_) => None,
            _ => self.plain_arg(value),
        }?;
        let span = value.span;
        let Some(path) = named.text() else {
            let message = format!("the option `{}_file` takes the path of a file", opt.name);
            self.diagnostics.push(Diagnostic::error(span, message));
            return None;
        };
        match files::secret(Path::new(path)) {
            Ok(text) => Some(Arg {
                value: ArgValue::Text(text),
                span,
            }),
            Err(why) => {
                let message = format!("cannot read the file of `{}`: {path}: {why}", opt.name);
                self.diagnostics.push(Diagnostic::error(span, message));
                None
            }
        }
    }
}

//! Secrets in files: the path that stands in the place of a secret comes in, the content of the file goes out.

use std::path::Path;

use crate::lang::check::Checker;
use crate::lang::diagnostic::Diagnostic;
use crate::lang::files;
use crate::lang::syntax::{Value, ValueKind};
use crate::plugin::{Arg, ArgValue, Opt};

impl Checker<'_> {
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

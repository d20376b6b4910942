//! Where reading goes on after a mistake: at the next option, plugin, block or section. Nothing is reported here.

use crate::lang::cursor::{Cursor, is_name};
use crate::lang::limits;
use crate::lang::parse::Parser;

impl Parser<'_, '_> {
    /// Skips to the next section that is not inside braces, or to the end.
    pub(super) fn skip_to_section(&mut self) {
        let mut depth = 0_usize;
        loop {
            self.cursor.skip_blank();
            if self.cursor.is_end() || depth == 0 && self.cursor.sees_section() {
                return;
            }
            match self.cursor.peek() {
                Some('{') => depth += 1,
                Some('}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.skip_token();
        }
    }

    /// One step of skipping: a string that ends on its line, a name, or a character.
    fn skip_token(&mut self) {
        match self.cursor.peek() {
            Some(quote @ ('"' | '\'')) => {
                if !self.skip_string(quote) {
                    self.cursor.advance();
                }
            }
            Some(character) if is_name(character) => {
                self.cursor.name();
            }
            _ => {
                self.cursor.advance();
            }
        }
    }

    /// To the next `name =>` of this plugin, or to its closing brace.
    pub(super) fn skip_to_attribute(&mut self) {
        let mut depth = 0_usize;
        loop {
            let blank = self.cursor.skip_blank();
            if self.cursor.is_end() || self.cursor.sees_section() {
                return;
            }
            if depth == 0 && blank && self.cursor.sees_attribute() {
                return;
            }
            match self.cursor.peek() {
                Some('{' | '[') => depth += 1,
                Some('}') if depth == 0 => return,
                Some('}' | ']') => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.skip_token();
        }
    }

    /// To the next plugin, condition or closing brace of this body.
    pub(super) fn skip_to_node(&mut self) {
        let mut depth = 0_usize;
        loop {
            let blank = self.cursor.skip_blank();
            if self.cursor.is_end() || self.cursor.sees_section() {
                return;
            }
            if depth == 0 && blank && self.cursor.sees_block() {
                return;
            }
            match self.cursor.peek() {
                Some('{') => depth += 1,
                Some('}') if depth == 0 => return,
                Some('}') => depth -= 1,
                _ => {}
            }
            self.skip_token();
        }
    }

    /// To the `{` that follows a condition.
    pub(super) fn skip_to_block(&mut self) {
        loop {
            self.cursor.skip_blank();
            if self.cursor.is_end() || matches!(self.cursor.peek(), Some('{' | '}')) {
                return;
            }
            self.skip_token();
        }
    }

    /// Where `skip_to_block` would lead.
    pub(super) fn skipped_to_block(&mut self) -> Cursor<'_> {
        let before = self.cursor;
        self.skip_to_block();
        std::mem::replace(&mut self.cursor, before)
    }

    /// Past the next block, braces in it counted.
    pub(super) fn skip_past_block(&mut self) {
        self.skip_to_block();
        if self.cursor.eat("{") {
            let mut depth = 1_usize;
            while 0 < depth && !self.cursor.is_end() && !self.cursor.sees_section() {
                match self.cursor.peek() {
                    Some('{') => depth += 1,
                    Some('}') => depth -= 1,
                    _ => {}
                }
                self.skip_token();
                self.cursor.skip_blank();
            }
        }
    }

    /// Skips a string that ends on its line; says whether there is one.
    fn skip_string(&mut self, quote: char) -> bool {
        let mut probe = self.cursor;
        probe.advance();
        let mut left = limits::SKIPPED_STRING_BYTES_MAX;
        let mut last = ' ';
        probe.take_while(|character| {
            let goes_on = character != '\n' && 0 < left && (character != quote || last == '\\');
            left = left.saturating_sub(1);
            last = character;
            goes_on
        });
        let closed = probe.peek() == Some(quote);
        if closed {
            probe.advance();
            self.cursor = probe;
        }
        closed
    }
}

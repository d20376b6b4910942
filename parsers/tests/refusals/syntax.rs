//! Expressions that are broken, or whose syntax is not supported.

use super::{check, check_file};

#[test]
fn broken_expressions_say_what_would_be_right() {
    check(
        "(a",
        "column 1: ( without its ) ; write \\( for a parenthesis",
    );
    check("a)", "column 2: unmatched ) ; write \\) for a parenthesis");
    check("a[b", "column 2: [ without its ] ; write \\[ for a bracket");
    check(
        "*a",
        "column 1: nothing to repeat before * ; write \\* for the character",
    );
    check("a\\", "column 2: a backslash at the very end");
    check(
        "(?<n>a)\\1",
        "column 8: a numbered back reference; name the group and write \\k<name>",
    );
    check(
        "(?<=a+)b",
        "column 1: a look-behind must have a fixed length; write alternatives of one length each",
    );
    check(
        "(?&n)",
        "column 1: unknown kind of group; write \\( for a parenthesis",
    );
}

#[test]
fn what_is_no_character_says_so() {
    check(
        r"a\u{}",
        "column 2: \"\" is not the hexadecimal code of a character",
    );
    check(
        r"\u{d800}",
        "column 1: \"d800\" is not the hexadecimal code of a character",
    );
    check(
        r"\u{110000}",
        "column 1: \"110000\" is not the hexadecimal code of a character",
    );
    check(
        r"\u{+41}",
        "column 1: \"+41\" is not the hexadecimal code of a character",
    );
    check(r"\u{41", "column 1: \\u{...} without its }");
    check(
        r"\u{41 42}",
        "column 1: \\u{...} with several characters; write \\u{41}\\u{42}",
    );
    check(
        r"\u41",
        "column 1: \\u without four digits; write \\u0041 or \\u{41}",
    );
    check(
        r"\303\251",
        "column 1: \\303 is a byte beyond ASCII and no character; write \\u0041 with the character's code",
    );
    check(
        r"\xE9",
        "column 1: \\xE9 is no character in UTF-8; write \\u0041 with the character's code",
    );
    check(
        r"\xC3\x41",
        "column 1: \\xC3\\x41 is no character in UTF-8; write \\u0041 with the character's code",
    );
    let control =
        "column 1: a control character is \\c with a letter, as \\ca ; write others as \\x1C";
    check(r"\c", control);
    check(r"\cé", control);
    check(
        r"\Ca",
        "column 1: \\C without - ; write \\C-a or \\ca for a control character",
    );
    check(
        r"\M-a",
        "column 1: \\M is not supported: it means a byte and no character",
    );
}

#[test]
fn syntax_that_is_not_supported_says_so() {
    for (letter, instead) in [
        ('G', "write \\A for the start of the text"),
        (
            'K',
            "name the part that you want, as (?<name>...), or write a look-behind, (?<=...)",
        ),
        ('X', "write . for a character"),
    ] {
        check(
            &format!("a\\{letter}"),
            &format!("column 2: \\{letter} is not supported; {instead}"),
        );
    }
    check(
        r"(?<n>a)\g<n>",
        "column 8: \\g is not supported; write the group out, or define it as a pattern and refer to it as %{NAME}",
    );
    let numbered = "a numbered back reference; name the group and write \\k<name>";
    for reference in [r"\1", r"\12", r"\k<1>", r"\k<-1>", r"\k'1'"] {
        check(
            &format!("(?<n>a){reference}"),
            &format!("column 8: {numbered}"),
        );
    }
    check(
        r"(?<name>a)\k<nam>",
        "column 11: \\k<nam> refers to no group of this name; did you mean \\k<name>?",
    );
    check(
        r"\k<other>(?<n>a)",
        "column 1: \\k<other> refers to no group of this name; name the group, as (?<other>...), or write (?:...) in its place",
    );
    check_file(
        "TWICE %{WORD:w}-\\k<v>\n",
        "%{TWICE}",
        "f:1:17: \\k<v> refers to no group of this name; did you mean \\k<w>? (in the definition of TWICE)",
    );
    check(
        "(?<n>a)?(?(<n>)b|c)",
        "column 9: a conditional (?(...)) is not supported; write alternatives",
    );
    check(
        "(?~ab)",
        "column 1: an absent operator (?~...) is not supported; write a look-ahead for each character, (?:(?!...).)*",
    );
}

#[test]
fn groups_that_are_not_known_say_what_would_be_right() {
    for flag in ['a', 'd', 'u', 'W'] {
        let text = format!("column 1: the flag {flag} is not supported; known are i, m and x");
        check(&format!("(?{flag})x"), &text);
        check(&format!("(?i{flag}:x)"), &text);
    }
    check(
        "(?s)a",
        "column 1: the flag s is not known; leave it out, since . takes line breaks here anyway",
    );
    check("a(?#b", "column 2: a comment (?# without its )");
    check(
        "(?<n>a)(?&n)",
        "column 8: unknown kind of group; write \\( for a parenthesis",
    );
}

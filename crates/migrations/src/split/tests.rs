//! The traps of splitting, one by one, and the round trip.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(sql: &str, expected: &[&str]) {
    assert_eq!(split(sql).unwrap(), expected, "{sql:?}");
}

#[track_caller]
fn check_unfinished(sql: &str, line: usize, what: &'static str) {
    assert_eq!(split(sql), Err(SplitError { line, what }), "{sql:?}");
}

#[test]
fn semicolons_separate_and_the_last_is_not_needed() {
    check("", &[]);
    check("a; b", &["a", "b"]);
    check("a;b;", &["a", "b"]);
    check(";; a ;;\n; b;", &["a", "b"]);
}

#[test]
fn a_semicolon_before_a_trailing_comment_separates() {
    check("a; -- one\nb; /* two */ c", &["a", "b", "c"]);
}

#[test]
fn comments_outside_of_statements_are_left_out() {
    check("-- head; it's\na -- mid;\n, b /* x; */\n-- tail\n; -- end;", &["a -- mid;\n, b"]);
    check("-- only;\n/* comments; */", &[]);
    check("/* one */ /* two\n;*/ a /**/", &["a"]);
}

#[test]
fn a_minus_and_a_slash_are_operators() {
    check("SELECT 1 - -1, 4/2, data->>'$.x;'; b", &["SELECT 1 - -1, 4/2, data->>'$.x;'", "b"]);
}

#[test]
fn semicolons_and_comment_signs_in_literals_and_names_are_text() {
    check("SELECT 'a;\n'; b", &["SELECT 'a;\n'", "b"]);
    check("SELECT 'it''s; --', x; b", &["SELECT 'it''s; --', x", "b"]);
    check("SELECT \";\", `;`, [;], '/*'; b", &["SELECT \";\", `;`, [;], '/*'", "b"]);
    check("SELECT x';', 'ż;ó'; b", &["SELECT x';', 'ż;ó'", "b"]);
}

#[test]
fn statements_on_one_line_and_lines_with_windows_ends() {
    check("CREATE TABLE a (x);CREATE TABLE b (y)", &["CREATE TABLE a (x)", "CREATE TABLE b (y)"]);
    check("a;\r\n-- c\r\nb\r\n;\r\n", &["a", "b"]);
    check("\u{feff}a;", &["a"]);
}

#[test]
fn a_trigger_is_one_statement() {
    let triggers = [
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = 1; DELETE FROM b; END",
        "create temp trigger t after insert on a begin select 1;end",
        "CREATE TEMPORARY TRIGGER IF NOT EXISTS t AFTER INSERT ON a\nBEGIN\n  SELECT 1;\nEnd",
        "CREATE /* ; */ TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 3; END",
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 'x; END'; -- END;\n SELECT CASE 1 WHEN 1 THEN CASE 2 WHEN 2 THEN 3 END END;\nEND",
        "CREATE TRIGGER t AFTER INSERT ON a WHEN CASE WHEN new.x THEN 1 END BEGIN SELECT 1; ; END",
        "CREATE TRIGGER \"END\" AFTER INSERT ON a BEGIN SELECT 1 AS \"END\"; SELECT \"END\"; END",
    ];
    for trigger in triggers {
        check(trigger, &[trigger]);
        check(&format!("a; {trigger} ; b"), &["a", trigger, "b"]);
        check(&format!("{trigger}--> statement-breakpoint\nb"), &[trigger, "b"]);
    }
}

#[test]
fn what_only_looks_like_a_trigger_is_none() {
    check("CREATE TABLE trigger (x); END; b", &["CREATE TABLE trigger (x)", "END", "b"]);
    check("DROP TRIGGER t; b", &["DROP TRIGGER t", "b"]);
    check("BEGIN; a; END; b", &["BEGIN", "a", "END", "b"]);
}

#[test]
fn breakpoints_separate_where_they_are_comments() {
    check("a\n--> statement-breakpoint\nb", &["a", "b"]);
    check("a;--> statement-breakpoint\r\nb;\r\n-->statement-breakpoint\r\n", &["a", "b"]);
    check("SELECT '--> statement-breakpoint'", &["SELECT '--> statement-breakpoint'"]);
    check("a -- statement-breakpoint\nb", &["a -- statement-breakpoint\nb"]);
    check("a --> statement-breakpoints\nb", &["a --> statement-breakpoints\nb"]);
}

#[test]
fn what_never_ends_is_an_error_with_its_line() {
    check_unfinished("a;\nSELECT 'x;\n\n", 2, "a string");
    check_unfinished("SELECT 'it''", 1, "a string");
    check_unfinished("\n\nSELECT \"x'", 3, "a quoted name");
    check_unfinished("[x", 1, "a quoted name");
    check_unfinished("a;\r\n/* x; *", 2, "a comment");
    check_unfinished("/*/", 1, "a comment");
    check_unfinished("a;\n\nCREATE TRIGGER t AFTER INSERT ON a BEGIN\nSELECT 1;\nb", 3, "a trigger");
    check_unfinished(
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE 1 WHEN 1 THEN 2 END;",
        1,
        "a trigger",
    );
}

/// Something that may stand in a statement without ending it.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z_][a-zA-Z0-9_]{0,8}"
            .prop_filter("a trigger has rules of its own", |word| !word.eq_ignore_ascii_case("trigger")),
        "[0-9]{1,4}(\\.[0-9])?",
        "'([^']|'')*'",
        "\"([^\"]|\"\")*\"",
        "`[^`]*`",
        "\\[[^\\]]*\\]",
        "[(),=<>+*?]",
        Just("x /* ; ' */ y".to_owned()),
        Just("x -- ; \" '\n y".to_owned()),
        Just("ż".to_owned()),
    ]
}

fn plain_statement() -> impl Strategy<Value = String> {
    prop::collection::vec(fragment(), 1..8).prop_map(|fragments| fragments.join(" "))
}

fn statement() -> impl Strategy<Value = String> {
    let trigger = (plain_statement(), prop::collection::vec(plain_statement(), 1..4)).prop_filter_map(
        "a body has no statement that starts with END",
        |(head, body)| {
            let is_end = |it: &String| it.get(..3).is_some_and(|it| it.eq_ignore_ascii_case("end"));
            (!body.iter().any(is_end))
                .then(|| format!("CREATE TRIGGER {head} BEGIN {} ; END", body.join(" ;\n")))
        },
    );
    prop_oneof![3 => plain_statement(), 1 => trigger]
}

fn separator() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        ";",
        " ;\n",
        ";\r\n",
        "; -- a comment; it's\n",
        ";; /* ; */ ;",
        "\n--> statement-breakpoint\n",
        ";--> statement-breakpoint\r\n",
    ])
}

proptest! {
    #[test]
    fn statements_survive_joining(pairs in prop::collection::vec((statement(), separator()), 0..8)) {
        let text: String = pairs.iter().flat_map(|(it, separator)| [it.as_str(), separator]).collect();
        let statements: Vec<&str> = pairs.iter().map(|(it, _)| it.as_str()).collect();
        prop_assert_eq!(split(&text).unwrap(), statements);
    }

    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,64}") {
        if let Ok(statements) = split(&text) {
            // What SQLite skips, which is less than what Unicode calls white space: a vertical tab is a
            // token that it refuses, and a no-break space is a name.
            let skipped = [' ', '\t', '\n', '\r', '\u{c}'];
            prop_assert!(statements.iter().all(|it| !it.is_empty() && it.trim_matches(skipped) == *it));
        }
    }
}

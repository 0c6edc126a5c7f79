use proptest::prelude::*;

use super::*;

fn facts() -> Facts {
    Facts {
        contact: ContactFacts {
            id: Some("61".into()),
            username: Some("ada.bakes".into()),
        },
        comment: CommentFacts {
            id: Some("179".into()),
            text: Some("LINK {{ keyword }}".into()),
        },
        keyword: Some("link".into()),
        automation: Some("link-on-comment".into()),
        ..Facts::default()
    }
}

fn rendered(source: &str) -> String {
    Template::parse(source).unwrap().render(&facts()).unwrap()
}

fn refusal(source: &str) -> String {
    Template::parse(source).unwrap_err().to_string()
}

#[test]
fn what_is_known_is_filled_in() {
    for (source, text) in [
        ("Hi {{ contact.username }}!", "Hi ada.bakes!"),
        ("  Hi\n", "Hi"),
        ("{{contact.username}}{{ contact . id }}", "ada.bakes61"),
        ("[{{ media.caption }}]", "[]"),
        ("{{ media.caption|default(\"our post\") }}", "our post"),
        (
            "{{ keyword|upper }} {{ keyword | title | trim }}",
            "LINK Link",
        ),
        (
            "{{ contact.username|replace('.', ' ')|title }}",
            "Ada Bakes",
        ),
        ("{{ contact.username|truncate(4) }}", "ada…"),
        ("{{ contact.username|truncate(40) }}", "ada.bakes"),
        (
            "https://example.com/?u={{ comment.text|urlencode }}",
            "https://example.com/?u=LINK%20%7B%7B%20keyword%20%7D%7D",
        ),
        (
            "{% if parent.text %}a{% elif keyword == \"link\" %}b{% else %}c{% endif %}",
            "b",
        ),
        ("{{ 'yes' if 'LINK' in comment.text else 'no' }}", "yes"),
        ("{{ keyword ~ \"-\" ~ automation }}", "link-link-on-comment"),
        ("{# a note #}x {{- keyword -}} y", "xlinky"),
        ("{{ comment.text }}", "LINK {{ keyword }}"),
        ("<b> & \"quotes\" stay", "<b> & \"quotes\" stay"),
        ("a { b } c % d", "a { b } c % d"),
        ("{{ '}}' }}", "}}"),
    ] {
        assert_eq!(rendered(source), text, "{source}");
    }
}

#[test]
fn what_texts_do_not_have_is_refused_with_a_hint() {
    for (source, problem) in [
        ("", "a text must not be empty"),
        (" \u{200B} ", "a text must not be empty"),
        (
            "{{ contact.usernam }}",
            "line 1: there is no variable `contact.usernam`; did you mean contact.username?",
        ),
        (
            "a\n{{ username }}",
            "line 2: there is no variable `username`; did you mean contact.username?",
        ),
        (
            "{{ contact }}",
            "line 1: there is no variable `contact`; write contact.username or contact.id",
        ),
        (
            "{{ contact.username.upper }}",
            "line 1: there is no variable `contact.username.upper`; the variables are",
        ),
        (
            "{% if keyword %}{{ nothing }}{% endif %}",
            "line 1: there is no variable `nothing`; the variables are contact.username, ",
        ),
        (
            "{{ keyword|uper }}",
            "line 1: there is no filter `uper`; did you mean upper?",
        ),
        (
            "{% if media.id %}{{ keyword|tojson }}{% endif %}",
            "line 1: there is no filter `tojson`; the filters are ",
        ),
        (
            "{% for x in keyword %}{% endfor %}",
            "line 1: `for` cannot be used in a text; the statements are if, elif, else and endif",
        ),
        (
            "{% include 'x' %}",
            "line 1: `include` cannot be used in a text",
        ),
        ("{% set x = 1 %}", "line 1: `set` cannot be used in a text"),
        (
            "{% raw %}{{ x }}{% endraw %}",
            "line 1: `raw` cannot be used in a text",
        ),
        (
            "{{ range(3) }}",
            "line 1: `(` cannot be used in a text; nothing can be called",
        ),
        (
            "{{ keyword * 3 }}",
            "line 1: `*` cannot be used in a text; a text has variables",
        ),
        (
            "{{ contact['id'] }}",
            "line 1: `[` cannot be used in a text",
        ),
        (
            "{{ keyword is defined }}",
            "line 1: `is` cannot be used in a text; write {% if name %}",
        ),
        ("{{ 'a'.upper() }}", "line 1: `.` cannot be used in a text"),
    ] {
        let refusal = refusal(source);
        assert!(refusal.starts_with(problem), "{source}: {refusal}");
    }
}

#[test]
fn broken_sources_are_refused_with_their_line() {
    for (source, problem) in [
        ("{{ keyword", "line 1: this tag has no end"),
        ("{# keyword", "line 1: this comment has no end"),
        ("{{ 'keyword }}", "line 1: this quoted text has no end"),
        ("{% if keyword %}", "line 1: "),
        ("{{ }}", "line 1: "),
        ("{{ keyword keyword }}", "line 1: "),
        (
            "{{ contact.username|truncate(0) }}",
            "this text cannot be rendered while its variables are empty: invalid operation",
        ),
    ] {
        let refusal = refusal(source);
        assert!(refusal.starts_with(problem), "{source}: {refusal}");
    }
}

#[test]
fn a_fixed_part_longer_than_a_message_is_refused_in_bytes() {
    assert!(Template::parse(&"a".repeat(1000)).is_ok());
    assert!(Template::parse(&format!("{}{{{{ keyword }}}}", "a".repeat(1000))).is_ok());
    assert_eq!(
        Template::parse(&"é".repeat(501)).unwrap_err(),
        TemplateProblem::FixedPartTooLong { bytes: 1002 }
    );
    assert_eq!(
        Template::parse(&format!("{{# {} #}}a", "x".repeat(SOURCE_BYTES_MAX))).unwrap_err(),
        TemplateProblem::SourceTooLong {
            bytes: SOURCE_BYTES_MAX + 7
        }
    );
}

#[test]
fn a_rendered_text_keeps_the_limits_of_a_message() {
    let template = Template::parse("{{ comment.text }}").unwrap();
    let render = |text: String| {
        let comment = CommentFacts {
            text: Some(text),
            ..CommentFacts::default()
        };
        template.render(&Facts {
            comment,
            ..Facts::default()
        })
    };
    assert_eq!(render("é".repeat(500)).unwrap().len(), 1000);
    assert_eq!(
        render("é".repeat(501)),
        Err(RenderError::TooLong { bytes: 1002 })
    );
    assert_eq!(render(" \u{200B}".into()), Err(RenderError::Empty));
    assert_eq!(render("a".repeat(10_000_000)), Err(RenderError::OutOfFuel));
}

#[test]
fn multiplying_texts_runs_out_of_fuel() {
    let source = format!(
        "{{{{ comment.text{} }}}}",
        "|replace('a', 'aaaaaaaaaa')".repeat(20)
    );
    let template = Template::parse(&source).unwrap();
    let comment = CommentFacts {
        text: Some("a".into()),
        ..CommentFacts::default()
    };
    let outcome = template.render(&Facts {
        comment,
        ..Facts::default()
    });
    assert_eq!(outcome, Err(RenderError::OutOfFuel));
    assert_eq!(RenderError::OutOfFuel.reason(), "text_too_much_work");
}

#[test]
fn needs_say_what_has_to_be_read() {
    let needs = |source: &str| Template::parse(source).unwrap().needs();
    assert_eq!(needs("hi {{ media.id }} {{ parent.id }}"), Needs::default());
    assert_eq!(
        needs("{{ media.permalink }}"),
        Needs {
            media: true,
            parent: false
        }
    );
    assert_eq!(
        needs("{% if keyword == 'x' %}{{ parent.username }}{{ media.caption }}{% endif %}"),
        Needs {
            media: true,
            parent: true
        }
    );
}

#[test]
fn every_variable_and_filter_exists() {
    for name in variables::VARIABLES {
        let template = Template::parse(&format!("{{{{ {name} }}}}")).unwrap();
        let all: Facts = serde_json::from_value(serde_json::json!({
            "contact": {"id": "v", "username": "v"}, "comment": {"id": "v", "text": "v"},
            "media": {"id": "v", "permalink": "v", "caption": "v"},
            "parent": {"id": "v", "text": "v", "username": "v"}, "message": {"text": "v"},
            "postback": {"title": "v", "payload": "v"}, "referral": {"ref": "v", "source": "v"},
            "account": {"id": "v", "username": "v"}, "keyword": "v", "automation": "v",
        }))
        .unwrap();
        assert_eq!(template.render(&all).unwrap(), "v", "{name}");
    }
    for name in filters::FILTERS {
        let argument = match name {
            "replace" => "('a', 'b')",
            "truncate" => "(3)",
            "default" => "('x')",
            _ => "",
        };
        assert!(
            Template::parse(&format!("{{{{ 'a'|{name}{argument} }}}}")).is_ok(),
            "{name}"
        );
    }
}

/// The threads that read documents have 2 MiB of stack, as the thread of this test has.
#[test]
fn no_source_is_so_deep_that_reading_it_overflows_a_stack() {
    let chain =
        |first: &str, link: &str, count: usize| format!("{{{{ {first}{} }}}}", link.repeat(count));
    for source in [
        chain("1", "~1", 4900),
        chain("keyword", "|trim", 1900),
        format!("{{{{ {}1 }}}}", "not ".repeat(2400)),
        chain("1", " and 1", 1600),
        chain("1", " if 0 else 1", 800),
        format!("{{{{ {}1{} }}}}", "1|default(".repeat(900), ")".repeat(900)),
        format!("{{{{ {}1{} }}}}", "(".repeat(4900), ")".repeat(4900)),
        format!("{{% if 0 %}}{}{{% endif %}}", "{%elif 0%}".repeat(900)),
        format!("{}x{}", "{%if 1%}".repeat(500), "{%endif%}".repeat(500)),
    ] {
        assert!(source.len() <= SOURCE_BYTES_MAX, "{}", source.len());
        let problem = refusal(&source);
        assert!(problem.starts_with("line 1: "), "{problem}");
    }
}

#[test]
fn the_deepest_source_there_can_be_is_read_and_rendered() {
    let opening = "{%if 1%}".repeat(60);
    let closing = "{%endif%}".repeat(60);
    let chain = "~keyword".repeat(99);
    let source = format!("{opening}{{{{ 1{chain} }}}}{closing}");
    assert_eq!(rendered(&source), format!("1{}", "link".repeat(99)));
}

fn source_piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{{ ".to_owned()),
        Just(" }}".to_owned()),
        Just("{%- if ".to_owned()),
        Just("{% else %}".to_owned()),
        Just("{% endif %}".to_owned()),
        Just(" %}".to_owned()),
        Just("{#".to_owned()),
        Just("#}".to_owned()),
        Just("contact.username".to_owned()),
        Just("comment.text".to_owned()),
        Just("keyword".to_owned()),
        Just("|replace('a', comment.text)".to_owned()),
        Just("|truncate(3)".to_owned()),
        Just("|default('x')".to_owned()),
        Just(" ~ ".to_owned()),
        Just(" == ".to_owned()),
        Just(" in ".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        Just("'\\".to_owned()),
        Just("\"".to_owned()),
        Just("*9".to_owned()),
        ".{0,8}",
    ]
}

proptest! {
    #[test]
    fn no_source_and_no_fact_breaks_a_limit(
        source in prop_oneof![
            prop::collection::vec(source_piece(), 0..24).prop_map(|pieces| pieces.concat()),
            ".{0,200}",
        ],
        text in ".{0,300}",
    ) {
        if let Ok(template) = Template::parse(&source) {
            let facts = Facts {
                comment: CommentFacts { id: None, text: Some(text.clone()) },
                keyword: Some(text),
                ..Facts::default()
            };
            if let Ok(rendered) = template.render(&facts) {
                prop_assert!(rendered.len() <= MESSAGE_TEXT_BYTES_MAX);
                prop_assert_eq!(rendered.trim(), rendered.as_str());
                prop_assert!(!rendered.is_empty());
            }
        }
    }
}

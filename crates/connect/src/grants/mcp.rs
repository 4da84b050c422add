//! What an organisation's own charters and templates let its identities do: which tools by which line.
//!
//! Names are `SERVER:TOOL`, as the ledger has them; `SERVER:resources/read`, `SERVER:prompts/get`, and `lease:TARGET:WANT` for
//! credentials. A line with a condition counts where that holds. What a person may add to a task, what two people open in an
//! emergency, and what is only observed for a while, counts sometimes as well.

use bailiwick_model::{
    ActorKind, AllowLine, Charter, HeldPolicy, Holder, Mode, OnWiden, Patterns, Platform,
    Statement, Template, TemplateName,
};

/// Gives what each identity holds. Nothing reaches beyond its charter's servers and targets.
pub fn mcp_holders<'c, 't>(
    charters: impl IntoIterator<Item = &'c Charter>,
    template: &dyn Fn(&TemplateName) -> Option<&'t Template>,
) -> Vec<Holder> {
    let charters: Vec<&Charter> = charters.into_iter().collect();
    let mut holders: Vec<_> = charters.iter().map(|it| holder(it, &charters, template)).collect();
    holders.sort_by(|one, next| one.id.cmp(&next.id));
    holders
}

fn holder<'t>(
    charter: &Charter,
    all: &[&Charter],
    template: &dyn Fn(&TemplateName) -> Option<&'t Template>,
) -> Holder {
    let (mut policies, mut unread) = (Vec::new(), Vec::new());
    for name in &charter.templates {
        match template(name) {
            Some(template) => policies.extend(held(charter, template)),
            None => unread.push(format!("template {name}")),
        }
    }
    let delegates = all.iter().filter(|it| it.delegates_to.contains(&charter.identity));
    Holder {
        platform: Platform::Mcp,
        id: charter.identity.to_string(),
        account: String::new(),
        kind: ActorKind::Agent,
        since: None,
        policies,
        bounds: Vec::new(),
        unread,
        trusts: delegates.map(|it| it.identity.to_string()).collect(),
        crowd: false,
    }
}

/// Gives a template's lines, each a policy of its own, as far as the charter reaches.
fn held(charter: &Charter, template: &Template) -> Vec<HeldPolicy> {
    let path = |of: &str| format!("template {} › {of}", template.name);
    let always = template.kind.is_ordinary();
    let mut held = Vec::new();
    for line in &template.allow {
        let statements = statements(charter, line, always && line.when.is_none());
        if !statements.is_empty() {
            held.push(HeldPolicy { path: path(&line.source), statements, since: None });
        }
    }
    let mut beyond = |of: &str| {
        let servers: Vec<_> = charter.servers.iter().map(|it| format!("{it}:*")).collect();
        if !servers.is_empty() {
            held.push(HeldPolicy {
                path: path(of),
                statements: vec![statement(servers, None, false)],
                since: None,
            });
        }
    };
    match template.on_widen {
        OnWiden::Hold => beyond("on_widen = hold"),
        OnWiden::Deny => {}
    }
    match &template.mode {
        Mode::Observe { until, .. } => beyond(&format!("mode = observe until {until}")),
        Mode::Enforce => {}
    }
    held
}

fn statements(charter: &Charter, line: &AllowLine, always: bool) -> Vec<Statement> {
    let mut statements = Vec::new();
    let named = |operation: &str| vec![format!("{}:{operation}", line.server)];
    if charter.servers.contains(&line.server) {
        if !line.tools.is_empty() {
            let tools = line.tools.iter().map(|it| format!("{}:{it}", line.server)).collect();
            statements.push(statement(tools, None, always));
        }
        if !line.resources.is_empty() {
            statements.push(statement(named("resources/read"), Some(&line.resources), always));
        }
        if !line.prompts.is_empty() {
            statements.push(statement(named("prompts/get"), Some(&line.prompts), always));
        }
    }
    if !line.leases.is_empty() && charter.targets.contains(line.server.as_str()) {
        let wants = line.leases.iter().map(|it| format!("lease:{}:{it}", line.server)).collect();
        statements.push(statement(wants, None, always));
    }
    statements
}

fn statement(actions: Vec<String>, on: Option<&Vec<String>>, always: bool) -> Statement {
    let everything = || vec!["*".to_owned()];
    Statement {
        allows: true,
        actions: Patterns::Only(actions),
        resources: Patterns::Only(on.cloned().unwrap_or_else(everything)),
        conditional: !always,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use bailiwick_model::{BoundTokens, Budget, IdentityKind, TemplateKind, Window};

    use super::*;

    fn charter(identity: &str, templates: &[&str], delegates: &[&str]) -> Charter {
        Charter {
            identity: identity.parse().unwrap(),
            kind: IdentityKind::Agent,
            class: "interactive-agent".parse().unwrap(),
            owner: "team".to_owned(),
            purpose: "Triage".to_owned(),
            proof: Vec::new(),
            templates: templates.iter().map(|it| it.parse().unwrap()).collect(),
            servers: ["files", "tickets"].iter().map(|it| it.parse().unwrap()).collect(),
            targets: ["orders-db"].iter().map(|it| it.parse().unwrap()).collect(),
            delegates_to: delegates.iter().map(|it| it.parse().unwrap()).collect(),
        }
    }

    fn line(server: &str, tools: &[&str], when: Option<&str>) -> AllowLine {
        AllowLine {
            server: server.parse().unwrap(),
            tools: tools.iter().map(|it| it.parse().unwrap()).collect(),
            resources: Vec::new(),
            prompts: Vec::new(),
            leases: Vec::new(),
            max: None,
            when: when.map(str::to_owned),
            source: format!("triage.toml:{server}"),
        }
    }

    fn template(allow: Vec<AllowLine>) -> Template {
        Template {
            name: "triage".parse().unwrap(),
            owner: "team".to_owned(),
            purpose: "Triage".to_owned(),
            kind: TemplateKind::Ordinary,
            on_widen: OnWiden::Deny,
            mode: Mode::Enforce,
            params: BTreeMap::new(),
            window: Window { max: Duration::from_secs(60), idle: None, calendar: None },
            allow,
            budget: Budget::default(),
            day: None,
            max_open: None,
            bound_tokens: BoundTokens::HighImpact,
        }
    }

    /// Tells what is held, a line for each way: a `?` behind what counts sometimes.
    fn told(template: &Template) -> Vec<String> {
        let charters = [charter("triage-agent", &["triage"], &[])];
        let holders = mcp_holders(&charters, &|it| (*it == template.name).then_some(template));
        let each = |policy: &HeldPolicy| {
            let all = policy.statements.iter().map(|it| {
                let Patterns::Only(names) = &it.actions else { panic!("{it:?}") };
                names.join(" ") + if it.conditional { "?" } else { "" }
            });
            format!("{}: {}", policy.path, all.collect::<Vec<_>>().join(" "))
        };
        holders[0].policies.iter().map(each).collect()
    }

    #[test]
    fn each_line_is_a_way_and_a_condition_makes_it_unsure() {
        let mut many = line("orders-db", &[], None);
        many.leases = vec!["readers".to_owned(), "writers".to_owned()];
        let mut reads = line("files", &[], None);
        reads.resources = vec!["file:///srv/*".to_owned()];
        let all = vec![
            line("tickets", &["get_ticket", "add_comment"], None),
            line("files", &["read_text_file"], Some("context.input.path like \"/srv/*\"")),
            reads,
            many,
            // The charter reaches neither.
            line("mail", &["send"], None),
        ];
        assert_eq!(
            told(&template(all)),
            [
                "template triage › triage.toml:tickets: tickets:get_ticket tickets:add_comment",
                "template triage › triage.toml:files: files:read_text_file?",
                "template triage › triage.toml:files: files:resources/read",
                "template triage › triage.toml:orders-db: lease:orders-db:readers lease:orders-db:writers",
            ]
        );
    }

    #[test]
    fn what_a_person_may_add_and_what_is_only_for_emergencies_is_unsure() {
        let allow = || vec![line("tickets", &["get_ticket"], None)];
        let widened = Template { on_widen: OnWiden::Hold, ..template(allow()) };
        assert_eq!(told(&widened)[1], "template triage › on_widen = hold: files:* tickets:*?");
        let emergency = Template { kind: TemplateKind::BreakGlass, ..template(allow()) };
        assert_eq!(
            told(&emergency),
            ["template triage › triage.toml:tickets: tickets:get_ticket?"]
        );
        let until = "2026-12-01T00:00:00Z".parse().unwrap();
        let mode = Mode::Observe { owner: "team".to_owned(), until };
        let observed = Template { mode, ..template(allow()) };
        assert!(told(&observed)[1].ends_with("files:* tickets:*?"), "{:?}", told(&observed));
    }

    #[test]
    fn whoever_hands_authority_on_is_named_and_a_template_that_is_missing_too() {
        let charters = [charter("b", &["gone"], &[]), charter("a", &[], &["b"])];
        let holders = mcp_holders(&charters, &|_| None);
        let ids: Vec<_> = holders.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(holders[1].trusts, ["a"]);
        assert_eq!(holders[1].unread, ["template gone"]);
    }
}

//! The schema in Cedar's own form.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Effect, Environment, ServerName};

use super::{
    Deed, Schema,
    shape::{Fields, Shape},
};

/// What stands above all: who asks, for what, and what they belong to.
const ENTITIES: &str = "\
// The identity that acts.
entity Identity in [Class] {
  owner: String,
  kind: String,
  class: String,
};
entity Class;

// What it is done to: what an argument names, else the tool itself.
entity Resource in [Tool, Server] {
  sensitivity: String,
  sensitivity_rank: Long,
  environment: String,
  owner?: String,
};
entity Tool in [Server] {
  sensitivity: String,
  sensitivity_rank: Long,
  environment: String,
  owner?: String,
};
entity Server;
";

/// Writes the names and their groups. What contexts hold is kept apart: it is read per policy.
pub(super) fn frame(deeds: &[Deed], servers: &BTreeMap<ServerName, Environment>) -> String {
    let mut out = ENTITIES.to_owned();
    groups(servers, &mut out);
    for deed in deeds {
        action(deed, &mut out);
        out.push_str(" };\n");
    }
    out
}

/// Writes all of it.
pub(super) fn whole(schema: &Schema) -> String {
    let mut out = "// What policies meet here, by the tools that were accepted.\n\n".to_owned();
    out.push_str(ENTITIES);
    out.push_str(
        "// An argument whose type its tool does not say. It is checked when it is called.\n\
         entity Unsaid;\n\n\
         // A number is shown as it is written: a whole one as Long, any other as decimal.\n\
         type Number = Long;\n\n",
    );
    task(schema.params.as_ref(), &mut out);
    out.push_str("\n// What tools do, and on which server.\n");
    groups(&schema.servers, &mut out);
    for deed in &schema.deeds {
        out.push('\n');
        action(deed, &mut out);
        out.push_str(",\n  context: {\n");
        for (name, of) in CONTEXT {
            out.push_str(&format!("    {name}: {of},\n"));
        }
        out.push_str(&format!("    input: {},\n  }},\n}};\n", written(&deed.input, "    ")));
    }
    out
}

const CONTEXT: [(&str, &str); 12] = [
    ("task", "Task"),
    ("destinations", "Set<String>"),
    ("granted", "Bool"),
    ("approval", "Approval"),
    ("now", "datetime"),
    ("chain", "Set<String>"),
    ("depth", "Long"),
    ("environment", "String"),
    ("facts", "Set<String>"),
    ("server", "String"),
    ("tool", "String"),
    ("pep", "Pep"),
];

fn task(params: Option<&BTreeSet<String>>, out: &mut String) {
    out.push_str(
        "type Pep = {\n  supports: Set<String>,\n};\n\n\
         type Approval = {\n  granted: Bool,\n  by?: String,\n};\n\n\
         type Task = {\n  id: String,\n  template: String,\n  purpose: String,\n",
    );
    match params {
        None => out.push_str("  params: Unsaid,\n"),
        Some(names) => {
            out.push_str("  params: {\n");
            for name in names {
                out.push_str(&format!("    {}?: String,\n", quoted(name)));
            }
            out.push_str("  },\n");
        }
    }
    out.push_str(
        "  opened: datetime,\n  opened_by: String,\n  break_glass: Bool,\n  \
         on_behalf_of: String,\n  on_behalf_issuer: String,\n};\n",
    );
}

fn groups(servers: &BTreeMap<ServerName, Environment>, out: &mut String) {
    for effect in Effect::ALL {
        out.push_str(&format!("action {};\n", quoted(effect.as_str())));
    }
    for server in servers.keys() {
        out.push_str(&format!("action {};\n", quoted(&format!("server:{server}"))));
    }
}

/// Writes an action as far as its context.
fn action(deed: &Deed, out: &mut String) {
    let groups: Vec<String> = deed.groups.iter().map(|it| quoted(it.eid().as_ref())).collect();
    let resource = if deed.to_resources { "Resource" } else { "Tool" };
    out.push_str(&format!(
        "action {} in [{}] appliesTo {{\n  principal: [Identity],\n  resource: [{resource}]",
        quoted(&deed.name),
        groups.join(", ")
    ));
}

fn written(shape: &Shape, indent: &str) -> String {
    match shape {
        Shape::Text => "String".to_owned(),
        Shape::Whole => "Long".to_owned(),
        Shape::Number => "Number".to_owned(),
        Shape::Truth => "Bool".to_owned(),
        Shape::Open => "Unsaid".to_owned(),
        Shape::Set(of) => format!("Set<{}>", written(of, indent)),
        Shape::Record(Fields { named, more: true }) if named.is_empty() => "Unsaid".to_owned(),
        Shape::Record(Fields { named, .. }) if named.is_empty() => "{}".to_owned(),
        Shape::Record(Fields { named, more }) => {
            let mut out = "{\n".to_owned();
            for (name, field) in named {
                let mark = if field.required { "" } else { "?" };
                let of = written(&field.shape, &format!("{indent}  "));
                out.push_str(&format!("{indent}  {}{mark}: {of},\n", quoted(name)));
            }
            if *more {
                out.push_str(&format!("{indent}  // and others\n"));
            }
            out.push_str(&format!("{indent}}}"));
            out
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.escape_debug())
}

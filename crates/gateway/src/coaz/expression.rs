//! One expression of a mapping, in CEL, bounded: foreign text that is asked on every call.
//!
//! There is no loop in it and no name of its own, so it takes no more steps than it has parts, and
//! what it is shown of a call is small, so each step is short. The parser is the one of the crate that
//! bounds its depth; whatever panics in it is caught.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use cel::{
    Env, Value,
    common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators},
    parser::PrattParser,
};

use super::values::Values;
use crate::caught;

const TEXT_MAX: usize = 1024;
const NODES_MAX: usize = 64;
const DEPTH_MAX: u16 = 24;

/// So much of an expression is repeated where it is wrong.
const QUOTED_MAX: usize = 60;

/// An expression that was read and may be asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expression {
    parsed: IdedExpr,
    arguments: BTreeSet<String>,
}

/// Gives the functions that there are: those of the language, and no others.
pub(super) fn environment() -> Arc<Env> {
    static ENVIRONMENT: LazyLock<Arc<Env>> =
        LazyLock::new(|| Arc::new(Env::default().with_stdlib()));
    Arc::clone(&ENVIRONMENT)
}

impl Expression {
    /// Reads it; says what is wrong with it.
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        if TEXT_MAX < text.len() {
            return Err(format!("an expression has more than {TEXT_MAX} bytes"));
        }
        let parser = PrattParser::new()
            .max_recursion_depth(DEPTH_MAX)
            .max_expression_node_count(NODES_MAX)
            .error_recovery_limit(1)
            .error_reporting_limit(1)
            .enable_optional_syntax(true);
        let quoted = quoted(text);
        let unreadable = |why: String| format!("{quoted} cannot be read: {why}");
        let parsed =
            caught::now(|| parser.parse(text)).map_err(|it| unreadable(it.to_string()))?.map_err(
                |it| unreadable(it.errors.first().map_or_else(String::new, |it| it.msg.clone())),
            )?;
        let mut walk = Walk { text: &quoted, arguments: BTreeSet::new(), nodes: 0 };
        walk.visit(&parsed)?;
        Ok(Self { parsed, arguments: walk.arguments })
    }

    /// Gives the arguments that it reads.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &str> {
        self.arguments.iter().map(String::as_str)
    }

    /// Gives the text that it comes to for one call.
    pub(super) fn text(&self, values: &Values<'_>) -> Result<String, String> {
        // What went wrong may hold what the call holds: it stays here.
        let none = || "its mapping comes to nothing for these arguments".to_owned();
        let asked = caught::now(|| Value::resolve(&self.parsed, values.context()));
        Ok(match asked.map_err(|_| none())?.map_err(|_| none())? {
            Value::String(text) => text.to_string(),
            Value::Int(it) => it.to_string(),
            Value::UInt(it) => it.to_string(),
            Value::Bool(it) => it.to_string(),
            Value::List(_)
            | Value::Map(_)
            | Value::Function(..)
            | Value::Float(_)
            | Value::Bytes(_)
            | Value::Opaque(_)
            | Value::Struct(_)
            | Value::Null => {
                return Err("its mapping comes to something that names nothing".to_owned());
            }
        })
    }
}

/// Gives the beginning of a text that may be long.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_MAX) {
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

/// Looks at every part of an expression.
struct Walk<'a> {
    /// The expression, as it is quoted.
    text: &'a str,
    arguments: BTreeSet<String>,
    nodes: usize,
}

impl Walk<'_> {
    fn visit(&mut self, part: &IdedExpr) -> Result<(), String> {
        self.nodes = self.nodes.saturating_add(1);
        if NODES_MAX < self.nodes {
            return Err(format!("{} has more than {NODES_MAX} parts", self.text));
        }
        if let Some(path) = path(part) {
            return self.reads(&path);
        }
        match &part.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => Err(format!("{}: `{name}` is not known as such", self.text)),
            Expr::Select(select) => self.visit(&select.operand),
            Expr::Call(call) => {
                call.target.iter().try_for_each(|it| self.visit(it))?;
                call.args.iter().try_for_each(|it| self.visit(it))
            }
            Expr::List(list) => list.elements.iter().try_for_each(|it| self.visit(it)),
            Expr::Map(map) => map.entries.iter().try_for_each(|it| match &it.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key)?;
                    self.visit(&entry.value)
                }
                EntryExpr::StructField(field) => self.visit(&field.value),
            }),
            Expr::Comprehension(_) => Err(format!("{}: loops are not taken", self.text)),
            Expr::Struct(_) | Expr::Unspecified => {
                Err(format!("{}: this is not taken in a mapping", self.text))
            }
        }
    }

    /// Takes a path that begins at a variable. Which argument is read must be known beforehand.
    fn reads(&mut self, path: &[&str]) -> Result<(), String> {
        match path {
            ["params", "name"] | ["token", "sub" | "client_id"] => Ok(()),
            ["params", "arguments", argument, ..] => {
                self.arguments.insert((*argument).to_owned());
                Ok(())
            }
            _ => Err(format!(
                "{} reads `{}`: only `params.name`, `params.arguments.…`, `token.sub` and `token.client_id` are there",
                self.text,
                quoted(&path.join(".")).trim_matches('`'),
            )),
        }
    }
}

/// Gives the names of a path from a variable on, where `part` is one.
fn path(part: &IdedExpr) -> Option<Vec<&str>> {
    match &part.expr {
        Expr::Ident(name) => Some(vec![name]),
        Expr::Select(select) => {
            let mut names = path(&select.operand)?;
            names.push(&select.field);
            Some(names)
        }
        Expr::Call(call) => {
            let (operand, name) = member(call)?;
            let mut names = path(operand)?;
            names.push(name);
            Some(names)
        }
        Expr::Unspecified
        | Expr::Comprehension(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Struct(_) => None,
    }
}

/// Gives what `a["b"]`, `a[?"b"]` and `a.?b` take a member of, and its name.
fn member(call: &CallExpr) -> Option<(&IdedExpr, &str)> {
    let takes = [operators::INDEX, operators::OPT_INDEX, operators::OPT_SELECT];
    let [operand, name] = call.args.as_slice() else { return None };
    let Expr::Literal(LiteralValue::String(name)) = &name.expr else { return None };
    takes.contains(&call.func_name.as_str()).then(|| (operand, name.inner()))
}

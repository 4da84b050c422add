//! However a folder of policies is edited, what is compiled after what was in force is what it would
//! be by itself, mistakes and misfits included.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use bailiwick_model::{
    Constraints, Deed, Effect, Entity, Environment, Evaluation, Json, JsonLimits, Timestamp,
};
use bailiwick_policy::{
    AcceptedTool, AccessPolicies, Offering, PolicyError, PolicyOptions, PolicySet, PolicySource,
    Schema,
};
use proptest::{prelude::*, sample::Index};

use crate::law_9::{Dice, policies, request};

const NOW: Timestamp = Timestamp::from_millis(1_785_000_000_000);
/// What is put before a policy that is edited.
const REMARKS: [&str; 4] = ["", "// with \" and ;\n", "\n\n", "/"];

/// What stands at the end of a file that is edited.
const ENDS: [&str; 4] = ["", "// the end;", "// the end", "\n\n"];

/// Files by name, each with its policies: what stands before one, its id, and what it says.
type Folder = BTreeMap<String, Vec<(String, String, String)>>;

#[derive(Clone, Debug)]
enum Edit {
    /// Writes a policy under a new id, or under one that another has.
    Add(String, Option<Index>),
    Drop,
    /// Gives a policy another text.
    Change(String),
    /// Gives a policy another id, and so another place.
    Rename(u8),
    /// Puts something before it, so that all that follows is moved.
    Remark(&'static str),
    /// Puts something at the end of every file.
    End(&'static str),
    Spoil,
    /// Takes a policy to another file.
    Carry(u8),
    RenameFile(u8),
    DropFile,
    /// Tools are accepted that were not, or take something else.
    Accept(usize),
    BuiltinPermit,
    Nothing,
}

fn edits() -> impl Strategy<Value = (Edit, Index, Index)> {
    let edit = prop_oneof![
        4 => (policies(), prop::option::weighted(0.1, any::<Index>())).prop_map(|(it, id)| Edit::Add(it, id)),
        2 => Just(Edit::Drop),
        4 => policies().prop_map(Edit::Change),
        2 => any::<u8>().prop_map(Edit::Rename),
        3 => prop::sample::select(&REMARKS[..]).prop_map(Edit::Remark),
        1 => prop::sample::select(&ENDS[..]).prop_map(Edit::End),
        1 => Just(Edit::Spoil),
        2 => any::<u8>().prop_map(Edit::Carry),
        1 => any::<u8>().prop_map(Edit::RenameFile),
        1 => Just(Edit::DropFile),
        2 => (0..SCHEMAS.len()).prop_map(Edit::Accept),
        1 => Just(Edit::BuiltinPermit),
        1 => Just(Edit::Nothing),
    ];
    (edit, any::<Index>(), any::<Index>())
}

/// What policies may be held against: nothing, or tools that differ in what they take.
static SCHEMAS: LazyLock<[Option<Schema>; 3]> = LazyLock::new(|| {
    let schema = |amount: &str| {
        let input = format!(
            r#"{{"type":"object","properties":{{"amount":{{"type":"{amount}"}}}},"required":["amount"]}}"#
        );
        let tool = |server: &str, name: &str| AcceptedTool {
            server: server.parse().unwrap(),
            name: name.to_owned(),
            effects: BTreeSet::from([Effect::Read]),
            to_resources: true,
            input: Some(Json::parse(input.as_bytes(), JsonLimits::default()).unwrap()),
        };
        let servers = ["files", "tickets"];
        Schema::of(&Offering {
            servers: servers.map(|it| (it.parse().unwrap(), Environment::Staging)).into(),
            tools: vec![tool("files", "tool"), tool("files", "other"), tool("tickets", "tool")],
            params: Some(BTreeSet::from(["ticket".to_owned()])),
            ..Offering::default()
        })
    };
    [None, schema("integer").ok(), schema("string").ok()]
});

/// A folder that is edited, and how it is compiled.
#[derive(Clone, Debug)]
struct House {
    folder: Folder,
    end: &'static str,
    schema: usize,
    options: PolicyOptions,
    ids: usize,
}

impl House {
    fn sources(&self) -> Vec<PolicySource> {
        let text = |all: &Vec<(String, String, String)>| {
            let one = |(before, id, text): &(String, String, String)| {
                format!("{before}@id(\"{id}\") {text}\n")
            };
            all.iter().map(one).chain([self.end.to_owned()]).collect()
        };
        let source =
            |(name, all): (&String, _)| PolicySource { name: name.clone(), text: text(all) };
        self.folder.iter().map(source).collect()
    }

    fn edit(&mut self, (edit, file, at): &(Edit, Index, Index)) {
        let ids: Vec<String> = self.folder.values().flatten().map(|it| it.1.clone()).collect();
        let names: Vec<String> = self.folder.keys().cloned().collect();
        let name = names.get(file.index(names.len().max(1))).cloned().unwrap_or_default();
        let other = |number: u8| format!("file-{}.cedar", number % 5);
        match edit {
            Edit::Accept(which) => self.schema = *which,
            Edit::BuiltinPermit => self.options.builtin_permit = !self.options.builtin_permit,
            Edit::Nothing => {}
            Edit::End(end) => self.end = end,
            Edit::DropFile => drop(self.folder.remove(&name)),
            Edit::RenameFile(number) => {
                if let Some(all) = self.folder.remove(&name) {
                    self.folder.entry(other(*number)).or_default().extend(all);
                }
            }
            Edit::Add(text, same) => {
                self.ids = self.ids.saturating_add(1);
                let id =
                    same.filter(|_| !ids.is_empty()).map(|it| ids[it.index(ids.len())].clone());
                let id = id.unwrap_or_else(|| format!("{}-{}", at.index(9), self.ids));
                let name = if names.is_empty() { other(0) } else { name };
                let all = self.folder.entry(name).or_default();
                all.insert(
                    at.index(all.len().saturating_add(1)),
                    (String::new(), id, text.clone()),
                );
            }
            Edit::Carry(number) => {
                let all = self.folder.get_mut(&name).filter(|it| !it.is_empty());
                if let Some(one) = all.map(|it| it.remove(at.index(it.len()))) {
                    self.folder.entry(other(*number)).or_default().push(one);
                }
            }
            Edit::Drop => {
                if let Some(all) = self.folder.get_mut(&name).filter(|it| !it.is_empty()) {
                    all.remove(at.index(all.len()));
                }
            }
            Edit::Change(text) => self.change(&name, *at, |it| it.2.clone_from(text)),
            Edit::Rename(number) => {
                let id = format!("{number}-renamed-{}", self.ids);
                self.change(&name, *at, |it| it.1 = id);
            }
            Edit::Remark(text) => self.change(&name, *at, |it| (*text).clone_into(&mut it.0)),
            Edit::Spoil => {
                self.change(&name, *at, |it| it.2 = it.2.replacen("principal", "princpal", 1));
            }
        }
    }

    fn change(
        &mut self,
        name: &str,
        at: Index,
        change: impl FnOnce(&mut (String, String, String)),
    ) {
        if let Some(all) = self.folder.get_mut(name).filter(|it| !it.is_empty()) {
            let at = at.index(all.len());
            change(&mut all[at]);
        }
    }

    fn compiled(
        &self,
        before: Option<&PolicySet>,
    ) -> Result<(PolicySet, Vec<String>), Vec<String>> {
        let (sources, nothing) = (self.sources(), Constraints::new());
        let compiled = match &SCHEMAS[self.schema] {
            Some(schema) => {
                PolicySet::compile_against(schema, (&nothing, before), &sources, self.options)
            }
            None => {
                PolicySet::compile_after(before, &sources, self.options).map(|it| (it, Vec::new()))
            }
        };
        compiled.map(|(set, misfits)| (set, told(&misfits))).map_err(|it| told(&it))
    }

    fn compiled_for_others(
        &self,
        before: Option<&AccessPolicies>,
    ) -> Result<AccessPolicies, Vec<String>> {
        AccessPolicies::compile_after(before, &self.sources()).map_err(|it| told(&it))
    }
}

fn told(errors: &[PolicyError]) -> Vec<String> {
    errors.iter().map(|it| format!("{} {:?} {it} {:?}", it.file(), it.span(), it.code())).collect()
}

/// Everything that can be seen of a set: what it lists, what it says of some calls, and why.
fn seen(set: &PolicySet, calls: &[Dice]) -> String {
    let said = |dice: &Dice| {
        let asked = request(*dice);
        let case = asked.case();
        format!("{:?} {:?} {:?}", set.applying(&case), set.evaluate(&case), set.ways(&case))
    };
    let said: Vec<String> = calls.iter().map(said).collect();
    format!("{} {:?} {:?} {:?} {said:?}", set.version(), set.list(), set.liked_inputs(), set.idle())
}

fn seen_by_others(set: &AccessPolicies) -> String {
    let entity = |kind: &str, id: &str| Entity {
        kind: kind.to_owned(),
        id: id.to_owned(),
        properties: BTreeMap::new(),
    };
    let evaluation = |action: &str| Evaluation {
        subject: entity("Identity", "triage-agent"),
        action: Deed { name: action.to_owned(), properties: BTreeMap::new() },
        resource: entity("Resource", "files:/secret"),
        context: BTreeMap::new(),
    };
    let said = ["files__tool", "read", "egress"].map(evaluation).map(|it| {
        let sought = bailiwick_model::Sought::Action;
        let found: Vec<_> = set.candidates(sought, &it).iter().map(str::to_owned).collect();
        format!("{:?} {found:?}", set.judge(&it, &[], NOW))
    });
    format!("{} {:?} {:?} {said:?}", set.version(), set.list(), set.context_read())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_compiled_edit_by_edit_is_what_it_is_by_itself(
        edits in prop::collection::vec(edits(), 1..20), calls: [Dice; 4],
    ) {
        let (folder, options) = (Folder::new(), PolicyOptions::default());
        let mut house = House { folder, end: "", schema: 0, options, ids: 0 };
        let (mut set, mut access) = (None, None);
        for (number, edit) in edits.iter().enumerate() {
            let (before, mut broken) = (house.clone(), false);
            house.edit(edit);
            match (house.compiled(set.as_ref()), house.compiled(None)) {
                (Ok((after, misfits)), Ok((anew, expected))) => {
                    prop_assert_eq!(misfits, expected);
                    prop_assert_eq!(seen(&after, &calls), seen(&anew, &calls));
                    set = Some(after);
                }
                // What was in force stays, and what is edited next is compiled after that.
                (after, anew) => {
                    prop_assert_eq!(after.err(), anew.err());
                    broken = true;
                }
            }
            match (house.compiled_for_others(access.as_ref()), house.compiled_for_others(None)) {
                (Ok(after), Ok(anew)) => {
                    prop_assert_eq!(seen_by_others(&after), seen_by_others(&anew));
                    access = Some(after);
                }
                (after, anew) => prop_assert_eq!(after.err(), anew.err()),
            }
            // Some mend a mistake at once, others edit on.
            if broken && number % 3 != 0 {
                house = before;
            }
        }
    }
}

//! `bailiwick lease …`

use std::collections::BTreeSet;

use bailiwick_gateway::Canary;
use bailiwick_model::{Lease, LeaseId, TargetName, Task, TaskId, Timestamp};
use bailiwick_store::LeaseFilter;

use crate::{
    admin::wire::{IssueLease, IssuedLease, LeaseList, TargetList, TargetShown},
    cli,
    client::Client,
    command::{sign, task::assertion, word},
    exit::{CommandError, Exit, Outcome},
    output::{Output, table},
    place::Place,
};

/// `lease issue`
pub(crate) async fn issue(place: &Place, output: Output, words: &cli::IssueLease) -> Outcome {
    let task: TaskId = word(&words.task)?;
    let target: TargetName = word(&words.target)?;
    let client = Client::need(&place.state).await?;
    let known: Task = client.get(&format!("/api/v1/tasks/{task}")).await?;
    let wish = IssueLease {
        task,
        target,
        wants: words.wants.iter().cloned().collect(),
        span: words.span.clone(),
        assertion: assertion(place, &known.identity, words.key.as_deref())?,
    };
    let issued: IssuedLease = client.post("/api/v1/leases", &wish).await?;
    output.show(&issued, |it| {
        let mut text = format!(
            "lease     {}\ntarget    {} as {}\nenforced  as {}\nexpires   {}\n",
            it.lease.id,
            it.lease.target,
            it.lease.called.as_deref().unwrap_or("nobody knows what"),
            it.lease.enforced,
            it.lease.until,
        );
        for (name, value) in &it.credential {
            text.push_str(&format!("{name:<9} {value}\n"));
        }
        text
    })?;
    Ok(Exit::Done)
}

/// `lease list`
pub(crate) async fn list(
    place: &Place,
    output: Output,
    (task, all): (Option<&str>, bool),
) -> Outcome {
    let task: Option<TaskId> = task.map(word).transpose()?;
    let found: LeaseList = match Client::reach(&place.state).await {
        Some(client) => {
            let of = task.as_ref().map(|it| format!("&task={it}")).unwrap_or_default();
            let all = if all { "all=true" } else { "" };
            client.get(&format!("/api/v1/leases?{all}{of}")).await?
        }
        None => {
            let filter = LeaseFilter { open_only: !all, task: task.clone(), ..LeaseFilter::ALL };
            let kept = place.registry()?.leases(filter).map_err(anyhow::Error::from)?;
            let mut leases: Vec<_> = kept.into_iter().map(|it| it.lease).collect();
            if let Some(task) = task.filter(|_| all) {
                let records = place.ledger()?.task_records(&task).map_err(anyhow::Error::from)?;
                let there: BTreeSet<_> = leases.iter().map(|it| it.id.clone()).collect();
                let told = Lease::all_told(records.iter().map(|it| &it.record));
                leases.extend(told.into_iter().filter(|it| !there.contains(&it.id)));
                leases.sort_by(|one, other| one.id.cmp(&other.id));
            }
            LeaseList { leases }
        }
    };
    let now = sign::now();
    output.show(&found, |it| lines(&it.leases, now))?;
    Ok(Exit::Done)
}

/// `lease targets`
pub(crate) async fn targets(place: &Place, output: Output) -> Outcome {
    let client = Client::need(&place.state).await?;
    let found: TargetList = client.get("/api/v1/targets").await?;
    output.show(&found, |it| {
        let row = |it: &TargetShown| {
            let [every, proven, failing] = canary(it.canary.as_ref());
            vec![it.target.to_string(), it.enforced.to_string(), every, proven, failing]
        };
        let rows = it.targets.iter().map(row).collect();
        table(&["target", "enforced as", "canary", "last proven", "failing"], rows)
    })?;
    Ok(Exit::Done)
}

/// Says what a canary tells.
fn canary(canary: Option<&Canary>) -> [String; 3] {
    let Some(canary) = canary else { return Default::default() };
    let proven =
        canary.proven.map_or_else(|| "never since the start".to_owned(), |it| it.to_string());
    let failing = canary.failing.as_ref();
    let failing = failing.map(|it| format!("{} times since {}: {}", it.times, it.since, it.why));
    [format!("every {}", canary.every), proven, failing.unwrap_or_default()]
}

/// Draws leases, one a line.
pub(crate) fn lines(leases: &[Lease], now: Timestamp) -> String {
    let row = |it: &Lease| {
        vec![
            it.id.to_string(),
            it.target.to_string(),
            if it.is_canary() { "(canary)".to_owned() } else { it.task.to_string() },
            standing(it, now),
            it.enforced.to_string(),
            it.until.to_string(),
        ]
    };
    table(
        &["lease", "target", "task", "state", "enforced as", "until"],
        leases.iter().map(row).collect(),
    )
}

/// Says how a lease stands, and how long its end has been waiting.
fn standing(lease: &Lease, now: Timestamp) -> String {
    match (lease.ended, lease.gone) {
        (Some(ended), None) => {
            let (state, age) = (lease.state, now.since(ended.at).as_secs());
            format!("{state} for {age} s ({}), {} tries in vain", ended.cause, lease.tries)
        }
        (Some(ended), Some(gone)) => {
            let took = gone.since(ended.at).as_millis();
            format!("{} ({}) within {took} ms", lease.state, ended.cause)
        }
        (None, _) => lease.state.to_string(),
    }
}

/// `lease show`
pub(crate) async fn show(place: &Place, output: Output, lease: &str) -> Outcome {
    let id: LeaseId = word(lease)?;
    let found: Lease = match Client::reach(&place.state).await {
        Some(client) => client.get(&format!("/api/v1/leases/{id}")).await?,
        None => {
            let kept = place.registry()?.lease(&id).map_err(anyhow::Error::from)?;
            let told = || {
                // What has been over for long is in the ledger alone.
                let records = place.ledger()?.lease_records(&id).map_err(anyhow::Error::from)?;
                Ok::<_, CommandError>(Lease::all_told(records.iter().map(|it| &it.record)).pop())
            };
            let found = kept.map_or_else(told, |it| Ok(Some(it.lease)))?;
            found.ok_or_else(|| CommandError::Words(format!("there is no lease `{id}`")))?
        }
    };
    let now = sign::now();
    output.show(&found, |it| whole(it, now))?;
    Ok(Exit::Done)
}

fn whole(lease: &Lease, now: Timestamp) -> String {
    let mut text = format!(
        "lease     {}\ntask      {}\nidentity  {}\ntarget    {}\nwants     {}\nenforced  as {}\nstate     {}\n",
        lease.id,
        lease.task,
        lease.identity,
        lease.target,
        lease.wants.join(", "),
        lease.enforced,
        standing(lease, now),
    );
    text.push_str(&proof(lease));
    if !lease.why.is_empty() {
        text.push_str(&format!("why       {}\n", lease.why));
    }
    text
}

/// Tells when a lease was issued, last used, accepted to end, and known to be gone.
fn proof(lease: &Lease) -> String {
    let never = || "-".to_owned();
    let time = |it: Option<Timestamp>| it.map_or_else(never, |it| it.to_string());
    format!(
        "called    {}\nissued    {}\nlast use  {}\nends      {}\nrevoke accepted  {}\nrevoke enforced  {}\n",
        lease.called.as_deref().unwrap_or("-"),
        time(lease.issued),
        time(lease.used),
        lease.until,
        time(lease.ended.map(|it| it.at)),
        time(lease.gone),
    )
}

/// `lease revoke`
pub(crate) async fn revoke(place: &Place, output: Output, lease: &str) -> Outcome {
    let id: LeaseId = word(lease)?;
    let client = Client::need(&place.state).await?;
    let ended: Lease = client.post(&format!("/api/v1/leases/{id}/revoke"), &()).await?;
    let now = sign::now();
    output.show(&ended, |it| whole(it, now))?;
    // What is accepted and not enforced yet goes on by itself.
    Ok(if ended.gone.is_some() { Exit::Done } else { Exit::No })
}

/// Draws what became of every credential of a task that ended.
pub(crate) fn proofs(leases: &[Lease]) -> String {
    if leases.is_empty() {
        return String::new();
    }
    let never = || "-".to_owned();
    let time = |it: Option<Timestamp>| it.map_or_else(never, |it| it.to_string());
    let row = |it: &Lease| {
        vec![
            it.id.to_string(),
            it.target.to_string(),
            it.state.to_string(),
            time(it.issued),
            time(it.used),
            time(it.ended.map(|it| it.at)),
            time(it.gone),
        ]
    };
    table(
        &["lease", "target", "state", "issued", "last use", "revoke accepted", "revoke enforced"],
        leases.iter().map(row).collect(),
    )
}

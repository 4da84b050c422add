//! Mistakes in `[budget.day]`.

use bailiwick_model::Budget;

use super::Files;

/// A house whose template has these budgets.
fn with(budgets: &str) -> Files {
    Files::good().template("[window]", &format!("{budgets}\n[window]"))
}

#[test]
fn a_day_is_read_beside_the_tasks_own_budget() {
    let (house, _) = with("[budget]\ncalls = 5\n[budget.day]\ncalls = 50").load().unwrap();
    let template = house.templates.values().find(|it| it.day.is_some()).unwrap();
    assert_eq!(template.budget, Budget { calls: Some(5), bytes_out: None });
    assert_eq!(template.day, Some(Budget { calls: Some(50), bytes_out: None }));
}

#[test]
fn a_day_in_which_no_call_could_be_made_is_a_mistake() {
    for (day, says) in [
        ("calls = 0", "with `budget.day.calls` nought, no call could be made"),
        ("bytes_out = \"0 KiB\"", "with `budget.day.bytes_out` nought, no call could be made"),
        ("", "`[budget.day]` limits nothing"),
    ] {
        let said = with(&format!("[budget.day]\n{day}")).mistakes();
        assert!(said.contains("TPL-008") && said.contains(says), "{day}: {said}");
    }
}

#[test]
fn a_day_that_is_smaller_than_one_task_is_remarked_on() {
    let said = with("[budget]\ncalls = 50\n[budget.day]\ncalls = 5").remarks("TPL-104");
    assert!(said.contains("one task may use 50, and a day of all has 5"), "{said}");
    assert_eq!(with("[budget]\ncalls = 5\n[budget.day]\ncalls = 5").remarks("TPL-104"), "");
}

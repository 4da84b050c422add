//! Situations that the kernel must get right, one by one, as text.

use bailiwick_testkit::check;

const TRIAGE: &str = "
charter triage-agent templates=ticket-triage servers=tickets,files delegates=summary-agent
charter summary-agent templates=summary servers=tickets
template ticket-triage widen=hold max=1h idle=10m calls=5
  param ticket ^[A-Z]+-[0-9]+$
  allow tickets get_ticket,add_comment when context.input.ticket == context.task.params.ticket
  allow files read_text_file
template summary widen=deny max=2h calls=2
  allow tickets get_ticket
tool tickets export
";

/// Plays `events` in the triage world.
#[track_caller]
fn triage(events: &str) {
    let opened = "open triage as triage-agent template=ticket-triage ticket=T-1";
    check(&format!("{TRIAGE}{opened}\n{events}"));
}

#[test]
fn a_call_inside_the_grant_goes_and_one_outside_is_held() {
    triage(
        r#"
        call tickets get_ticket {"ticket":"T-1"} -> allow
        call tickets get_ticket {"ticket":"T-2"} -> hold outside_grant h1
        call tickets export {} -> hold outside_grant h2
        call tickets export {} -> hold outside_grant h2   # the same call waits under the same ticket
        "#,
    );
}

#[test]
fn an_approval_lets_exactly_its_call_go_once() {
    triage(
        r#"
        call tickets export {"ticket":"T-1"} -> hold outside_grant h1
        approve h1 once 5m -> done
        call tickets export {"ticket":"T-2"} -> hold outside_grant h2
        call tickets export {"ticket":"T-1"} -> allow
        call tickets export {"ticket":"T-1"} -> hold outside_grant h3
        "#,
    );
}

#[test]
fn an_approval_that_was_used_is_not_there_after_a_restart() {
    triage(
        "
        call tickets export {} -> hold outside_grant h1
        approve h1 once 5m -> done
        restart
        call tickets export {} -> allow
        restart
        call tickets export {} -> hold outside_grant h2
        ",
    );
}

#[test]
fn an_approval_ends_and_stays_ended_when_the_clock_goes_back() {
    triage(
        "
        call tickets export {} -> hold outside_grant h1
        approve h1 once 5m -> done
        at +5m
        tick
        at -4m
        call tickets export {} -> hold outside_grant h2
        restart
        call tickets export {} -> hold outside_grant h2
        ",
    );
}

#[test]
fn a_line_covers_its_action_on_its_resources_until_its_end() {
    triage(
        "
        call tickets export on=a,b {} -> hold outside_grant h1
        approve h1 line 5m -> done
        call tickets export on=a {\"n\":1} -> allow
        call tickets export on=a,b {\"n\":2} -> allow
        call tickets export on=c {\"n\":3} -> hold outside_grant
        call tickets export {\"n\":4} -> hold outside_grant
        at +5m
        call tickets export on=a {\"n\":5} -> hold outside_grant
        ",
    );
}

#[test]
fn a_line_to_a_call_without_resources_is_a_yes_to_that_call_alone() {
    triage(
        "
        call tickets export {\"n\":1} -> hold outside_grant h1
        approve h1 line 5m -> done
        call tickets export {\"n\":2} -> hold outside_grant h2
        call tickets export {\"n\":1} -> allow
        call tickets export {\"n\":1} -> hold outside_grant h3
        restart
        call tickets export {\"n\":3} -> hold outside_grant
        ",
    );
}

#[test]
fn nobody_is_asked_to_give_a_child_what_its_parent_may_not_do() {
    check(
        "
        charter ann templates=read servers=s delegates=bob
        charter bob templates=less servers=s
        template read widen=hold
          allow s list,read
        template less widen=hold
          allow s list
        tool s write
        open above as ann template=read
        open below as bob template=less under above
        call s list -> allow
        call s write on=a -> deny outside_grant
        call s read on=a -> hold outside_grant h1
        approve h1 line 30m
        call s read on=a {\"n\":1} -> allow
        call s read on=a {\"n\":2} -> allow
        call s read on=b {\"n\":3} -> hold outside_grant
        in above
        call s write on=a -> hold outside_grant
        ",
    );
}

#[test]
fn nobody_hands_authority_to_itself() {
    check(
        "
        charter ann templates=t servers=s delegates=ann,bob
        charter bob templates=t servers=s delegates=ann
        template t
          allow s x
        open one as ann template=t
        open two as ann template=t under one -> deny may_not_delegate
        open three as bob template=t under one -> allow
        ",
    );
}

#[test]
fn a_refused_call_is_denied_until_the_hold_would_have_ended() {
    triage(
        "
        call tickets export {} -> hold outside_grant h1
        refuse h1 -> done
        call tickets export {} -> deny refused
        approve h1 once 5m -> nothing
        call tickets export {\"other\":true} -> hold outside_grant h2
        ",
    );
}

#[test]
fn an_approval_satisfies_the_reasons_it_names_and_no_new_one() {
    triage(
        "
        call tickets export {} -> hold outside_grant h1
        offer tickets export 2
        approve h1 once 5m -> done
        call tickets export {} -> hold changed outside_grant h2
        approve h2 once 5m -> done
        call tickets export {} -> allow                       # by h2, though h1 was there first
        call tickets export {} -> hold changed outside_grant h3
        ",
    );
}

#[test]
fn an_approval_is_for_the_policies_it_was_given_under() {
    triage(
        "
        call tickets export {} -> hold outside_grant h1
        approve h1 once 5m -> done
        activate
        call tickets export {} -> allow                       # the same policies: none
        ",
    );
    check(&format!(
        "{TRIAGE}ask careful files read_text_file
        open triage as triage-agent template=ticket-triage ticket=T-1
        call files read_text_file {{}} -> hold approval_needed h1
        approve h1 once 5m -> done
        activate
        call tickets export {{}} -> hold outside_grant h2
        activate careful
        call files read_text_file {{}} -> allow
        call files read_text_file {{}} -> hold approval_needed h3
        approve h3 once 5m
        activate
        call files read_text_file {{}} -> allow
        "
    ));
}

#[test]
fn a_forbid_wins_over_a_grant_and_over_an_approval() {
    check(&format!(
        "{TRIAGE}forbid never tickets export
        open triage as triage-agent template=ticket-triage ticket=T-1
        call tickets export {{}} -> deny policy_forbids
        activate
        call tickets export {{}} -> hold outside_grant h1
        approve h1 line 30m
        activate never
        call tickets export {{}} -> deny policy_forbids
        "
    ));
}

#[test]
fn a_policy_that_cannot_be_evaluated_denies() {
    check(&format!(
        "{TRIAGE}cedar @id(\"broken\") forbid (principal, action, resource) when {{ context.input.nothing == 1 }};
        open triage as triage-agent template=ticket-triage ticket=T-1
        call tickets get_ticket {{\"ticket\":\"T-1\"}} -> deny policy_error
        "
    ));
}

#[test]
fn a_task_that_ended_never_acts_again() {
    triage(
        r#"
        end -> done triage:asked
        call tickets get_ticket {"ticket":"T-1"} -> deny task_ended
        call tickets get_ticket stale {"ticket":"T-1"} -> deny task_ended
        end -> nothing
        restart
        call tickets get_ticket {"ticket":"T-1"} -> deny task_ended
        "#,
    );
}

#[test]
fn a_deadline_is_the_first_moment_at_which_a_task_is_over() {
    triage(
        r#"
        send tickets get_ticket {"ticket":"T-1"} -> allow
        at 2026-11-23T10:59:59.999Z
        call tickets get_ticket {"ticket":"T-1"} -> allow
        at 2026-11-23T11:00:00Z
        call tickets get_ticket {"ticket":"T-1"} -> deny past_deadline triage:deadline
        at -30m
        call tickets get_ticket {"ticket":"T-1"} -> deny past_deadline
        "#,
    );
}

#[test]
fn a_pause_ends_a_task_but_a_call_on_its_way_is_no_pause() {
    triage(
        r#"
        send tickets get_ticket {"ticket":"T-1"} -> allow
        at +30m
        tick -> done
        done
        at +9m
        call tickets get_ticket {"ticket":"T-1"} -> allow
        at +10m
        tick -> done triage:idle
        call tickets get_ticket {"ticket":"T-1"} -> deny idle
        "#,
    );
}

#[test]
fn a_task_outside_its_hours_ends() {
    check(
        "
        charter night templates=job servers=s
        template job max=10h
          hours Mon 09:00-12:00 Europe/Berlin
          allow s t
        open job as night template=job
        call s t -> allow
        at 2026-11-23T11:00:00Z
        call s t -> deny outside_calendar job:calendar
        at 2026-11-23T10:00:00Z
        call s t -> deny outside_calendar
        open again as night template=job -> allow
        at 2026-11-24T10:00:00Z
        open late as night template=job -> deny outside_calendar
        ",
    );
}

#[test]
fn what_is_contained_does_nothing_and_neither_does_what_hangs_below_it() {
    check(&format!(
        "{TRIAGE}open triage as triage-agent template=ticket-triage ticket=T-1
        open part as summary-agent template=summary under triage
        call tickets get_ticket {{\"ticket\":\"T-1\"}} -> allow
        contain triage-agent
        call tickets get_ticket {{\"ticket\":\"T-1\"}} -> deny contained
        open more as summary-agent template=summary under triage -> deny contained
        in triage
        call tickets get_ticket {{\"ticket\":\"T-1\"}} -> deny contained
        release triage-agent
        call tickets get_ticket {{\"ticket\":\"T-1\"}} -> allow
        "
    ));
}

#[test]
fn whatever_a_call_stands_on_can_be_contained_by_itself() {
    check(&format!(
        "{TRIAGE}open other as triage-agent template=ticket-triage ticket=T-2
        open triage as triage-agent template=ticket-triage ticket=T-1 with k1
        contain credential:tok1
        call tickets get_ticket with=tok1 {{\"ticket\":\"T-1\"}} -> deny contained
        call tickets get_ticket with=tok2 {{\"ticket\":\"T-1\"}} -> allow
        contain credential:k1
        open third as triage-agent template=ticket-triage ticket=T-3 with k1 -> deny contained
        in triage
        contain tool:tickets__get_ticket
        call tickets get_ticket {{\"ticket\":\"T-1\"}} -> deny contained
        call tickets add_comment {{\"ticket\":\"T-1\"}} -> allow
        contain server:tickets
        call tickets add_comment {{\"ticket\":\"T-1\"}} -> deny contained
        release server:tickets
        release tool:tickets__get_ticket
        open part as summary-agent template=summary under triage
        contain task:triage
        call tickets get_ticket {{\"ticket\":\"T-1\"}} -> deny contained
        open more as summary-agent template=summary under triage -> deny contained
        in triage
        call tickets get_ticket {{\"ticket\":\"T-1\"}} -> deny contained
        in other
        call tickets get_ticket {{\"ticket\":\"T-2\"}} -> allow
        release task:triage
        in triage
        call tickets get_ticket {{\"ticket\":\"T-1\"}} -> allow
        "
    ));
}

#[test]
fn a_fresh_task_does_not_make_the_day_begin_anew() {
    check(
        "
        charter ann templates=t,night servers=s delegates=bob
        charter bob templates=t servers=s
        template t max=2d day-calls=3 day-bytes=100
          allow s x
        template night max=2d day-calls=1
          hours Mon-Sun 00:00-24:00 Europe/Berlin
          allow s x
        start 2026-11-23T22:50:00Z
        open one as ann template=t
        call s x bytes=40 -> allow
        call s x bytes=61 -> deny over_budget
        end
        open two as ann template=t
        call s x bytes=10 -> allow
        restart
        open part as bob template=t under two
        call s x -> allow
        call s x -> deny over_budget
        open own as bob template=t
        call s x -> allow     # another's day is another's, and bob had one
        open dark as ann template=night
        call s x -> allow
        call s x -> deny over_budget
        at 2026-11-23T23:01:00Z
        call s x -> allow     # in Berlin it is the next day
        in two
        call s x -> deny over_budget
        at 2026-11-24T00:00:00Z
        call s x -> allow
        ",
    );
}

#[test]
fn a_parent_whose_child_is_at_work_is_not_idle() {
    check(
        "
        charter ann templates=t servers=s delegates=bob
        charter bob templates=u servers=s
        template t max=4h idle=10m
          allow s x
        template u max=1h
          allow s x
        open one as ann template=t
        open two as bob template=u under one
        at +50m
        tick -> done
        at +10m
        tick
        in one
        call s x -> allow     # the child ended just now
        at +10m
        call s x -> deny idle one:idle
        ",
    );
}

#[test]
fn a_grandchild_cannot_be_opened_while_anyone_above_is_contained() {
    check(
        "
        charter ann templates=t servers=s delegates=bob
        charter bob templates=t servers=s delegates=cat
        charter cat templates=t servers=s
        template t
          allow s t
        open one as ann template=t
        open two as bob template=t under one
        contain ann
        open three as cat template=t under two -> deny contained
        ",
    );
}

#[test]
fn a_parent_that_paused_too_long_hands_nothing_on() {
    check(&format!(
        "{TRIAGE}open triage as triage-agent template=ticket-triage ticket=T-1
        at +10m
        open part as summary-agent template=summary under triage -> deny task_ended
        in triage
        call tickets get_ticket {{\"ticket\":\"T-1\"}} -> deny idle triage:idle
        "
    ));
}

#[test]
fn a_child_is_bounded_by_every_layer_above_it() {
    check(&format!(
        "{TRIAGE}open triage as triage-agent template=ticket-triage ticket=T-1
        open part as summary-agent template=summary under triage
        call tickets get_ticket {{\"ticket\":\"T-1\"}} -> allow
        call tickets get_ticket {{\"ticket\":\"T-2\"}} -> deny outside_grant
        call tickets add_comment {{\"ticket\":\"T-1\"}} -> deny outside_grant
        call files read_text_file {{}} -> deny outside_charter
        at +1h
        in triage
        tick
        in part
        call tickets get_ticket {{\"ticket\":\"T-1\"}} -> deny task_ended
        "
    ));
}

#[test]
fn a_child_takes_its_share_and_gives_back_what_it_did_not_use() {
    check(
        "
        charter ann templates=whole servers=s delegates=bob
        charter bob templates=share servers=s
        template whole calls=5
          allow s t
        template share calls=3
          allow s t
        open whole as ann template=whole
        open share as bob template=share under whole
        call s t -> allow
        in whole
        call s t -> allow
        call s t -> allow
        call s t -> deny over_budget        # three are the child's
        in share
        end
        in whole
        restart
        call s t -> allow                   # two came back
        call s t -> allow
        call s t -> deny over_budget
        ",
    );
}

#[test]
fn a_changed_tool_is_held_and_one_that_is_not_offered_is_denied() {
    triage(
        r#"
        offer tickets get_ticket 2
        call tickets get_ticket {"ticket":"T-1"} -> hold changed
        accept tickets get_ticket 2
        call tickets get_ticket {"ticket":"T-1"} -> allow
        offer tickets get_ticket 0
        call tickets get_ticket {"ticket":"T-1"} -> deny not_offered
        call tickets nobody_knows_it {} -> deny not_offered
        "#,
    );
}

#[test]
fn a_template_that_observes_stops_nothing_until_its_end_and_then_everything() {
    check(
        "
        charter ann templates=watch servers=s
        template watch widen=deny max=4h calls=1 observe=2026-11-23T11:00:00Z
          allow s known
        tool s other
        open watch as ann template=watch
        call s other -> allow
        call s other -> allow
        call s2 other -> deny not_offered outside_charter
        at 2026-11-23T11:00:00Z
        call s other -> deny outside_grant over_budget
        call s known -> deny over_budget
        ",
    );
}

#[test]
fn nobody_calls_with_anothers_token_or_an_old_one() {
    triage(
        r#"
        call tickets get_ticket as=summary-agent {"ticket":"T-1"} -> deny not_the_owner
        call tickets get_ticket stale {"ticket":"T-1"} -> deny stale_token
        "#,
    );
}

#[test]
fn opening_is_decided_by_charter_template_parameters_and_number() {
    check(
        "
        charter ann templates=one servers=s
        template one open=1
          param p [a-z]+
          allow s t
        template two
          allow s t
        open t as ann template=one -> deny bad_param
        open t as ann template=one p=B -> deny bad_param
        open t as ann template=one p=b q=b -> deny bad_param
        open t as ann template=two -> deny outside_charter
        open t as ann template=three -> deny outside_charter
        open t as bob template=one p=b -> deny not_registered
        open t as ann template=one p=b under nobody -> deny no_such_task
        open t as ann template=one p=b -> allow
        open u as ann template=one p=b -> deny too_many_open
        end
        open u as ann template=one p=b -> allow
        ",
    );
}

#[test]
fn whoever_is_given_a_token_narrows_its_task_and_reaches_no_server_that_the_token_does_not() {
    let world = TRIAGE.replace("servers=tickets\n", "servers=tickets,files\n");
    let world = world.replace(
        "  allow tickets get_ticket\ntool",
        "  allow tickets get_ticket\n  allow files read_text_file\ntool",
    );
    check(&format!(
        r#"{world}
        open triage as triage-agent template=ticket-triage ticket=T-1
        open none as summary-agent template=summary under triage by itself -> deny may_not_delegate
        open wide as summary-agent template=summary under triage by token -> allow
        call files read_text_file {{}} -> allow
        open narrow as summary-agent template=summary under triage by token:tickets -> allow
        call tickets get_ticket {{"ticket":"T-1"}} -> allow
        call files read_text_file {{}} -> deny outside_charter
        open again as triage-agent template=ticket-triage under triage by token ticket=T-1 -> deny may_not_delegate
        "#
    ));
}

//! Schedules: expressions beside the slots that they give, and what is done with slots that were missed.

use fleetstep_trigger::{Due, Schedule, ScheduleSpec};
use jiff::Timestamp;
use serde_json::{Value, json};

/// When the schedules of these tests were made.
const CREATED: &str = "2026-01-01T00:00:30Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn compiled(spec: Value) -> Result<Schedule, String> {
    let mut whole = json!({"workflow": "w"});
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let spec = ScheduleSpec::from_json(whole.to_string().as_bytes(), "s");
    spec.and_then(|spec| spec.compile(time(CREATED))).map_err(|problems| problems.to_string())
}

fn schedule(spec: Value) -> Schedule {
    compiled(spec.clone()).unwrap_or_else(|problems| panic!("{spec}: {problems}"))
}

/// The slots after a time, as many as are expected.
fn check(spec: Value, after: &str, expected: &[&str]) {
    let schedule = schedule(spec.clone());
    let mut at = time(after);
    let mut found = Vec::new();
    while found.len() < expected.len() {
        let Some(next) = schedule.next_after(at) else { break };
        assert!(next > at, "{spec}: {next} is not after {at}");
        found.push(next.to_string());
        at = next;
    }
    assert_eq!(found, expected, "{spec} after {after}");
}

#[test]
fn cron_expressions_give_the_slots_that_they_say() {
    for (cron, after, expected) in [
        // Of the documentation of EventBridge.
        ("0 10 * * ? *", "2026-11-30T10:00:00Z", &["2026-12-01T10:00:00Z", "2026-12-02T10:00:00Z"][..]),
        ("15 12 * * ? *", "2026-11-30T10:00:00Z", &["2026-11-30T12:15:00Z", "2026-12-01T12:15:00Z"]),
        ("0 18 ? * MON-FRI *", "2026-12-03T18:00:00Z", &["2026-12-04T18:00:00Z", "2026-12-07T18:00:00Z"]),
        ("0 8 1 * ? *", "2026-11-30T10:00:00Z", &["2026-12-01T08:00:00Z", "2027-01-01T08:00:00Z"]),
        (
            "0/10 * ? * MON-FRI *",
            "2026-12-04T23:45:00Z",
            &["2026-12-04T23:50:00Z", "2026-12-07T00:00:00Z", "2026-12-07T00:10:00Z"],
        ),
        ("0/5 8-17 ? * MON-FRI *", "2026-12-04T17:50:00Z", &["2026-12-04T17:55:00Z", "2026-12-07T08:00:00Z"]),
        ("0 9 ? * 2#1 *", "2026-11-30T10:00:00Z", &["2026-12-07T09:00:00Z", "2027-01-04T09:00:00Z"]),
        ("15 10 ? * 6L 2026-2027", "2026-11-30T10:00:00Z", &["2026-12-25T10:15:00Z", "2027-01-29T10:15:00Z"]),
        // Lists, steps and names.
        (
            "0,30 6-8/2 * * ? *",
            "2026-11-30T06:00:00Z",
            &["2026-11-30T06:30:00Z", "2026-11-30T08:00:00Z", "2026-11-30T08:30:00Z", "2026-12-01T06:00:00Z"],
        ),
        (
            "*/20 * * * ? *",
            "2026-11-30T23:59:59Z",
            &["2026-12-01T00:00:00Z", "2026-12-01T00:20:00Z", "2026-12-01T00:40:00Z", "2026-12-01T01:00:00Z"],
        ),
        ("50/20 0 * * ? *", "2026-11-30T00:00:00Z", &["2026-11-30T00:50:00Z", "2026-12-01T00:50:00Z"]),
        ("0 0 1 jan,Jul ? *", "2026-03-01T00:00:00Z", &["2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"]),
        (
            "0 0 1 2/3 ? *",
            "2026-03-01T00:00:00Z",
            &["2026-05-01T00:00:00Z", "2026-08-01T00:00:00Z", "2026-11-01T00:00:00Z", "2027-02-01T00:00:00Z"],
        ),
        (
            "0 0 ? * SAT-SUN *",
            "2026-12-04T00:00:00Z",
            &["2026-12-05T00:00:00Z", "2026-12-06T00:00:00Z", "2026-12-12T00:00:00Z"],
        ),
        (
            "0 0 ? * fri-mon *",
            "2026-12-02T00:00:00Z",
            &[
                "2026-12-04T00:00:00Z",
                "2026-12-05T00:00:00Z",
                "2026-12-06T00:00:00Z",
                "2026-12-07T00:00:00Z",
                "2026-12-11T00:00:00Z",
            ],
        ),
        ("0 0 ? * 1,7 *", "2026-12-02T00:00:00Z", &["2026-12-05T00:00:00Z", "2026-12-06T00:00:00Z"]),
        // The ends of months.
        (
            "0 0 L * ? *",
            "2026-01-31T00:00:00Z",
            &["2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z"],
        ),
        ("0 0 L 2 ? *", "2027-03-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2029-02-28T00:00:00Z"]),
        (
            "0 0 31 * ? *",
            "2026-01-31T00:00:00Z",
            &["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z", "2026-07-31T00:00:00Z"],
        ),
        ("0 0 29 2 ? *", "2026-01-31T00:00:00Z", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        ("0 0 29 2 ? *", "2096-03-01T00:00:00Z", &["2104-02-29T00:00:00Z"]),
        (
            "0 0 1,L * ? *",
            "2026-11-29T00:00:00Z",
            &["2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z", "2026-12-31T00:00:00Z"],
        ),
        (
            "0 0 LW * ? *",
            "2026-01-01T00:00:00Z",
            &["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-31T00:00:00Z"],
        ),
        // The nearest day from Monday to Friday: 2026-08-01 is a Saturday, 2026-11-01 and 2026-05-31 are Sundays.
        (
            "0 0 1W * ? *",
            "2026-07-15T00:00:00Z",
            &["2026-08-03T00:00:00Z", "2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z", "2026-11-02T00:00:00Z"],
        ),
        ("0 0 31W 5 ? *", "2026-01-01T00:00:00Z", &["2026-05-29T00:00:00Z", "2027-05-31T00:00:00Z"]),
        (
            "0 0 15W * ? *",
            "2026-07-20T00:00:00Z",
            &["2026-08-14T00:00:00Z", "2026-09-15T00:00:00Z", "2026-10-15T00:00:00Z", "2026-11-16T00:00:00Z"],
        ),
        // Days of the week.
        ("0 0 ? * L *", "2026-12-01T00:00:00Z", &["2026-12-05T00:00:00Z", "2026-12-12T00:00:00Z"]),
        ("0 0 ? * FRIL *", "2026-12-01T00:00:00Z", &["2026-12-25T00:00:00Z", "2027-01-29T00:00:00Z"]),
        ("0 0 ? * 3#5 *", "2026-10-01T00:00:00Z", &["2026-12-29T00:00:00Z", "2027-03-30T00:00:00Z"]),
        ("0 0 ? * TUE#2 *", "2026-12-01T00:00:00Z", &["2026-12-08T00:00:00Z", "2027-01-12T00:00:00Z"]),
        // Years, and their end.
        (
            "0 0 1 1 ? 2027,2030/169",
            "2026-12-01T00:00:00Z",
            &["2027-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "2199-01-01T00:00:00Z"],
        ),
        ("59 23 31 12 ? *", "2199-12-31T23:58:59Z", &["2199-12-31T23:59:00Z"]),
    ] {
        check(json!({"schedule": format!("cron({cron})")}), after, expected);
    }
    let last = schedule(json!({"schedule": "cron(0 0 1 1 ? 2027)"}));
    assert_eq!(last.next_after(time("2027-01-01T00:00:00Z")), None);
}

#[test]
fn cron_follows_the_clocks_of_its_zone() {
    for (zone, cron, after, expected) in [
        (
            "Europe/Berlin",
            "0 12 * * ? *",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T11:00:00Z", "2026-10-26T11:00:00Z"][..],
        ),
        ("America/New_York", "0 9 ? * MON *", "2026-03-02T14:00:00Z", &["2026-03-09T13:00:00Z"]),
        ("Asia/Kolkata", "30 5 * * ? *", "2026-01-01T00:00:00Z", &["2026-01-02T00:00:00Z"]),
        // Forward, on 2026-03-29 at 02:00: 02:30 does not come.
        ("Europe/Berlin", "30 2 * * ? *", "2026-03-27T12:00:00Z", &["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"]),
        // Back, on 2026-10-25 at 03:00: 02:30 comes twice and is a slot once.
        ("Europe/Berlin", "30 2 * * ? *", "2026-10-24T12:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        ("Europe/Berlin", "30 2 * * ? *", "2026-10-25T00:30:00Z", &["2026-10-26T01:30:00Z"]),
        ("Europe/Berlin", "30 * * * ? *", "2026-10-25T00:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z"]),
        // Within the hour that comes again.
        ("Europe/Berlin", "15 * * * ? *", "2026-10-25T01:20:00Z", &["2026-10-25T02:15:00Z"]),
        ("Australia/Lord_Howe", "0 2 * * ? *", "2026-10-02T20:00:00Z", &["2026-10-04T15:00:00Z"]),
        ("Pacific/Apia", "0 0 30 12 ? *", "2011-12-01T00:00:00Z", &["2012-12-29T10:00:00Z"]),
    ] {
        check(json!({"schedule": format!("cron({cron})"), "timezone": zone}), after, expected);
    }
}

#[test]
fn rates_count_from_their_start_or_from_when_they_were_made() {
    for (spec, after, expected) in [
        (json!({"schedule": "rate(5 minutes)"}), CREATED, &["2026-01-01T00:05:30Z", "2026-01-01T00:10:30Z"][..]),
        (
            json!({"schedule": "rate(1 minute)"}),
            "2026-06-01T00:00:00Z",
            &["2026-06-01T00:00:30Z", "2026-06-01T00:01:30Z"],
        ),
        (json!({"schedule": "rate(1 days)"}), "2020-01-01T00:00:00Z", &["2026-01-02T00:00:30Z"]),
        (
            json!({"schedule": "rate(12 hours)", "start": "2026-03-01T08:00:00Z", "end": "2026-03-02T08:00:00Z"}),
            "2026-01-01T00:00:00Z",
            &["2026-03-01T08:00:00Z", "2026-03-01T20:00:00Z", "2026-03-02T08:00:00Z"],
        ),
        (
            json!({"schedule": "rate(1 day)", "timezone": "Europe/Berlin"}),
            "2026-03-29T00:00:00Z",
            &["2026-03-29T00:00:30Z", "2026-03-30T00:00:30Z"],
        ),
    ] {
        check(spec, after, expected);
    }
    let ended = schedule(json!({"schedule": "rate(1 hour)", "end": "2026-01-01T02:00:30Z"}));
    assert_eq!(ended.next_after(time("2026-01-01T02:00:30Z")), None);
    assert_eq!(ended.next_after(time("2026-01-01T02:00:29Z")), Some(time("2026-01-01T02:00:30Z")));
    let disabled = schedule(json!({"schedule": "rate(1 hour)", "enabled": false}));
    assert_eq!(disabled.next_after(time(CREATED)), None);
}

#[test]
fn a_single_time_comes_once() {
    let once = json!({"schedule": "at(2026-12-24T18:00:00)", "timezone": "Europe/Berlin"});
    check(once.clone(), CREATED, &["2026-12-24T17:00:00Z"]);
    assert_eq!(schedule(once).next_after(time("2026-12-24T17:00:00Z")), None);
    // What does not come on the clock is an hour later by it.
    check(
        json!({"schedule": "at(2026-03-29T02:30:00)", "timezone": "Europe/Berlin"}),
        CREATED,
        &["2026-03-29T01:30:00Z"],
    );
}

#[test]
fn what_is_no_expression_is_told_with_its_place() {
    for (expression, told) in [
        ("", "/schedule, at 0: write rate(5 minutes)"),
        ("every day", "/schedule, at 0"),
        ("cron(0 12 * * ? *", "/schedule, at 0"),
        ("rate(0 minutes)", "/schedule, at 5: a rate is a whole number above 0"),
        ("rate(-1 minutes)", "/schedule, at 5"),
        ("rate(1.5 hours)", "/schedule, at 5"),
        ("rate(5 seconds)", "/schedule, at 5"),
        ("rate(5 minutes or so)", "/schedule, at 5"),
        ("rate(99999999999999999999 days)", "/schedule, at 5"),
        ("rate(999999999 days)", "a rate is ten years at most"),
        ("at(2026-12-24)", "/schedule, at 3: a time is written"),
        ("at(2026-13-24T18:00:00)", "/schedule, at 3"),
        ("at(2026-02-30T18:00:00)", "/schedule, at 3"),
        ("at(2026-12-24T18:00:00Z)", "/schedule, at 3"),
        ("cron(0 12 * * *)", "/schedule, at 5: cron has six fields"),
        ("cron(0 12 * * ? * *)", "six fields"),
        ("cron(60 12 * * ? *)", "/schedule, at 5: the minutes has to be 0 to 59, not '60'"),
        ("cron(0 24 * * ? *)", "/schedule, at 7: the hours"),
        ("cron(0 12 0 * ? *)", "/schedule, at 10: the day of the month"),
        ("cron(0 12 32 * ? *)", "/schedule, at 10"),
        ("cron(0 12 ? FOO MON *)", "/schedule, at 12: the month has to be 1 to 12 or JAN to DEC, not 'FOO'"),
        ("cron(0 12 ? * 8 *)", "/schedule, at 14: the day of the week has to be 1 to 7 or SUN to SAT, not '8'"),
        ("cron(0 12 ? * 0 *)", "/schedule, at 14"),
        ("cron(0 12 * * ? 1969)", "/schedule, at 16: the year has to be 1970 to 2199"),
        ("cron(0 12 * * * *)", "/schedule, at 14: one of the two fields for days has to be ?"),
        ("cron(0 12 1 * MON *)", "/schedule, at 14"),
        ("cron(0 12 ? * ? *)", "/schedule, at 10: one of the two fields for days has to be other than ?"),
        ("cron(? 12 * * ? *)", "/schedule, at 5"),
        ("cron(5-1 12 * * ? *)", "/schedule, at 5: in the minutes the range 5-1 is the wrong way round"),
        ("cron(1,,2 12 * * ? *)", "/schedule, at 7"),
        ("cron(*/0 12 * * ? *)", "/schedule, at 7: in the minutes the step '0'"),
        ("cron(*/99 12 * * ? *)", "/schedule, at 7"),
        ("cron(+1 12 * * ? *)", "/schedule, at 5"),
        ("cron(1-2-3 12 * * ? *)", "/schedule, at 7"),
        ("cron(0 12 W * ? *)", "/schedule, at 10"),
        ("cron(0 12 32W * ? *)", "/schedule, at 10"),
        ("cron(0 12 ? * 3#6 *)", "/schedule, at 14: in the day of the week the number behind #"),
        ("cron(0 12 ? * 3#0 *)", "/schedule, at 14"),
        ("cron(0 12 ? * 3#1,6#3 *)", "has to stand alone"),
        ("cron(0 12 ? * 2,6L *)", "has to stand alone"),
        ("cron(0 12 30 2 ? *)", "/schedule, at 0: there is no such day"),
        ("cron(0 12 31W 4 ? *)", "there is no such day"),
    ] {
        let problems = compiled(json!({"schedule": expression})).expect_err(expression);
        assert!(problems.contains(told), "{expression}: {problems}");
    }
    for (spec, told) in [
        (json!({"timezone": "Mars/Olympus"}), "/timezone: 'Mars/Olympus' is no time zone"),
        (json!({"start": "tomorrow"}), "/start: it has to be a time"),
        (json!({"start": "2026-02-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}), "/end: it is before the start"),
        (json!({"missed": "all"}), "unknown variant `all`"),
        (json!({"input": "{% $request %}"}), "/input: there is no $request here; there is $schedule"),
        (json!({"workflow": "a b"}), "/workflow"),
        (json!({"every": 5}), "unknown field `every`"),
    ] {
        let mut whole = json!({"schedule": "rate(1 hour)"});
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let problems = compiled(whole).expect_err("refused");
        assert!(problems.contains(told), "{spec}: {problems}");
    }
}

#[test]
fn no_expression_panics() {
    let mut chance = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        (chance % below as u64) as usize
    };
    const PARTS: [&str; 24] = [
        "*",
        "?",
        "L",
        "W",
        "#",
        "/",
        "-",
        ",",
        "0",
        "1",
        "5",
        "7",
        "12",
        "31",
        "59",
        "2199",
        "MON",
        "JAN",
        "LW",
        " ",
        " ",
        "é",
        "99999999999",
        "6L",
    ];
    let mut read = 0;
    for _ in 0..20_000 {
        let right = if next(2) == 0 { ["0", "12", "1", "1", "?", "*"] } else { ["0", "12", "?", "1", "1", "*"] };
        let mut fields = right.map(str::to_owned);
        for _ in 0..next(3) + 1 {
            fields[next(6)] = (0..next(4) + 1).map(|_| PARTS[next(PARTS.len())]).collect();
        }
        let Ok(schedule) = compiled(json!({"schedule": format!("cron({})", fields.join(" "))})) else { continue };
        read += 1;
        if let Some(slot) = schedule.next_after(time("2026-02-28T23:59:59Z")) {
            assert!(slot > time("2026-02-28T23:59:59Z"));
        }
    }
    assert!(read > 20, "{read}");
}

#[test]
fn a_slot_runs_within_a_minute_and_missed_ones_as_is_said() {
    let settled = "2026-01-02T00:00:00Z";
    for (missed, now, expected) in [
        ("skip", "2026-01-02T00:59:59Z", None),
        ("skip", "2026-01-02T01:00:00Z", Some(("2026-01-02T01:00:00Z", true))),
        ("skip", "2026-01-02T01:01:00Z", Some(("2026-01-02T01:00:00Z", true))),
        ("skip", "2026-01-02T01:01:01Z", Some(("2026-01-02T01:00:00Z", false))),
        ("skip", "2026-03-02T05:30:00Z", Some(("2026-03-02T05:00:00Z", false))),
        ("skip", "2026-03-02T05:00:30Z", Some(("2026-03-02T05:00:00Z", true))),
        ("run-once", "2026-01-02T01:01:01Z", Some(("2026-01-02T01:00:00Z", true))),
        ("run-once", "2028-03-02T05:30:00Z", Some(("2028-03-02T05:00:00Z", true))),
    ] {
        let schedule = schedule(json!({"schedule": "cron(0 * * * ? *)", "missed": missed}));
        let expected = expected.map(|(slot, runs)| Due { slot: time(slot), runs });
        assert_eq!(schedule.due(time(settled), time(now)), expected, "{missed} {now}");
        if let Some(due) = expected {
            assert_eq!(schedule.due(due.slot, time(now)), None, "{missed} {now}: a slot comes once");
        }
    }
}

#[test]
fn the_latest_slot_is_found_by_halves_as_by_counting() {
    for expression in ["cron(*/7 3,4 ? * MON#2 *)", "cron(0 0 29 2 ? *)", "rate(37 minutes)", "cron(0 2 L * ? *)"] {
        let schedule = schedule(json!({"schedule": expression, "missed": "run-once", "timezone": "Europe/Berlin"}));
        let settled = time("2026-01-01T12:00:00Z");
        for days in [0, 1, 40, 90, 300, 800] {
            let now = settled + jiff::SignedDuration::from_hours(24 * days + 7);
            let mut counted = None;
            let mut at = settled;
            while let Some(slot) = schedule.next_after(at).filter(|slot| *slot <= now) {
                counted = Some(slot);
                at = slot;
            }
            assert_eq!(schedule.due(settled, now).map(|due| due.slot), counted, "{expression} {days}");
        }
    }
}

#[test]
fn a_slot_has_an_input_and_a_name() {
    let slot = time("2026-11-30T02:00:00Z");
    let told = |spec: Value| {
        let input = schedule(spec).input(slot, 1).expect("an input");
        serde_json::from_str::<Value>(&input.to_json()).expect("JSON")
    };
    let expected = json!({"name": "s", "time": "2026-11-30T02:00:00Z"});
    assert_eq!(told(json!({"schedule": "rate(1 day)"})), expected);
    assert_eq!(
        told(json!({"schedule": "rate(1 day)", "input": [1, "{% $schedule.time %}"]})),
        json!([1, "2026-11-30T02:00:00Z"])
    );
    assert_eq!(schedule(json!({"schedule": "rate(1 day)"})).slot_name(slot), "s-20261130T020000Z");
}

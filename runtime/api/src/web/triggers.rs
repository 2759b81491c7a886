//! Routes and schedules by name: put, shown, listed, deleted.

use super::{Call, is_json, listing, media_type, unknown_parameter, unsupported_media_type};
use crate::fault::{Fault, Kind};
use crate::reply::{self, Reply};
use bytes::Bytes;
use fleetstep_catalog::{PageRequest, Scheduled, page};
use fleetstep_document::{Document, Object, ObjectBuilder, Text};
use fleetstep_trigger::{Moment, RouteSpec, SPEC_BYTES_MAX, ScheduleSpec};
use hyper::body::Body;
use hyper::{Method, StatusCode};

/// Slots to come that a schedule is shown with.
const UPCOMING: usize = 5;

/// `PUT`, `GET` and `DELETE /v1/routes/NAME`
pub(super) async fn route<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    let (service, name) = (call.service, call.name.to_string());
    match call.head.method {
        Method::PUT => {
            let (route, is_new) = service.catalog().put_route(RouteSpec::from_json(&spec(call).await?, &name)?).await?;
            Ok(reply::json(&route.spec().shown(), put(is_new)))
        }
        Method::DELETE => {
            let was_there = service.catalog().delete_route(&name).await?;
            gone(was_there, Kind::RouteDoesNotExist, &name)
        }
        _ => match service.catalog().routes().get(&name) {
            Some(route) => Ok(reply::json(&route.spec().shown(), StatusCode::OK)),
            None => Err(missing(Kind::RouteDoesNotExist, &name)),
        },
    }
}

/// `GET /v1/routes`
pub(super) fn routes<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    let routes = call.service.catalog().routes();
    let all = routes.all().iter().map(|route| (route.spec().name.clone(), move || route.spec().shown())).collect();
    listed("routes", all, &call.page()?)
}

/// `PUT`, `GET` and `DELETE /v1/schedules/NAME`
pub(super) async fn schedule<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Reply, Fault> {
    let (service, name) = (call.service, call.name.to_string());
    match call.head.method {
        Method::PUT => {
            let spec = ScheduleSpec::from_json(&spec(call).await?, &name)?;
            let (scheduled, is_new) = service.catalog().put_schedule(spec).await?;
            Ok(reply::json(&shown(service, &scheduled), put(is_new)))
        }
        Method::DELETE => {
            let was_there = service.catalog().delete_schedule(&name).await?;
            service.last_runs().forget(&name);
            gone(was_there, Kind::ScheduleDoesNotExist, &name)
        }
        _ => {
            let schedules = service.catalog().schedules();
            let found = schedules.binary_search_by(|scheduled| scheduled.schedule.spec().name.as_str().cmp(&name));
            let found = found.map_err(|_| missing(Kind::ScheduleDoesNotExist, &name))?;
            Ok(reply::json(&shown(service, &schedules[found]), StatusCode::OK))
        }
    }
}

/// `GET /v1/schedules`
pub(super) fn schedules<B: Body<Data = Bytes>>(call: &Call<'_, B>) -> Result<Reply, Fault> {
    let (service, schedules) = (call.service, call.service.catalog().schedules());
    let named = |scheduled: &std::sync::Arc<Scheduled>| scheduled.schedule.spec().name.clone();
    let all = schedules.iter().map(|scheduled| (named(scheduled), move || shown(service, scheduled))).collect();
    listed("schedules", all, &call.page()?)
}

/// The body of a `PUT`.
async fn spec<B: Body<Data = Bytes>>(call: Call<'_, B>) -> Result<Bytes, Fault> {
    if let Some((parameter, _)) = call.query().next() {
        return Err(unknown_parameter(&parameter, "none"));
    }
    let media_type = media_type(&call.head.headers);
    if !is_json(&media_type) {
        return Err(unsupported_media_type(&media_type, "application/json"));
    }
    call.read(SPEC_BYTES_MAX).await
}

fn put(is_new: bool) -> StatusCode {
    if is_new { StatusCode::CREATED } else { StatusCode::OK }
}

fn gone(was_there: bool, kind: Kind, name: &str) -> Result<Reply, Fault> {
    if was_there { Ok(reply::empty(StatusCode::NO_CONTENT)) } else { Err(missing(kind, name)) }
}

fn missing(kind: Kind, name: &str) -> Fault {
    let what = if kind == Kind::RouteDoesNotExist { "Route" } else { "Schedule" };
    Fault::new(kind, format!("{what} Does Not Exist: '{name}'"))
}

fn listed<F: Fn() -> Document>(
    name: &'static str,
    all: Vec<(String, F)>,
    request: &PageRequest,
) -> Result<Reply, Fault> {
    let page = page(all, |(name, _)| name.clone(), request)?;
    let items = page.items.iter().map(|(_, shown)| shown()).collect();
    Ok(reply::json(&listing(name, items, page.next_token), StatusCode::OK))
}

/// A schedule with what was, and what comes.
fn shown(service: &crate::Service, scheduled: &Scheduled) -> Document {
    let schedule = &scheduled.schedule;
    let mut upcoming = Vec::with_capacity(UPCOMING);
    let mut next = scheduled.next;
    while let Some(slot) = next.filter(|_| upcoming.len() < UPCOMING) {
        upcoming.push(moment(slot));
        next = schedule.next_after(slot);
    }
    let mut shown = schedule.spec().shown();
    if let Some(members) = shown.as_object_mut() {
        extend(members, "created", moment(scheduled.created));
        extend(members, "upcoming", Document::from(upcoming));
        if let Some(run) = service.last_runs().of(&schedule.spec().name) {
            let last = ObjectBuilder::with_capacity(2).with("time", moment(run.slot));
            let last = match run.outcome {
                Ok(arn) => last.with("executionArn", arn),
                Err(problem) => last.with("problem", problem),
            };
            extend(members, "last", last.build());
        }
    }
    shown
}

fn extend(members: &mut Object, name: &str, value: Document) {
    members.insert(Text::from(name), value);
}

fn moment(moment: Moment) -> Document {
    Document::from(moment.to_string())
}

//! What a trace is told of one execution.

use super::Subject;
use fleetstep_engine::{HistoryEvent, HistoryLevel, Trace};
use fleetstep_telemetry::{Context, Recording, Shared, Telemetry};
use std::sync::Arc;

/// Hands a trace over at the execution's end, however that comes: dropped before, it was cut off.
pub(super) struct Traced {
    telemetry: Telemetry,
    shared: Arc<Shared>,
    /// `None` where its spans are not kept, and at the end.
    recording: Option<(Recording, Arc<Subject>)>,
}

impl Traced {
    pub(super) fn new(telemetry: &Telemetry, context: &Arc<Context>, subject: &Arc<Subject>) -> Self {
        let shared = Shared::new(Context::clone(context));
        let recording = context.is_sampled().then(|| {
            let (identity, resources) = (Arc::clone(&subject.identity), Arc::clone(&subject.resources));
            let of_trace = fleetstep_telemetry::Subject { identity, resources };
            (Recording::new(Arc::clone(&shared), of_trace), Arc::clone(subject))
        });
        Self { telemetry: telemetry.clone(), shared, recording }
    }

    /// Which events it has to see.
    pub(super) fn level(&self) -> HistoryLevel {
        if self.recording.is_some() { HistoryLevel::All } else { HistoryLevel::Off }
    }

    /// What the execution's calls belong to.
    pub(super) fn of_calls(&self) -> Arc<dyn Trace> {
        Arc::clone(&self.shared) as Arc<dyn Trace>
    }

    pub(super) fn follow(&mut self, events: &[HistoryEvent]) {
        if let Some((recording, _)) = &mut self.recording
            && recording.follow(events)
        {
            self.finish();
        }
    }

    fn finish(&mut self) {
        let Some((recording, subject)) = self.recording.take() else { return };
        if let Some(trace) = recording.finish(|failure| subject.redaction.failure(failure)) {
            self.telemetry.push(trace);
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.finish();
    }
}

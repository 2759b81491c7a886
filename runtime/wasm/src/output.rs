//! What a task's `handle` returns, read where it lies in the guest's memory.

use crate::RESULT_BYTES_MAX;
use fleetstep_document::{Document, ParseError};
use wasmtime::component::__internal::wasmtime_environ::component::StringEncoding;
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext};
use wasmtime::component::{ComponentType, Lift};

/// The result of a task: a `string` on the guest's side, a document on ours, taken apart where somebody looks into it.
pub(crate) struct Output(pub(crate) Result<Document, ParseError>);

/// `task-error` of the module contract.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct TaskError {
    #[component(name = "error")]
    pub(crate) error: String,
    #[component(name = "message")]
    pub(crate) message: String,
}

/// What `handle` answers.
pub(crate) type Handled = Result<Output, TaskError>;

/// The result is larger than a result may be.
#[derive(Debug, thiserror::Error)]
#[error("the result has {0} bytes, and {RESULT_BYTES_MAX} are allowed")]
pub(crate) struct ResultTooLarge(usize);

impl Output {
    pub(crate) fn parse(text: &[u8]) -> wasmtime::Result<Self> {
        if text.len() > RESULT_BYTES_MAX {
            return Err(ResultTooLarge(text.len()).into());
        }
        Ok(Self(Document::parse_lazily(text)))
    }

    /// Parses the text where it lies; `None` when it is not in UTF-8.
    fn in_place(cx: &LiftContext<'_>, start: u32, len: u32) -> Option<wasmtime::Result<Self>> {
        if cx.options().string_encoding != StringEncoding::Utf8 {
            return None;
        }
        let (start, len) = (start as usize, len as usize);
        Some(match start.checked_add(len).and_then(|end| cx.memory().get(start..end)) {
            _ if len > RESULT_BYTES_MAX => Err(ResultTooLarge(len).into()),
            Some(text) => Self::parse(text),
            None => Err(wasmtime::Error::msg("the result lies outside of the memory")),
        })
    }
}

// SAFETY: the layout (`Lower`, `ABI`) and the type check are those of `String`, to which all three are delegated.
unsafe impl ComponentType for Output {
    type Lower = <String as ComponentType>::Lower;
    const ABI: CanonicalAbiInfo = <String as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> wasmtime::Result<()> {
        <String as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: the two words of a string, its address and its length, are read as `String` reads them, and what lies there
// is reached through a checked slice of the guest's memory only. Reading it here, and not by way of a `String`, saves
// a copy; a `WasmStr`, which makes none either, could only be read after the guest has freed the text.
unsafe impl Lift for Output {
    fn linear_lift_from_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, src: &Self::Lower) -> wasmtime::Result<Self> {
        match Self::in_place(cx, src[0].get_u32(), src[1].get_u32()) {
            Some(output) => output,
            None => Self::parse(String::linear_lift_from_flat(cx, ty, src)?.as_bytes()),
        }
    }

    fn linear_lift_from_memory(cx: &mut LiftContext<'_>, ty: InterfaceType, bytes: &[u8]) -> wasmtime::Result<Self> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        match Self::in_place(cx, word(0), word(4)) {
            Some(output) => output,
            None => Self::parse(String::linear_lift_from_memory(cx, ty, bytes)?.as_bytes()),
        }
    }
}

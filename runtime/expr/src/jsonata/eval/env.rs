//! Variables: frames that see the frames around them.

use crate::jsonata::Value;
use fleetstep_document::Text;
use std::cell::RefCell;
use std::rc::Rc;

/// A frame to share: functions keep the one that they were made in.
pub(crate) type Env = Rc<Frame>;

/// The variables of one block, call or tuple.
#[derive(Default)]
pub(crate) struct Frame {
    bindings: RefCell<Vec<(Text, Value)>>,
    parent: Option<Env>,
}

impl Frame {
    /// A frame inside `parent`.
    pub(super) fn inside(parent: &Env) -> Env {
        Rc::new(Self { bindings: RefCell::default(), parent: Some(parent.clone()) })
    }

    /// The value of a variable that the expression bound or that came in.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        let mut frame = self;
        loop {
            if let Some((_, value)) = frame.bindings.borrow().iter().find(|(known, _)| known == name) {
                return Some(value.clone());
            }
            frame = frame.parent.as_deref()?;
        }
    }

    /// Binds a variable in this frame. The evaluator's `bind` is what to call: it remembers the frames that it must
    /// empty in the end.
    pub(super) fn set(&self, name: Text, value: Value) {
        let mut bindings = self.bindings.borrow_mut();
        match bindings.iter_mut().find(|(known, _)| *known == name) {
            Some((_, bound)) => *bound = value,
            None => bindings.push((name, value)),
        }
    }

    /// Forgets the variables, so that functions and the frames that they are bound in let go of each other.
    pub(super) fn clear(&self) {
        let bindings = std::mem::take(&mut *self.bindings.borrow_mut());
        drop(bindings);
    }
}

impl Drop for Frame {
    /// Lets go of the frames around it one by one: `$eval` makes chains of them that are longer than the stack.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut frame) = next.and_then(Rc::into_inner) {
            next = frame.parent.take();
        }
    }
}

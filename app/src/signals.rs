//! Memos, readings and changing views whose code is not repeated for every type and every closure, as that of Leptos's own is:
//! docs/adr/0014-first-paint-budget.md.

use leptos::prelude::{AnyView, Get, GetUntracked, IntoAny, IntoView, RwSignal, Signal, Track};
use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

/// A value of any type that knows how to compare itself.
#[derive(Clone)]
struct Value {
    held: Arc<dyn Any + Send + Sync>,
    equal: fn(&dyn Any, &dyn Any) -> bool,
}

impl Value {
    fn new<T: PartialEq + Send + Sync + 'static>(value: T) -> Value {
        fn equal<T: PartialEq + 'static>(one: &dyn Any, other: &dyn Any) -> bool {
            one.downcast_ref::<T>() == other.downcast_ref::<T>()
        }
        Value { held: Arc::new(value), equal: equal::<T> }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        Arc::ptr_eq(&self.held, &other.held) || (self.equal)(&*self.held, &*other.held)
    }
}

type Compute = Box<dyn Fn(Option<&Value>) -> Value + Send + Sync>;
type Inner = leptos::prelude::Memo<Value>;

fn remember(compute: Compute) -> Inner {
    Inner::new(compute)
}

fn current(inner: Inner) -> Value {
    inner.get()
}

fn current_untracked(inner: Inner) -> Value {
    inner.get_untracked()
}

/// A derived value that tells its readers only when it became another one: what Leptos calls a memo.
pub struct Memo<T>(Inner, PhantomData<fn() -> T>);

impl<T> Clone for Memo<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Memo<T> {}

impl<T: PartialEq + Send + Sync + 'static> Memo<T> {
    /// Derives a value; `compute` gets the one before.
    pub fn new(compute: impl Fn(Option<&T>) -> T + Send + Sync + 'static) -> Self {
        let compute = move |before: Option<&Value>| Value::new(compute(before.and_then(|before| before.held.downcast_ref())));
        Memo(remember(Box::new(compute)), PhantomData)
    }

    /// Reads the value where it is, and follows it.
    pub fn with<U>(&self, read: impl FnOnce(&T) -> U) -> U {
        read(of(&current(self.0)))
    }

    /// Reads the value where it is.
    pub fn with_untracked<U>(&self, read: impl FnOnce(&T) -> U) -> U {
        read(of(&current_untracked(self.0)))
    }

    /// Follows the value without reading it.
    pub fn track(&self) {
        self.0.track();
    }
}

impl<T: Clone + PartialEq + Send + Sync + 'static> Memo<T> {
    /// A copy of the value, which is followed.
    pub fn get(&self) -> T {
        of::<T>(&current(self.0)).clone()
    }

    /// A copy of the value.
    pub fn get_untracked(&self) -> T {
        of::<T>(&current_untracked(self.0)).clone()
    }
}

impl<T: Clone + PartialEq + Send + Sync + 'static> From<Memo<T>> for Signal<T> {
    fn from(memo: Memo<T>) -> Self {
        Signal::derive(move || memo.get())
    }
}

/// The value of a memo of `T`, which only ever holds one.
fn of<T: 'static>(value: &Value) -> &T {
    value.held.downcast_ref().expect("a memo holds what it was made for")
}

/// The reading side of a signal whose values cost little to copy.
pub struct Reading<T: 'static>(RwSignal<T>);

impl<T> Clone for Reading<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Reading<T> {}

impl<T> From<RwSignal<T>> for Reading<T> {
    fn from(signal: RwSignal<T>) -> Self {
        Reading(signal)
    }
}

impl<T: Clone + Send + Sync + 'static> Reading<T> {
    /// A copy of the value, which is followed.
    #[inline(never)]
    pub fn get(&self) -> T {
        self.0.get()
    }

    /// A copy of the value.
    #[inline(never)]
    pub fn get_untracked(&self) -> T {
        self.0.get_untracked()
    }

    /// Reads the value, and follows it.
    pub fn with<U>(&self, read: impl FnOnce(&T) -> U) -> U {
        read(&self.get())
    }

    /// Reads the value.
    pub fn with_untracked<U>(&self, read: impl FnOnce(&T) -> U) -> U {
        read(&self.get_untracked())
    }
}

/// A view that changes with what it reads.
pub fn changing<V: IntoView + 'static>(view: impl Fn() -> V + Send + 'static) -> AnyView {
    changing_any(Box::new(move || view().into_any()))
}

fn changing_any(view: Box<dyn FnMut() -> AnyView + Send>) -> AnyView {
    view.into_any()
}

//! What a handler's extractors ask of the caller: the compiler compares it with what the route asks.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::handler::Handler;
use http::HeaderMap;

use crate::app::App;
use crate::extract::caller::{Admin, Reader, Writer};
use crate::extract::query::{NoParameters, Query};
use crate::identity::Identity;
use crate::route::Access;

/// What an extractor asks of the caller.
trait Needs {
    const ACCESS: Access;
}

macro_rules! needs {
    ($($extractor:ty => $access:ident,)*) => {
        $(impl Needs for $extractor {
            const ACCESS: Access = Access::$access;
        })*
    };
}

needs! {
    Reader => Read,
    Writer => Write,
    Admin => Admin,
    Option<Extension<Identity>> => Token,
    HeaderMap => Public,
    Request => ByHandler,
}

/// The same of a handler's parameters. The one that asks for something stands after the state, before anything that
/// could be refused for another reason.
pub trait HandlerNeeds {
    /// What they ask for.
    const ACCESS: Access;
}

macro_rules! handler_needs {
    ($($other:ident)*) => {
        impl<M, Caller: Needs, $($other),*> HandlerNeeds for (M, State<Arc<App>>, Caller, $($other,)*) {
            const ACCESS: Access = Caller::ACCESS;
        }
    };
}

handler_needs!();
handler_needs!(A);
handler_needs!(A B);
handler_needs!(A B C);
handler_needs!(A B C D);
handler_needs!(A B C D E);
handler_needs!(A B C D E F);

impl HandlerNeeds for ((),) {
    const ACCESS: Access = Access::Public;
}

impl<M> HandlerNeeds for (M, State<Arc<App>>) {
    const ACCESS: Access = Access::Public;
}

impl<M> HandlerNeeds for (M, Query<NoParameters>) {
    const ACCESS: Access = Access::Public;
}

/// What a handler's extractors ask of the caller.
pub const fn access_of<H, T>(_: &H) -> Access
where
    H: Handler<T, Arc<App>>,
    T: HandlerNeeds,
{
    T::ACCESS
}

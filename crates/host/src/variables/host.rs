//! The interface itself.

use wasmtime::component::Accessor;

use crate::bindings::variables::{self as wit, Error};
use crate::state::{Spin, State};
use crate::template::validate_name;

impl wit::Host for State {
    fn convert_error(&mut self, error: Error) -> wasmtime::Result<Error> {
        Ok(error)
    }
}

impl<T: Send> wit::HostWithStore<T> for Spin {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> Result<String, Error> {
        validate_name(&name).map_err(|error| Error::InvalidName(error.to_string()))?;
        accessor.with(|mut access| {
            let shared = &access.get().shared;
            let value = shared.variables.0.get(&name).cloned();
            value.ok_or_else(|| Error::Undefined(format!("no variable for {:?}.{name:?}", shared.component)))
        })
    }
}

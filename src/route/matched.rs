//! The routes of a request's path.

use http::{Extensions, Method};

use super::{Group, Media, Route, Successor};

/// The routes of a request's path, in its extensions.
#[derive(Debug, Clone, Copy)]
pub struct Matched {
    /// What the path belongs to.
    pub group: Group,
    routes: &'static [Route],
}

impl Matched {
    /// A path of the table.
    pub const fn path(group: Group, routes: &'static [Route]) -> Self {
        Self { group, routes }
    }

    /// A path at which there is nothing.
    pub const fn nothing(group: Group) -> Self {
        Self { group, routes: &[] }
    }

    /// What the router has noted.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self::nothing(Group::Unknown))
    }

    /// The route of a method; `None` where the path does not have it. HEAD is answered by the route of GET.
    pub fn route(self, method: &Method) -> Option<&'static Route> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.routes.iter().find(|route| route.method == *method)
    }

    /// The path, with placeholders; `None` where there is nothing.
    pub fn pattern(self) -> Option<&'static str> {
        self.routes.first().map(|route| route.path)
    }

    /// What the path answers in, whatever the method.
    pub fn media(self) -> Media {
        self.routes.first().map_or(Media::Json, |route| route.media)
    }

    /// What follows the path, whatever the method.
    pub fn successor(self) -> Option<Successor> {
        self.routes.first().and_then(|route| route.successor)
    }
}

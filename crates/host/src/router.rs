//! Which route a path matches: exact segments, `:name`, and a trailing `/...`. The most specific route wins.

use anyhow::ensure;

/// The routes of an application, most specific first.
#[derive(Debug, Default)]
pub(crate) struct Router {
    routes: Vec<Route>,
}

/// One route.
#[derive(Debug)]
pub(crate) struct Route {
    /// As written in the manifest.
    pub(crate) raw: String,
    pub(crate) component: String,
    segments: Vec<Segment>,
    /// Whether it ends in `/...`.
    wildcard: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    /// Sorts first, for the more specific route wins.
    Literal(String),
    Named(String),
}

/// A path that matched.
#[derive(Debug)]
pub(crate) struct Match<'a> {
    pub(crate) route: &'a Route,
    /// Values of the named segments.
    pub(crate) named: Vec<(&'a str, String)>,
    /// What `...` stands for, with its leading slash; empty for an exact route.
    pub(crate) trailing: String,
}

impl Route {
    fn new(raw: &str, component: &str) -> Self {
        let (path, wildcard) = match raw.strip_suffix("/...") {
            Some(path) => (path, true),
            None => (raw, false),
        };
        let segments = segments(path)
            .map(|segment| match segment.strip_prefix(':') {
                Some(name) => Segment::Named(name.to_owned()),
                None => Segment::Literal(segment.to_owned()),
            })
            .collect();
        Self { raw: raw.to_owned(), component: component.to_owned(), segments, wildcard }
    }

    /// The route of a call from a sibling: it matches every path.
    pub(crate) fn everything(component: &str) -> Self {
        Self::new("/...", component)
    }

    /// The route without its wildcard.
    pub(crate) fn prefix(&self) -> &str {
        self.raw.strip_suffix("/...").unwrap_or(&self.raw)
    }

    fn matches(&self, path: &str) -> Option<Match<'_>> {
        let mut given = segments(path);
        let mut named = Vec::new();
        for segment in &self.segments {
            match (segment, given.next()?) {
                (Segment::Literal(expected), actual) if expected == actual => {}
                (Segment::Literal(_), _) => return None,
                (Segment::Named(name), actual) => named.push((name.as_str(), actual.to_owned())),
            }
        }
        let rest: Vec<&str> = given.collect();
        if !self.wildcard && !rest.is_empty() {
            return None;
        }
        let mut trailing: String = rest.iter().flat_map(|segment| ["/", segment]).collect();
        if self.wildcard && path.ends_with('/') {
            trailing.push('/');
        }
        Some(Match { route: self, named, trailing })
    }
}

impl Router {
    /// Builds the router of `(route, component)` pairs.
    pub(crate) fn new<'a>(routes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut routes: Vec<Route> = routes.into_iter().map(|(raw, component)| Route::new(raw, component)).collect();
        // Segment by segment a literal precedes a name; of two equal beginnings the longer precedes; exact before
        // wildcard.
        routes.sort_by(|a, b| {
            let shared = a.segments.iter().zip(&b.segments);
            shared
                .map(|(a, b)| kind(a).cmp(&kind(b)))
                .find(|order| order.is_ne())
                .unwrap_or_else(|| b.segments.len().cmp(&a.segments.len()))
                .then_with(|| a.wildcard.cmp(&b.wildcard))
        });
        Self { routes }
    }

    /// Finds the route of a path.
    pub(crate) fn route(&self, path: &str) -> Option<Match<'_>> {
        self.routes.iter().find_map(|route| route.matches(path))
    }

    /// All routes, most specific first.
    pub(crate) fn routes(&self) -> &[Route] {
        &self.routes
    }
}

fn kind(segment: &Segment) -> u8 {
    match segment {
        Segment::Literal(_) => 0,
        Segment::Named(_) => 1,
    }
}

/// Slashes at the ends do not count, as in Spin; between doubled ones there is an empty segment.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let inner = path.trim_matches('/');
    (!inner.is_empty()).then(|| inner.split('/')).into_iter().flatten()
}

/// Checks a route of a manifest.
pub(crate) fn validate(route: &str) -> anyhow::Result<()> {
    ensure!(route.starts_with('/'), "a route must begin with '/'");
    let inner = route.strip_suffix("/...").unwrap_or(route);
    ensure!(!inner.contains("..."), "'...' may only be the last segment of a route");
    ensure!(!inner.contains('*'), "'*' is not supported in routes: use '/...'");
    for segment in segments(inner) {
        ensure!(segment != ":", "a named segment of a route needs a name");
    }
    ensure!(!route.starts_with("/.well-known/spin"), "routes under /.well-known/spin belong to the host");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(router: &Router, path: &str) -> Option<String> {
        router.route(path).map(|matched| matched.route.component.clone())
    }

    #[test]
    fn the_most_specific_route_wins() {
        let router = Router::new([
            ("/...", "all"),
            ("/docs/...", "docs"),
            ("/docs", "index"),
            ("/docs/:page", "page"),
            ("/docs/api", "api"),
        ]);
        assert_eq!(component(&router, "/").as_deref(), Some("all"));
        assert_eq!(component(&router, "/x/y").as_deref(), Some("all"));
        assert_eq!(component(&router, "/docs").as_deref(), Some("index"));
        assert_eq!(component(&router, "/docs/api").as_deref(), Some("api"));
        assert_eq!(component(&router, "/docs/one").as_deref(), Some("page"));
        assert_eq!(component(&router, "/docs/one/two").as_deref(), Some("docs"));
    }

    #[test]
    fn parts_of_the_path_are_reported() {
        let router = Router::new([("/u/:id/...", "c")]);
        let matched = router.route("/u/42/a/b").unwrap();
        assert_eq!(matched.named, [("id", "42".to_owned())]);
        assert_eq!(matched.trailing, "/a/b");
        assert_eq!(matched.route.prefix(), "/u/:id");
        assert!(router.route("/v/42").is_none());
    }

    #[test]
    fn slashes_count_between_segments_and_not_at_the_ends() {
        let router = Router::new([("/...", "all"), ("/u/:id/...", "user"), ("/u", "exact")]);
        assert_eq!(router.route("/x//y/").unwrap().trailing, "/x//y/");
        assert_eq!(component(&router, "//u/").as_deref(), Some("exact"));
        let matched = router.route("/u//x").unwrap();
        assert_eq!((matched.named, matched.trailing.as_str()), (vec![("id", String::new())], "/x"));
    }

    #[test]
    fn bad_routes_are_refused() {
        for route in ["x", "/a/.../b", "/*", "/:", "/.well-known/spin/x"] {
            assert!(validate(route).is_err(), "{route}");
        }
        for route in ["/", "/...", "/a/:b/..."] {
            assert!(validate(route).is_ok(), "{route}");
        }
    }
}

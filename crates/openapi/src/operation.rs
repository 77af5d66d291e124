//! One operation, described in a few words from which its parameters, headers and errors follow.

use http::Method;
use serde_json::{Map, Value, json};
use todo_api::route::{Access, Route, Version};
use todo_api::routes::ROUTES;
use todo_core::domain::access::Scope;

use super::{failure, header, parameter, schema};

/// One method of one path.
#[derive(Debug)]
pub struct Operation {
    version: Version,
    /// Its entry in the route table.
    pub route: &'static Route,
    tag: &'static str,
    summary: &'static str,
    description: Option<&'static str>,
    parameters: Vec<String>,
    /// The name of the body's schema, and its example.
    body: Option<(&'static str, Value)>,
    answers: Vec<(u16, Value)>,
    idempotent: bool,
    /// Codes of errors.
    pub codes: Vec<&'static str>,
}

impl Operation {
    /// The operation of this name.
    #[allow(clippy::panic, reason = "a name that is not in the route table is a defect of the documentation")]
    pub fn of(version: Version, id: &'static str, summary: &'static str) -> Self {
        let named = |route: &&Route| route.group.version() == Some(version) && route.id == id;
        let Some(route) = ROUTES.iter().find(named) else {
            panic!("{id} of {} is documented without a route in src/routes.rs", version.name());
        };
        let mut codes = failure::ALWAYS.to_vec();
        codes.push("not_acceptable");
        codes.extend(route.access.scope().map(|_| "insufficient_scope"));
        Self {
            version,
            route,
            tag: "todos",
            summary,
            description: None,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            idempotent: false,
            codes,
        }
    }

    /// In this group.
    pub fn tag(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    /// More about it.
    pub fn about(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// With these parameters.
    pub fn with(mut self, parameters: &[&str]) -> Self {
        self.parameters.extend(parameters.iter().map(|name| (*name).to_owned()));
        self
    }

    /// Of the one thing that `{id}` names; `missing` if there is none.
    pub fn of_one(self, missing: &'static str) -> Self {
        self.with(&["id"]).fails(&[missing])
    }

    /// One page of a list.
    pub fn paged(self) -> Self {
        self.with(&["limit", "cursor"]).fails(&["invalid_cursor"])
    }

    /// With a body of this schema.
    pub fn body(mut self, schema: &'static str, example: Value) -> Self {
        self.body = Some((schema, example));
        self.fails(&["invalid_json", "body_too_large", "unsupported_media_type", "invalid_body"])
    }

    /// With an idempotency key.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self.with(&["Idempotency-Key"]).fails(&["idempotency_in_progress", "idempotency_key_reused"])
    }

    /// With `If-Match`.
    pub fn conditional(self) -> Self {
        self.with(&["If-Match"]).fails(&["stale_version"])
    }

    /// With these errors.
    pub fn fails(mut self, codes: &[&'static str]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// Answers with an object of this schema.
    pub fn answers(mut self, status: u16, schema: &str, description: &str, headers: &[&str], example: Value) -> Self {
        let content = json!({"application/json": {"schema": schema::reference(schema), "example": example}});
        let answer = self.answer(description, headers, Some(content));
        self.answers.push((status, answer));
        self
    }

    /// Answers with another media type.
    pub fn answers_as(mut self, description: &str, headers: &[&str], content: Value) -> Self {
        let answer = self.answer(description, headers, Some(content));
        self.answers.push((200, answer));
        self
    }

    /// Answers with the document itself.
    pub fn described(self) -> Self {
        let text = json!({
            "type": "object", "required": ["openapi"], "description": "An OpenAPI document.",
            "properties": {"openapi": {"type": "string", "enum": ["3.1.0"], "description": "The version of OpenAPI."}},
        });
        let content = json!({"application/json": {"schema": text, "example": {"openapi": "3.1.0"}}});
        self.tag("meta").answers_as("The document.", &["ETag"], content)
    }

    /// Answers with nothing.
    pub fn empty(mut self, description: &str) -> Self {
        let answer = self.answer(description, &[], None);
        self.answers.push((204, answer));
        self
    }

    /// Answers with `ETag`, and 304 to whoever has it already.
    pub fn cached(mut self) -> Self {
        let answer = self.answer("The client has it already.", &["ETag"], None);
        self.answers.push((304, answer));
        self.with(&["If-None-Match"])
    }

    fn answer(&self, description: &str, headers: &[&str], content: Option<Value>) -> Value {
        let mut all = header::of_every_answer(self.version);
        for name in headers.iter().copied().chain(["X-Cache"]).chain(self.idempotent.then_some("Idempotent-Replayed")) {
            all.insert(name.to_owned(), header::reference(name));
        }
        let mut answer = json!({"description": description, "headers": all});
        if let (Some(content), Some(answer)) = (content, answer.as_object_mut()) {
            answer.insert("content".to_owned(), content);
        }
        answer
    }

    /// The name of the body's schema.
    pub fn body_schema(&self) -> Option<&'static str> {
        self.body.as_ref().map(|(schema, _)| *schema)
    }

    /// The operation object, with its errors by reference.
    pub fn object(&self) -> Value {
        let mut responses: Map<String, Value> =
            self.answers.iter().map(|(status, answer)| (status.to_string(), answer.clone())).collect();
        for (status, name, _) in failure::responses(self.version, &self.codes) {
            responses.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}));
        }
        let needs = match self.route.access {
            Access::Public | Access::ByHandler => json!([{}, {"bearer": []}]),
            Access::Token => json!([{"bearer": []}]),
            Access::Admin => json!([{"admin": [Scope::Admin]}]),
            access @ (Access::Read | Access::Write) => json!([{"bearer": [access.scope()]}]),
        };
        let id = match self.version {
            Version::V1 => format!("v1_{}", self.route.id),
            Version::V2 => self.route.id.to_owned(),
        };
        let mut object = json!({
            "operationId": id,
            "tags": [self.tag],
            "summary": self.summary,
            "description": self.description.unwrap_or(self.summary),
            "security": needs,
            "parameters": self.parameters.iter().map(|name| parameter::reference(name)).collect::<Vec<_>>(),
            "responses": responses,
        });
        let Some(fields) = object.as_object_mut() else {
            return object;
        };
        if self.version == Version::V1 {
            fields.insert("deprecated".to_owned(), true.into());
        }
        if let Some((schema, example)) = &self.body {
            let media = json!({"schema": schema::reference(schema), "example": example});
            let mut content = Map::new();
            content.insert("application/json".to_owned(), media.clone());
            if self.route.method == Method::PATCH {
                content.insert("application/merge-patch+json".to_owned(), media);
            }
            fields.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
        }
        object
    }
}

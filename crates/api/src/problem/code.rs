//! The one table of codes: what a program reads, the status, and what a person reads.

use http::StatusCode;

macro_rules! codes {
    ($($variant:ident $name:literal $status:ident $title:literal)+) => {
        /// What kind of refusal, for programs. The name is part of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// Every code.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The status of the answer.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// What it means, the same for every request.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    BadRequest "bad_request" BAD_REQUEST "The request is malformed"
    MalformedJson "malformed_json" BAD_REQUEST "The body is not JSON"
    DuplicateKey "duplicate_key" BAD_REQUEST "A key occurs twice in one object"
    TooDeep "too_deep" BAD_REQUEST "The body is nested too deeply"
    TooManyKeys "too_many_keys" BAD_REQUEST "The body has too many keys"
    UnknownMember "unknown_member" BAD_REQUEST "The body has a member that means nothing here"
    InvalidParameter "invalid_parameter" BAD_REQUEST "A parameter has an invalid name or value"
    UnknownParameter "unknown_parameter" BAD_REQUEST "A parameter means nothing here"
    RepeatedParameter "repeated_parameter" BAD_REQUEST "A parameter occurs twice"
    InvalidCursor "invalid_cursor" BAD_REQUEST "The cursor does not belong to this list"
    InvalidBookmark "invalid_bookmark" BAD_REQUEST "The bookmark is not one of ours"
    InvalidHeader "invalid_header" BAD_REQUEST "A header is malformed"
    InvalidQuery "invalid_query" BAD_REQUEST "The query is malformed"
    Unauthorized "unauthorized" UNAUTHORIZED "A valid credential is needed"
    Forbidden "forbidden" FORBIDDEN "The caller may not do this"
    NotFound "not_found" NOT_FOUND "Not found"
    Trashed "trashed" NOT_FOUND "The document is in the trash"
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "The method is not allowed here"
    RequestTimeout "request_timeout" REQUEST_TIMEOUT "The request took too long to arrive"
    Conflict "conflict" CONFLICT "The state does not allow this"
    SlugTaken "slug_taken" CONFLICT "The slug is taken"
    NotUnique "not_unique" CONFLICT "A value that must be unique is taken"
    Referenced "referenced" CONFLICT "Other documents refer to this one"
    MissingReference "missing_reference" CONFLICT "A document that this one needs is missing"
    RepeatedDocument "repeated_document" CONFLICT "Two operations write one document"
    AnswerNotKept "answer_not_kept" CONFLICT "The write was done, and its answer is not kept"
    NotTrashed "not_trashed" CONFLICT "The document is not in the trash"
    WouldHide "would_hide" CONFLICT "Publishing this would hide what is visible now"
    StaleRevision "stale_revision" PRECONDITION_FAILED "The document has changed since"
    PayloadTooLarge "payload_too_large" PAYLOAD_TOO_LARGE "The body is too large"
    RowTooLarge "row_too_large" PAYLOAD_TOO_LARGE "The document is too large to be stored"
    UriTooLong "uri_too_long" URI_TOO_LONG "The address is too long"
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "The body must be JSON"
    ContentEncoding "content_encoding" UNSUPPORTED_MEDIA_TYPE "An encoded body is not taken"
    UnknownHost "unknown_host" MISDIRECTED_REQUEST "This host is not served here"
    ValidationFailed "validation_failed" UNPROCESSABLE_ENTITY "The values are not valid"
    UnindexedQuery "unindexed_query" UNPROCESSABLE_ENTITY "No index serves this query"
    IdempotencyMismatch "idempotency_mismatch" UNPROCESSABLE_ENTITY "The key stands for another request"
    TooMuchToPopulate "too_much_to_populate" UNPROCESSABLE_ENTITY "The references lead to too much for one answer"
    QueryTooCostly "query_too_costly" UNPROCESSABLE_ENTITY "The query looks at too much"
    PreconditionRequired "precondition_required" PRECONDITION_REQUIRED "If-Match is required"
    TooManyRequests "too_many_requests" TOO_MANY_REQUESTS "Too many requests"
    Internal "internal" INTERNAL_SERVER_ERROR "Something went wrong"
    NotImplemented "not_implemented" NOT_IMPLEMENTED "Not implemented"
    Unavailable "unavailable" SERVICE_UNAVAILABLE "Unavailable for now"
    Timeout "timeout" SERVICE_UNAVAILABLE "The answer took too long"
}

impl Code {
    /// Whether the same request may succeed a little later.
    pub(crate) const fn is_temporary(self) -> bool {
        matches!(self, Self::TooManyRequests | Self::Unavailable | Self::Timeout)
    }

    /// The code for a refusal of which nothing but the status is known.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Self::RequestTimeout,
            StatusCode::CONFLICT => Self::Conflict,
            StatusCode::PAYLOAD_TOO_LARGE => Self::PayloadTooLarge,
            StatusCode::URI_TOO_LONG => Self::UriTooLong,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::UNPROCESSABLE_ENTITY => Self::ValidationFailed,
            StatusCode::TOO_MANY_REQUESTS => Self::TooManyRequests,
            StatusCode::NOT_IMPLEMENTED => Self::NotImplemented,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            other if other.is_server_error() => Self::Internal,
            _ => Self::BadRequest,
        }
    }
}

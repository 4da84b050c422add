//! Where a link to a ticket leads: words on how to answer it, the same for everybody.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use bailiwick_model::HoldId;
use http::{StatusCode, header};

/// `GET /approve/{hold}`: says how a person answers. It looks nothing up: whoever has a link
/// learns nothing by it, not even whether there is such a ticket.
pub(super) async fn page(Path(hold): Path<String>) -> Response {
    let Ok(hold) = hold.parse::<HoldId>() else {
        return (StatusCode::NOT_FOUND, "no such page\n").into_response();
    };
    let head = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (head, text(&hold)).into_response()
}

fn text(hold: &HoldId) -> String {
    format!(
        "An agent's call waits for a person.\n\n\
         Whoever answers signs with a key of their own, where Bailiwick runs:\n\n\
         \x20   bailiwick hold show {hold}\n\
         \x20   bailiwick hold approve {hold} --by NAME\n\
         \x20   bailiwick hold deny {hold} --by NAME\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_link_leads_to_words_and_anything_else_to_nothing() {
        let hold = "hold_01JD9100000000000000000000";
        let page_of = |it: &str| page(Path(it.to_owned()));
        assert_eq!(page_of(hold).await.status(), StatusCode::OK);
        assert!(text(&hold.parse().unwrap()).contains("bailiwick hold approve hold_01JD9"));
        for other in ["hold_1", "<script>", "dec_01JD9100000000000000000000", ""] {
            assert_eq!(page_of(other).await.status(), StatusCode::NOT_FOUND, "{other}");
        }
    }
}
